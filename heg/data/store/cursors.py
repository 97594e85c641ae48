"""Cursors: where a reader stopped, as an opaque text with a check, so that nobody can make one up."""

import base64
import binascii
import json
import zlib
from collections.abc import Sequence

_LIMIT = 200


def make_cursor(kind: str, *fields: int | str) -> str:
    """Return the text of a cursor."""
    data = json.dumps([kind, *fields], separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(zlib.crc32(data).to_bytes(4, "big") + data).decode().rstrip("=")


def read_cursor(cursor: str, kind: str, types: Sequence[type]) -> list[int | str] | None:
    """Return the fields of a cursor, or None for one that is not ours, damaged, or of another kind."""
    if not isinstance(cursor, str) or len(cursor) > _LIMIT or not cursor.isascii():
        return None
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        fields = json.loads(raw[4:])
    except (binascii.Error, ValueError, RecursionError):
        return None
    if zlib.crc32(raw[4:]).to_bytes(4, "big") != raw[:4] or not isinstance(fields, list) or fields[:1] != [kind]:
        return None
    values = fields[1:]
    if len(values) != len(types) or any(type(v) is not t for v, t in zip(values, types, strict=True)):
        return None
    return values
