"""XML from strangers: read within its caps, or refused in words; never expanded, never a traceback."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.upnp.markup import Caps, Element, MarkupError, escaped, read

CAPS = Caps(size=4096, deep=6, elements=40, text=200)


def test_names_spaces_and_texts_are_read() -> None:
    root = read(b"<a:x xmlns:a='urn:s'><y> one </y><y>two</y><!-- no --><z/></a:x>", CAPS)
    assert (root.name, root.space) == ("x", "urn:s")
    assert list(root.texts()) == [("y", "one"), ("y", "two"), ("z", "")]
    found = root.child("z")
    assert found is not None
    assert not found.children
    assert root.child("w") is None


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", "without a document type"),
        ("<!DOCTYPE a SYSTEM 'http://elsewhere.example/a'><a/>".encode("utf-16"), "without a document type"),
        (b"<a>&b;</a>", "undefined entity"),
        (b"<?xml version='1.0' encoding='klingon'?><a/>", "expected XML"),
        (b"", "no element found"),
        (b"<a>", "no element found"),
        (b"\x00\xff", "came something else"),
        (b"<a>" * 7 + b"</a>" * 7, "6 deep"),
        (b"<a>" + b"<b/>" * 40 + b"</a>", "at most 40 elements"),
        (b"<a>" + b"c" * 201 + b"</a>", "at most 200 letters in a"),
        (b"<a>" + b"c" * 5000 + b"</a>", "at most 4096 bytes"),
        (b"<a b='1' b='2'/>", "duplicate attribute"),
    ],
)
def test_what_is_no_such_document_is_refused_in_words(body: bytes, expected: str) -> None:
    with pytest.raises(MarkupError, match=expected):
        read(body, CAPS)


@given(st.binary(max_size=5000) | st.text(alphabet="<>/ab&;!'= \x00é", max_size=300).map(str.encode))
def test_anything_is_read_or_refused(body: bytes) -> None:
    began_s = time.process_time()
    said = ""
    try:
        root = read(body, CAPS)
    except MarkupError as error:
        said = str(error)
    else:
        assert _count(root) <= CAPS.elements
    assert len(said) < 200
    assert time.process_time() - began_s < 0.5


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=100))
def test_what_is_escaped_is_read_back(text: str) -> None:
    try:
        root = read(f'<a b="{escaped(text)}">{escaped(text)}</a>'.encode(), Caps())
    except MarkupError:
        assert any(letter in text for letter in "\ufffe\uffff")  # letters that no XML may hold
    else:
        assert root.text == text


def _count(element: Element) -> int:
    return 1 + sum(map(_count, element.children))
