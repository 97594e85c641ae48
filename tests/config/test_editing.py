"""Edits by program: what is meant is said, and nothing that the owner wrote beside it is lost."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heg.config.changes import changes
from heg.config.editing import edited
from heg.model.edits import Append, Discard, Drop, Edit, EditError, Put, Rename

HOUSE = """# my house
[contract] # the contract
max_import_kw = 6.0   # as of May

# the battery in the cellar
[device.battery]
serial = "X1" # printed on its side
capacity_kwh = 10

# the car
[device.car]
serial = "C"

[modbus]
# two of them
hosts = [
  "10.0.0.1",  # inverter
  "10.0.0.2",  # meter
]
serial = [{ port = "/dev/ttyUSB0", units = [1, 2] }]
"""


def diff(*edits: Edit, text: str = HOUSE) -> tuple[list[str], list[str]]:
    """Lines that went and lines that came."""
    before, after = text.splitlines(), edited(text, edits).splitlines()
    return [one for one in before if one not in after], [one for one in after if one not in before]


def test_a_section_is_renamed_where_it_stands() -> None:
    assert diff(Rename(("device", "battery"), "akku")) == (["[device.battery]"], ["[device.akku]"])


def test_a_value_changes_and_its_comment_stays() -> None:
    went, came = diff(Put(("contract", "max_import_kw"), 9.5))
    assert (went, came) == (["max_import_kw = 6.0   # as of May"], ["max_import_kw = 9.5   # as of May"])


def test_a_new_key_stands_with_its_section_and_not_below_the_next_ones_comment() -> None:
    text = edited(HOUSE, [Put(("device", "battery", "reserve_share"), 0.2)])
    assert "capacity_kwh = 10\nreserve_share = 0.2\n\n# the car\n[device.car]" in text


def test_a_new_section_stands_at_the_end() -> None:
    text = edited(HOUSE, [Put(("device", "pv", "serial"), "P"), Put(("device", "pv", "max_charge_kw"), 3.0)])
    assert text == HOUSE + '\n[device.pv]\nserial = "P"\nmax_charge_kw = 3.0\n'
    assert edited("", [Put(("device", "pv", "serial"), "P")]) == '[device.pv]\nserial = "P"\n'


def test_a_section_goes_with_its_own_comment_and_leaves_its_neighbours() -> None:
    went, came = diff(Drop(("device", "battery")))
    assert went == HOUSE.splitlines()[4:8]
    assert not came


def test_an_address_is_added_to_a_list_and_taken_out() -> None:
    assert diff(Append(("modbus", "hosts"), "10.0.0.3")) == ([], ['  "10.0.0.3",'])
    assert diff(Discard(("modbus", "hosts"), ("10.0.0.1",))) == (['  "10.0.0.1",  # inverter'], [])
    emptied = edited(HOUSE, [Discard(("modbus", "hosts"), ("10.0.0.1", "10.0.0.2"))])
    assert "hosts" not in tomllib.loads(emptied)["modbus"]


def test_a_table_in_a_list_is_a_section_of_its_own() -> None:
    entry = {"template": "keba-p30", "host": "10.0.0.9"}
    text = edited(HOUSE, [Append(("modbus", "device"), entry), Append(("modbus", "device"), entry)])
    assert tomllib.loads(text)["modbus"]["device"] == [entry, entry]
    assert text.startswith(HOUSE)
    assert tomllib.loads(edited(text, [Discard(("modbus", "device"), (entry,))])) == tomllib.loads(HOUSE)


@pytest.mark.parametrize(
    "text",
    ['device.battery.serial = "X1"\n', 'device = { battery = { serial = "X1" } }\n', '[device]\nbattery.serial="X1"'],
)
def test_other_ways_to_write_a_section_are_edited_too(text: str) -> None:
    renamed = edited(text, [Rename(("device", "battery"), "akku"), Put(("device", "akku", "role"), "meter")])
    assert tomllib.loads(renamed) == {"device": {"akku": {"serial": "X1", "role": "meter"}}}


def test_lines_end_as_they_did() -> None:
    text = edited(HOUSE.replace("\n", "\r\n"), [Put(("device", "car", "role"), "vehicle"), Put(("site", "tilt"), 30.0)])
    assert "\n" not in text.replace("\r\n", "")


def test_what_looks_like_a_header_within_a_text_is_none() -> None:
    text = 'note = """\n[device.battery]\n"""\n[device.battery]\nserial = "1"\n'
    with pytest.raises(EditError, match=r"device\.battery: expected a text that can be changed there"):
        edited(text, [Rename(("device", "battery"), "akku")])


@pytest.mark.parametrize(
    "edit",
    [
        Rename(("device", "boiler"), "x"),
        Rename(("device", "car"), "battery"),
        Put(("contract", "max_import_kw", "x"), 1),
    ],
)
def test_an_edit_that_has_no_place_is_refused(edit: Edit) -> None:
    with pytest.raises(EditError):
        edited(HOUSE, [edit])


NAMES = st.sampled_from(["battery", "car", "pv", "meter"])
edit = st.one_of(
    st.builds(lambda name, value: Put(("device", name, "capacity_kwh"), value), NAMES, st.integers(1, 99)),
    st.builds(lambda name, value: Put(("device", name, "serial"), value), NAMES, st.text("ab\"'\\é#", max_size=5)),
    st.builds(lambda old, new: Rename(("device", old), new), NAMES, NAMES),
    st.builds(lambda host: Append(("modbus", "hosts"), host), st.sampled_from(["10.0.0.1", "10.0.0.7"])),
    st.builds(lambda value: Put(("contract", "max_import_kw"), value), st.floats(1.0, 50.0)),
)
COMMENTS = [line[line.index("#") :] for line in HOUSE.splitlines() if "#" in line]


@settings(max_examples=200, deadline=None)
@given(st.lists(edit, max_size=8))
def test_no_comment_is_lost_by_any_sequence_of_edits(edits: list[Edit]) -> None:
    text = HOUSE
    for one in edits:
        try:
            text = edited(text, [one])
        except EditError:
            continue  # a name that is taken, or not there
    for comment in COMMENTS:
        assert comment in text
    tomllib.loads(text)


def test_changes_are_told_by_key_and_comments_are_none() -> None:
    after: Any = edited(HOUSE, [Put(("contract", "max_import_kw"), 9.5), Rename(("device", "car"), "auto")])
    assert [str(one) for one in changes(HOUSE, after + "# more\n")] == [
        "[contract] max_import_kw = 9.5, was 6.0",
        '[device.car] serial = "C" is gone',
        '[device.auto] serial = "C" is new',
    ]
    assert not changes(HOUSE, HOUSE.replace("# the car", "# the old car"))


def test_a_table_is_put_into_a_list_that_stands_on_one_line() -> None:
    line = {"port": "/dev/ttyUSB1", "units": [3]}
    text = edited(HOUSE, [Append(("modbus", "serial"), line)])
    assert tomllib.loads(text)["modbus"]["serial"][1] == line
    assert "# inverter" in text
