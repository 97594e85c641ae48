"""Whatever stands in the file: it is read, or refused in words. Never anything else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from heg.config.faults import ConfigFault
from heg.config.reader import LARGEST_FILE_BYTES, ConfigError, load
from heg.config.schema import HegConfig
from heg.runtime.secrets import SecretReference
from tests.support.sections import Sectioned

quickly = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


class BusSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A driver's section with one of everything."""

    hosts: tuple[str, ...] = ()
    units: list[int] = []
    token: SecretReference | None = None
    parts: tuple[SecretReference, ...] = ()
    named: dict[str, SecretReference] = {}


SECTIONS = [*(field.name for field in msgspec.structs.fields(HegConfig)), "bus", "other"]
KEYS = ["hosts", "units", "token", "parts", "named", "file", "env", "max_import_kw", "max_export_kw", "serial", "speed"]
values = st.recursive(
    st.one_of(
        st.booleans(),
        st.integers(-(2**63), 2**63 - 1),
        st.floats(allow_nan=True, allow_infinity=True),
        st.text(st.characters(codec="utf-8", categories=["L", "N", "P"]), max_size=8),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(KEYS), inner, max_size=3)),
    max_leaves=6,
)


def toml(value: Any) -> str:
    """A value as inline TOML."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    if isinstance(value, float):
        return repr(value) if "e" not in repr(value) else f"{value:.3f}"
    return json.dumps(value, ensure_ascii=False)


def refused_or_read(path: Path, text: str | bytes) -> None:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    faults: tuple[ConfigFault, ...] = ()
    try:
        load(path, {"bus": Sectioned(BusSection)})
    except ConfigError as error:
        faults = error.faults
        lines = str(error).splitlines()
    else:
        lines = []
    assert len(lines) == len(faults)
    assert all(line.startswith("heg.toml: ") for line in lines)


@quickly
@given(document=st.dictionaries(st.sampled_from(SECTIONS), values, max_size=5))
@example(document={"bus": {"token": {}}})
@example(document={"bus": {"parts": [{"env": "A"}, {"file": "a", "env": "b"}]}})
@example(document={"bus": {"named": {"a": 3}}})
@example(document={"device": [1]})
@example(document={"device": {"serial": {"serial": "x"}}})
def test_any_document_is_read_or_refused_in_words(tmp_path: Path, document: dict[str, Any]) -> None:
    refused_or_read(tmp_path / "heg.toml", "".join(f"{key} = {toml(item)}\n" for key, item in document.items()))


@quickly
@given(text=st.binary(max_size=60))
def test_any_bytes_are_refused_in_words(tmp_path: Path, text: bytes) -> None:
    refused_or_read(tmp_path / "heg.toml", text)


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "heg.toml"
    path.write_bytes(b"#" * (LARGEST_FILE_BYTES + 1))
    with pytest.raises(ConfigError, match="at most 128000 bytes"):
        load(path, {})


def test_a_folder_in_its_place_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="readable"):
        load(tmp_path, {})


@pytest.mark.parametrize("text", ["a = " + "[" * 100_000, "a = " + "9" * 5000, "a = 1e999999", "a = 9999-99-99"])
def test_what_no_person_writes_is_refused_in_words_too(tmp_path: Path, text: str) -> None:
    refused_or_read(tmp_path / "heg.toml", text)
