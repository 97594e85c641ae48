"""What appliance.toml may say, and how its faults are said: all at once, by key, with what was expected."""

from __future__ import annotations

import contextlib
import re
from datetime import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.config import ApplianceConfig
from appliance.config_file import ConfigError, _struct_in, load, parse
from heg.model.appliances import PowerState, WakeMethod

LEAST: dict[str, Any] = {"appliance": {"name": "Fridge"}, "logind": {}}


def test_a_name_and_what_it_is_are_enough() -> None:
    config = parse(LEAST)
    assert (config.appliance.wake, config.network.port, config.network.max_age_s) == (WakeMethod.WOL, 8467, 1800)


def test_everything_that_may_be_said() -> None:
    config = parse(
        {
            "appliance": {"name": "Pump", "rated_w": 800, "wake": "none", "timezone": "Europe/Berlin"},
            "network": {"interface": "eth0", "max_age_s": 600},
            "command": {"state": ["/bin/state"], "on": ["/bin/pump", "on"], "off": ["/bin/pump", "off"]},
            "condition": {"full": {"command": ["/bin/full"]}},
            "rule": [{"never": ["off"], "between": ["22:00:00", "06:00:00"], "while": "full", "why": "it floods"}],
            "cycle": {"flush": {"watts": [800, 400.5], "step_minutes": 5}},
        }
    )
    assert config.command is not None
    assert config.command.ways() == {PowerState.ON: ("/bin/pump", "on"), PowerState.OFF: ("/bin/pump", "off")}
    (rule,) = (one.rule() for one in config.rule)
    assert (rule.between, rule.condition, rule.never) == ((time(22), time(6)), "full", frozenset({PowerState.OFF}))
    assert config.cycle["flush"].curve().power_kw == (0.8, 0.4005)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"appliance": {}}, "[appliance] name: required; expected its name"),
        ({"appliance": {"name": "x", "rated": 1}}, "[appliance] rated: unknown; did you mean rated_w?"),
        ({"appliance": {"name": "x", "rated_w": -5}}, "[appliance] rated_w = -5: expected watts, from 0 to 50000"),
        ({"appliance": {"name": "x", "timezone": "Mars"}}, "[appliance] timezone = 'Mars': expected a time zone"),
        ({"appliance": "x"}, 'appliance = "x": expected [appliance] with keys'),
        ({"network": {"port": 80}}, "[network] port = 80: expected a port from 1024 to 65535"),
        ({"network": {"interface": "a", "address": "::1"}}, "[network] expected interface or address, not both"),
        (
            {"network": {"address": "fe80::1"}},
            "address = 'fe80::1': expected its interface with it, such as fe80::1%eth0",
        ),
        ({"network": [{"port": 80}]}, "network = [{'port': 80}]: expected [network] with keys below it"),
        ({"network": []}, "network = []: expected [network] with keys below it"),
        ({"rule": {"never": ["off"]}}, "rule = {'never': ['off']}: expected [[rule]] with keys below it"),
        ({"cycle": []}, "cycle = []: expected [cycle.NAME] with keys below it"),
        ({"cycle": {"watts": [1]}}, "cycle.watts = [1]: expected [cycle.watts] with keys below it"),
        ({"cycle": {"a\x00": {"watts": [1]}}}, "expected a name of 1 to 64 characters that can be read"),
        ({"appliance": {"name": "Fri\ndge"}}, '[appliance] name = "Fri dge": expected its name'),
        ({"appliance": {"name": "Fridge", "maker": "x\n"}}, 'maker = "x ": expected a text of at most 64'),
        ({"network": {"address": "home"}}, "[network] address = 'home': expected an IP address"),
        ({"gpio": {"line": 3}}, "expected one of [logind], [command], [gpio]"),
        ({"rule": [{"never": ["on"]}]}, "[rule (number 1)] never: expected a time or a condition"),
        ({"rule": [{"never": ["off"], "between": ["8", "9"]}]}, "[rule (number 1)] between: expected two times of day"),
        ({"rule": [{"never": ["off"], "while": "x"}]}, "while = 'x': expected the NAME of a [condition.NAME]"),
        ({"condition": {"x": {"command": ["full"]}}}, "'full': expected a program by its whole path"),
        ({"condition": {"x": {"command": "full"}}}, '[condition.x] command = "full": expected a program with'),
        ({"cycle": {"x": {"watts": [1.0], "step_minutes": 7}}}, "[cycle.x] step_minutes: expected a divisor of 60"),
        ({"cycle": {"x": {"watts": [0]}}}, "[cycle.x] watts = [0]: expected the watts of each step"),
        ({"log": "loud"}, 'log = "loud": expected debug, info, warning'),
        ({"colour": 1}, "colour: unknown; expected "),
    ],
)
def test_what_is_wrong_is_named(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse({**LEAST, **change})
    assert any(said in fault for fault in caught.value.faults), caught.value.faults


def test_all_faults_are_said_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        parse({"appliance": {"rated_w": "much"}, "network": {"port": 0}, "rule": [{"never": ["of"]}]})
    assert len(caught.value.faults) == 4


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--config FILE"):
        load(tmp_path / "none.toml")
    file = tmp_path / "some.toml"
    for content, said in ((b"[", "valid TOML"), (b"\xff", "valid TOML"), (b"#" * 200_000, "at most 128000 bytes")):
        file.write_bytes(content)
        with pytest.raises(ConfigError, match=said):
            load(file)


def test_the_documentation_has_every_key() -> None:
    page = (Path(__file__).parents[2] / "docs" / "integrators" / "appliance.md").read_text()
    page = re.sub("```.*?```", "", page, flags=re.DOTALL)
    told = set(re.findall(r"[a-z_]+", " ".join(re.findall(r"`([^`]+)`", page))))
    assert _keys(ApplianceConfig) <= told


def _keys(section: type[msgspec.Struct]) -> set[str]:
    names: set[str] = set()
    for field in msgspec.structs.fields(section):
        names.add(field.encode_name)
        inner, _ = _struct_in(field.type)
        names |= set() if inner is None else _keys(inner)
    return names


_ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.dictionaries(
        st.sampled_from(["appliance", "network", "logind", "command", "gpio", "rule", "cycle", "condition", "log"]),
        _ANY
        | st.dictionaries(
            st.sampled_from(["name", "port", "state", "watts", "never", "between", "while", "line", "command", "uuid"]),
            _ANY,
        ),
    )
)
def test_any_file_is_good_or_told(raw: dict[str, Any]) -> None:
    with contextlib.suppress(ConfigError):
        assert parse(raw).appliance.name
