"""Rows as CSV (RFC 4180), for people who open them in a spreadsheet."""

import csv
import io
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Annotated

from msgspec import Meta

CSV = "text/csv; charset=utf-8"
JSON_LINES = "application/x-ndjson"
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class Format(StrEnum):
    """In what an answer comes: JSON in pages, CSV whole."""

    JSON = "json"
    CSV = "csv"


Wish = Annotated[Format, Meta(description="json (in pages) or csv (whole)")]


def as_csv(rows: Iterable[Sequence[object]]) -> bytes:
    """Return rows as CSV. A text that a spreadsheet would take for a formula is quoted from it by an apostrophe."""
    text = io.StringIO()
    writer = csv.writer(text)
    for row in rows:
        writer.writerow([_cell(cell) for cell in row])
    return text.getvalue().encode()


def _cell(cell: object) -> object:
    if isinstance(cell, str) and cell.startswith(_FORMULA):
        return f"'{cell}"
    return cell
