"""The audit chain: no byte is altered, no line moved, added or cut unseen."""

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heg.web.accounts.chain import GENESIS, Head, Kind, Line, Note, as_json, from_json, link, verify
from heg.web.accounts.records import Reason, Refused
from heg.web.accounts.rules import Rules
from tests.web.accounts.gateway import PHONE, Gateway, gateway

KEY = b"k" * 32
TEXTS = st.text(max_size=20)
NOTES = st.builds(Note, st.sampled_from(Kind), TEXTS, TEXTS, TEXTS, TEXTS)


def chain(notes: list[Note], key: bytes = KEY) -> list[Line]:
    lines: list[Line] = []
    for number, note in enumerate(notes):
        lines.append(link(lines[-1].head if lines else GENESIS, note, 1000 * number, key))
    return lines


def head(lines: list[Line]) -> Head:
    return lines[-1].head if lines else GENESIS


@given(st.lists(NOTES, max_size=8))
def test_what_was_written_verifies_and_survives_an_export(notes: list[Note]) -> None:
    lines = chain(notes)
    assert [from_json(as_json(line)) for line in lines] == lines
    verdict = verify(lines, GENESIS, [head(lines)], KEY)
    assert verdict.good
    assert (verdict.lines, verdict.head) == (len(notes), head(lines))


@given(st.lists(NOTES, min_size=1, max_size=8), st.data())
def test_any_altered_byte_is_found_at_its_line(notes: list[Note], data: st.DataObject) -> None:
    lines = chain(notes)
    at = data.draw(st.integers(0, len(lines) - 1))
    raw = bytearray(as_json(lines[at]).encode())
    place = data.draw(st.integers(0, len(raw) - 1))
    raw[place] ^= 1 << data.draw(st.integers(0, 7))
    try:
        altered = from_json(raw.decode("utf-8", "surrogateescape"))
    except ValueError:
        return  # is said to be no line at all
    if altered == lines[at]:
        return  # such as the case of a hexadecimal digit
    verdict = verify([*lines[:at], altered, *lines[at + 1 :]], GENESIS, [head(lines)], KEY)
    assert verdict.first_altered == at + 1


@given(st.lists(NOTES, min_size=2, max_size=8, unique_by=lambda note: note.detail), st.data())
def test_a_missing_moved_or_repeated_line_is_found(notes: list[Note], data: st.DataObject) -> None:
    lines = chain(notes)
    at = data.draw(st.integers(0, len(lines) - 1))
    other = data.draw(st.integers(0, len(lines) - 1).filter(lambda number: number != at))
    swapped = list(lines)
    swapped[at], swapped[other] = swapped[other], swapped[at]
    assert verify(swapped, GENESIS, [head(lines)], KEY).first_altered == min(at, other) + 1
    assert verify([*lines[:at], *lines[at + 1 :]], GENESIS, [head(lines)], KEY).first_altered == at + 1
    repeated = [*lines[: at + 1], *lines[at:]]
    assert not verify(repeated, GENESIS, [head(lines)], KEY).good


@given(st.lists(NOTES, min_size=1, max_size=8), st.data())
def test_a_chain_that_was_cut_is_found(notes: list[Note], data: st.DataObject) -> None:
    lines = chain(notes)
    left = data.draw(st.integers(0, len(lines) - 1))
    assert verify(lines[:left], GENESIS, [head(lines)], KEY).first_altered == left + 1


@given(st.lists(NOTES, min_size=1, max_size=8), st.data())
def test_who_has_no_key_cannot_make_the_rest_anew(notes: list[Note], data: st.DataObject) -> None:
    lines = chain(notes)
    at = data.draw(st.integers(0, len(lines) - 1))
    forged = list(lines[:at])
    for number, note in enumerate(notes[at:], start=at):
        changed = replace(note, detail=note.detail + "!") if number == at else note
        forged.append(link(head(forged), changed, 1000 * number, b"another key"))
    assert verify(forged, GENESIS, [head(lines)], KEY).first_altered == at + 1
    unsealed = verify(forged, GENESIS, (), None)
    assert unsealed.good  # without key and head nobody can know: the documentation says so


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", "null", "1", '{"seq": "x"}', '{"seq":1,"time_ms":1e400}', "[" * 5000, "\ud800"]
)
def test_what_is_no_line_is_said_to_be_none(text: str) -> None:
    with pytest.raises(ValueError, match="heg audit export"):
        from_json(text)


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gateway]:
    with gateway(tmp_path, Rules(audit_rows=50, audit_batch=10)) as made:
        yield made


def note(gate: Gateway, count: int) -> None:
    for number in range(count):
        gate.passes(1)
        gate.ledger.note(Note(Kind.COMMAND, "owner", "::1", "done", f"number {number}"), gate.now)


def test_a_chain_goes_on_over_a_restart(gate: Gateway) -> None:
    gate.claim()
    note(gate, 3)
    gate.restarts()
    note(gate, 3)
    verdict = gate.ledger.verify()
    assert verdict.good
    assert verdict.lines == 8  # the code that was made, the claim, and six


def test_old_lines_are_let_go_and_the_rest_still_verifies(gate: Gateway) -> None:
    note(gate, 120)
    verdict = gate.ledger.verify()
    assert verdict.good
    assert verdict.head.seq == 120
    assert verdict.lines <= 50
    gate.restarts()
    assert gate.ledger.verify().good


def test_lines_that_others_let_go_are_missing(gate: Gateway) -> None:
    note(gate, 20)
    with sqlite3.connect(gate.folder / "accounts.sqlite") as other:
        other.execute("DELETE FROM audit WHERE seq <= 5")
    other.close()
    assert gate.ledger.verify().first_altered == 1


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("time_ms", 1),
        ("kind", "login"),
        ("who", "eve"),
        ("address", "1.2.3.4"),
        ("outcome", "refused"),
        ("detail", b"\xff\xfe"),
        ("hash", b"\0" * 32),
        ("seal", b"\0" * 16),
        ("seq", 1000),
    ],
)
def test_every_column_in_the_file_is_covered(gate: Gateway, column: str, value: object) -> None:
    note(gate, 9)
    with sqlite3.connect(gate.folder / "accounts.sqlite") as other:
        if isinstance(value, bytes) and column == "detail":
            other.execute("UPDATE audit SET detail = CAST(? AS TEXT) WHERE seq = 4", (value,))
        else:
            other.execute(f"UPDATE audit SET {column} = ? WHERE seq = 4", (value,))
    other.close()
    assert gate.ledger.verify().first_altered == 4


def test_a_flood_of_refusals_is_counted_not_written(gate: Gateway) -> None:
    refused = Refused(Reason.WRONG, "a name and its password")
    for _ in range(1000):
        gate.ledger.note_refusal("unknown name", PHONE, refused, gate.now)
    gate.passes(gate.rules.refusals_every_s)
    gate.ledger.note_refusal("unknown name", PHONE, refused, gate.now)
    lines = list(gate.ledger.lines())
    assert len(lines) == 31
    assert "970 more" in lines[-1].detail


def test_an_exported_line_reads_as_json(gate: Gateway) -> None:
    note(gate, 1)
    (line,) = gate.ledger.lines()
    found = json.loads(as_json(line))
    assert (found["seq"], found["who"], found["detail"]) == (1, "owner", "number 0")
