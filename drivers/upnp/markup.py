"""Small XML documents from strangers, read by the standard library's expat with every cap and no document types.

Without a document type there are no entities, so nothing can be expanded or fetched (spec upnp-appliances.md, Beyond).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from xml.parsers import expat
from xml.sax.saxutils import escape as _escape

_LONGEST_CAME = 80


@dataclass(frozen=True, slots=True)
class Caps:
    """What a document may have at most: bytes, depth, elements, letters of text in one element."""

    size: int = 16_384
    deep: int = 12
    elements: int = 256
    text: int = 4_096


class MarkupError(ValueError):
    """Not such a document; the message says what was expected and what came."""


@dataclass(slots=True)
class Element:
    """One element: its local name, its namespace (empty: none), its text without what its children hold."""

    name: str
    space: str
    text: str
    children: "list[Element]"
    attributes: Mapping[str, str] = field(default_factory=dict)

    def child(self, name: str) -> "Element | None":
        """Return the first child of a local name."""
        return next((one for one in self.children if one.name == name), None)

    def text_at(self, *path: str) -> str:
        """Return the text at the end of a path of names, without white space around it; empty when nothing is there."""
        here: Element | None = self
        for name in path:
            here = None if here is None else here.child(name)
        return "" if here is None else here.text.strip()

    def below(self, group: str, name: str) -> "list[Element]":
        """Return the children of a name in the first child called `group`."""
        found = self.child(group)
        return [] if found is None else [one for one in found.children if one.name == name]

    def texts(self) -> Iterator[tuple[str, str]]:
        """Yield local name and text of each child, without white space around it."""
        for one in self.children:
            yield one.name, one.text.strip()


def read(body: bytes, caps: Caps) -> Element:
    """Return the root of a document. Raises `MarkupError`."""
    if len(body) > caps.size:
        raise MarkupError(f"expected at most {caps.size} bytes of XML, came {len(body)}")
    builder = _Builder(caps)
    parser = expat.ParserCreate(None, " ")
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = _refuse_doctype
    parser.StartElementHandler = builder.begin
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.text
    try:
        parser.Parse(body, True)
    except MarkupError:
        raise
    except (expat.ExpatError, ValueError, LookupError) as error:  # an unknown encoding is a LookupError
        raise MarkupError(f"expected XML, came something else: {str(error)[:_LONGEST_CAME]}") from None
    return builder.root


def escaped(text: str) -> str:
    """Return text as it may stand in an element or in a quoted attribute."""
    return _escape(text, {'"': "&quot;"})


def _refuse_doctype(*_: object) -> None:
    raise MarkupError("expected XML without a document type declaration")


class _Builder:
    """Takes the parser's events."""

    def __init__(self, caps: Caps) -> None:
        self._caps = caps
        self._open: list[Element] = []
        self._count = 0
        self.root = Element("", "", "", [])

    def begin(self, name: str, attributes: dict[str, str]) -> None:
        space, _, local = name.rpartition(" ")
        self._count += 1
        if self._count > self._caps.elements or len(self._open) >= self._caps.deep:
            most = f"at most {self._caps.elements} elements, {self._caps.deep} deep"
            raise MarkupError(f"expected {most}, came more")
        element = Element(local, space, "", [], attributes)
        if self._open:
            self._open[-1].children.append(element)
        else:
            self.root = element
        self._open.append(element)

    def text(self, text: str) -> None:
        element = self._open[-1]
        if len(element.text) + len(text) > self._caps.text:
            raise MarkupError(f"expected at most {self._caps.text} letters in {element.name[:40]}, came more")
        element.text += text

    def end(self, _name: str) -> None:
        self._open.pop()
