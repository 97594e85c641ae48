"""XML of others, read flat and bounded: elements with their text, in their order. No document type is taken."""

from dataclasses import dataclass
from xml.parsers import expat

_DEEPEST = 16
_MOST_ELEMENTS = 2000


class MarkupError(ValueError):
    """What came is not the XML that is read here."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """An element without elements inside: its name and text, and which element it is in, by number."""

    name: str
    text: str
    parent: int


def leaves(document: bytes) -> list[Leaf]:
    """List the leaves of a document, namespaces left out. Raises `MarkupError`."""
    found: list[Leaf] = []
    path: list[tuple[str, int]] = []
    text: list[str] = []
    count, last = 0, 0

    def start(name: str, _attributes: dict[str, str]) -> None:
        nonlocal count, last
        count += 1
        if len(path) >= _DEEPEST or count > _MOST_ELEMENTS:
            raise MarkupError("expected a smaller document")
        path.append((name.rpartition("\n")[2], count))
        last = count
        text.clear()

    def end(_: str) -> None:
        name, number = path.pop()
        if number == last:
            found.append(Leaf(name, "".join(text).strip(), path[-1][1] if path else 0))
        text.clear()

    parser = expat.ParserCreate(namespace_separator="\n")
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = text.append
    parser.StartDoctypeDeclHandler = _no_doctype
    try:
        parser.Parse(document, True)
    except (expat.ExpatError, ValueError, LookupError) as error:
        raise MarkupError(f"expected XML: {error}") from None
    return found


def _no_doctype(*_: object) -> None:
    raise MarkupError("expected no document type declaration")
