"""Sections of a TOML text as the lines that people see: a header, its keys, the comments right above. Pure.

What these functions find is checked by whoever calls them, against what the text means.
"""

import re
from collections.abc import Iterator, Mapping

_HEADER = re.compile(r"[ \t]*(\[{1,2})([^\[\]#]+)(\]{1,2})[ \t]*(?:#.*)?")


def has_section(text: str, key: tuple[str, ...]) -> bool:
    """Tell whether a section has a header of its own."""
    return any(found == key for _, found in _headers(text.splitlines()))


def with_section(text: str, key: tuple[str, ...], values: Mapping[str, object], *, of_a_list: bool = False) -> str:
    """Put a section at the end, a line of room before it."""
    import tomlkit

    end = "\r\n" if "\r\n" in text else "\n"
    name = ".".join(_quoted(piece) for piece in key)
    header = f"[[{name}]]" if of_a_list else f"[{name}]"
    keys = [f"{_quoted(one)} = {tomlkit.item(value).as_string()}" for one, value in values.items()]
    before = text.rstrip("\r\n")
    return end.join((*((before, "") if before else ()), header, *keys, ""))


def with_key(text: str, key: tuple[str, ...], value: object) -> str:
    """Put a new key at the end of a section that has a header."""
    import tomlkit

    end = "\r\n" if "\r\n" in text else "\n"
    kept = text.splitlines(keepends=True)
    headers = list(_headers(kept))
    index = next(number for number, (_, piece) in enumerate(headers) if piece == key[:-1])
    last = _end_of(kept, headers, index)
    while last > headers[index][0] + 1 and not kept[last - 1].strip():
        last -= 1
    if not kept[last - 1].endswith("\n"):
        kept[last - 1] += end
    kept.insert(last, f"{_quoted(key[-1])} = {tomlkit.item(value).as_string()}{end}")
    return "".join(kept)


def with_section_renamed(text: str, key: tuple[str, ...], name: str) -> str | None:
    """Give a section, and those below it, another last name where they stand; None where it has no header."""
    kept = text.splitlines(keepends=True)
    found = [(number, piece) for number, piece in _headers(kept) if piece[: len(key)] == key]
    if not found:
        return None
    for number, piece in found:
        renamed = (*key[:-1], name, *piece[len(key) :])
        match = _HEADER.match(kept[number])
        assert match is not None
        start, end = match.span(2)
        kept[number] = kept[number][:start] + ".".join(map(_quoted, renamed)) + kept[number][end:]
    return "".join(kept)


def without_section(text: str, key: tuple[str, ...]) -> str | None:
    """Take a section out, with those below it and the comment right above; None where it has no header.

    A comment above the next section stays with that one.
    """
    kept = text.splitlines(keepends=True)
    headers = list(_headers(kept))
    spans = [
        (_with_comment(kept, number, 0), _end_of(kept, headers, index))
        for index, (number, piece) in enumerate(headers)
        if piece[: len(key)] == key
    ]
    if not spans:
        return None
    for start, end in reversed(spans):
        del kept[start:end]
    return "".join(kept)


def _headers(found: list[str]) -> Iterator[tuple[int, tuple[str, ...]]]:
    for number, line in enumerate(found):
        match = _HEADER.fullmatch(line.rstrip("\r\n"))
        if match is not None and len(match[1]) == len(match[3]):
            yield number, tuple(piece.strip().strip("\"'") for piece in match[2].split("."))


def _end_of(kept: list[str], headers: list[tuple[int, tuple[str, ...]]], index: int) -> int:
    if index + 1 == len(headers):
        return len(kept)
    return _with_comment(kept, headers[index + 1][0], headers[index][0] + 1)


def _with_comment(kept: list[str], number: int, first: int) -> int:
    """The line at which the comment above a header begins."""
    while number > first and kept[number - 1].lstrip().startswith("#"):
        number -= 1
    return number


def _quoted(piece: str) -> str:
    return (
        piece if re.fullmatch(r"[A-Za-z0-9_-]+", piece) else '"' + piece.replace("\\", "\\\\").replace('"', '\\"') + '"'
    )
