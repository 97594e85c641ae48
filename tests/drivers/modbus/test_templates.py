"""Template files: every example of a manual, what a file may not say, and registers from anybody."""

import struct
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.modbus.config import TemplatedEntry
from drivers.modbus.registers import decode, encode
from drivers.modbus.template import Register, TemplateError, names, page, read, template

ROOT = Path(__file__).parents[3]
EXAMPLES = [(name, example) for name in names() for example in template(name).examples]
KEBA = (ROOT / "drivers" / "modbus" / "templates" / "keba-p30.toml").read_text()


@pytest.mark.parametrize(("name", "example"), EXAMPLES, ids=lambda value: str(getattr(value, "register", value)))
def test_examples_of_the_manual_read_as_it_says(name, example):
    data = struct.pack(f">{len(example.words)}H", *example.words)
    assert decode(template(name).registers[example.register], data) == pytest.approx(example.value)


def test_the_page_is_printed_from_the_templates():
    mend = "python -c 'from drivers.modbus.template import page; print(page())' > docs/users/modbus-templates.md"
    assert (ROOT / "docs" / "users" / "modbus-templates.md").read_text() == page() + "\n", f"print it again: {mend}"


@pytest.mark.parametrize(
    ("was", "instead", "said"),
    [
        ('variable = "power.active"', 'variable = "power.imagined"', "of the catalogue"),
        ('register = "total_energy"', 'register = "absent"', "'absent': expected one of"),
        ('type = "uint16", factor', 'type = "uint24", factor', "expected one of uint16"),
        ('is = "plugged"', 'is = "flying"', "expected one of charging, plugged, unplugged"),
        ("write_function = 6", "write_function = 9", "expected 6 or 16"),
        (
            'enable = { address = 5014, type = "uint16" }',
            'enable = { address = 5014, type = "uint32" }',
            "one register",
        ),
        ("smallest_a = 6", "smallest_a = -1", "smallest_a"),
        ("unit = 255", "unit = 255\nfoo = 1", "foo"),
        ('kind = "charger"', 'kind = "toaster"', "kind"),
        ("[charger.pause]", "[charger.pause", "templates/keba-p30.toml"),
    ],
)
def test_a_template_that_cannot_be_is_refused_by_name(was, instead, said):
    assert was in KEBA
    with pytest.raises(TemplateError, match=said):
        read(KEBA.replace(was, instead, 1), "keba-p30")


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"template": "kebab", "host": "a"}, "expected one of keba-p30"),
        ({"template": "keba-p30", "host": "10.0.0.0/24"}, "one address"),
        ({"template": "keba-p30", "host": "a", "phases": 2}, "1 or 3"),
        ({"template": "keba-p30", "host": "a", "max_a": 5}, "max_a"),
        ({"template": "keba-p30"}, "host"),
    ],
)
def test_an_entry_that_means_nothing_is_named(entry, said):
    with pytest.raises(msgspec.ValidationError, match=said):
        msgspec.convert(entry, TemplatedEntry)


types = st.sampled_from(["uint16", "int16", "uint32", "int32", "uint64", "float32"])
registers = st.builds(
    Register,
    address=st.integers(0, 65535),
    type=types,
    factor=st.sampled_from([1.0, 0.1, 0.001, 1e-6]),
    high=st.one_of(st.none(), st.floats(0.0, 1e6)),
)


@given(registers, st.binary(max_size=12))
def test_whatever_comes_is_a_value_in_range_or_none(register, data):
    value = decode(register, data)
    assert value is None or (register.low <= value and (register.high is None or value <= register.high))


@given(registers, st.floats())
def test_what_is_written_is_never_more_than_was_meant(register, value):
    data = encode(register, value)
    if data is None or register.type == "float32":
        return
    assert len(data) == 2 * register.words
    back = decode(msgspec.structs.replace(register, low=-1e30, high=None), data)
    assert back is not None
    assert back <= value + 1e-6 * max(1.0, abs(value))
