"""Lines and tables for people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def say(lines: Iterable[str]) -> None:
    """Print lines; what could steer a terminal is left out, wherever it came from."""
    for line in lines:
        print("".join(letter if letter.isprintable() else " " for letter in line))


def in_columns(head: Sequence[str], rows: Iterable[Sequence[str]], none: str) -> Iterable[str]:
    """Yield rows under a head in columns as wide as their widest cell; `none` where there are no rows."""
    cells = [tuple(head), *(tuple(row) for row in rows)]
    if len(cells) == 1:
        yield none
        return
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def number(value: float | None, digits: int = 3) -> str:
    """Return a number with so many digits behind the point, - for what is not known."""
    return "-" if value is None else f"{value:.{digits}f}"


def share(value: float | None) -> str:
    """Return a share as percent, - for what is not known."""
    return "-" if value is None else f"{100 * value:.0f} %"
