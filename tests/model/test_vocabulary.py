"""The vocabulary holds together: units and signs are said, ranges are ranges, policies deny by default."""

import dataclasses
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heg.model.capabilities import Capability
from heg.model.catalogue import CATALOGUE, Durability, page
from heg.model.instance import ANY, Instance, Kind, Location, Quality
from heg.model.leases import Claimant
from heg.model.policy import ANY_SERVICE, CUSTOMER, Grant, Policy, Right, Role, Stakeholder
from heg.model.refusals import Refusal, RefusalCode
from heg.model.regimes import Regime

ROOT = Path(__file__).parents[2]
UNITS = {"kW", "kvar", "kVA", "kWh", "V", "A", "Hz", "degC", "EUR/kWh", "kg/kWh", "W/m2", "m/s", "s", "B", "MiB", "1"}
pieces = st.from_regex(re.compile(r"[a-z][a-z0-9.]{0,9}"), fullmatch=True)


@pytest.mark.parametrize("name", sorted(CATALOGUE))
def test_a_variable_says_what_it_is(name: str) -> None:
    variable = CATALOGUE[name]
    assert variable.id == name
    assert re.fullmatch(r"[a-z0-9_]+(\.[a-z0-9_]+)*", name)
    assert variable.description
    match variable.kind:
        case Kind.SCALAR | Kind.COUNTER:
            assert variable.unit in UNITS
            assert variable.low < variable.high
        case Kind.PROFILE:
            assert variable.unit in UNITS
            assert variable.record_type is not None
        case Kind.RECORD:
            assert dataclasses.is_dataclass(variable.record_type)
            assert variable.record_type.__dataclass_params__.frozen  # type: ignore[attr-defined]
        case Kind.COMMAND:
            assert variable.durability is Durability.AT_ONCE


def test_what_the_spine_needs_is_catalogued() -> None:
    needed = "power.active power.reactive energy.import energy.export voltage current frequency soc price.import"
    needed += " price.export co2.intensity weather.temperature weather.irradiance setpoint.power limit.import"
    needed += " limit.charge state.operating profile.plan profile.tube.low alarm evidence lease claim envelope"
    assert set(needed.split()) <= set(CATALOGUE)
    assert CATALOGUE["regime"].states == frozenset(Regime)


def test_signs_are_said_where_power_has_one() -> None:
    assert all(word in CATALOGUE["power.active"].description for word in ("importing", "charging", "producing"))


def test_the_page_is_the_printed_catalogue() -> None:
    mend = "python -c 'from heg.model.catalogue import page; print(page(), end=\"\")' > docs/integrators/variables.md"
    assert (ROOT / "docs" / "integrators" / "variables.md").read_text() == page(), f"print it again: {mend}"


@given(pieces, pieces, pieces, st.booleans(), st.booleans())
def test_a_place_lies_under_its_own_patterns(
    unit: str, device: str, part: str, any_device: bool, any_part: bool
) -> None:
    place = Location(unit, device, part)
    assert place.matches(Location(unit, ANY if any_device else device, ANY if any_part else part))
    assert not place.matches(Location(unit + "x", ANY, ANY))
    assert str(place) == f"{unit}/{device}/{part}"


@given(st.floats(0, 1e9), st.floats(0, 1e6))
def test_age_is_time_since_arrival_whatever_the_label_says(arrived_s: float, later_s: float) -> None:
    instance = Instance("soc", Location("home", "battery"), 0.5, datetime(1999, 1, 1, tzinfo=UTC), arrived_s=arrived_s)
    assert instance.age_s(arrived_s + later_s) == pytest.approx(later_s, abs=1e-5)
    assert instance.quality is Quality.GOOD


stakeholders = st.builds(Stakeholder, st.sampled_from(Role), st.sampled_from(["", "north", "volt"]))
grants = st.builds(
    Grant,
    stakeholders,
    st.sampled_from([ANY_SERVICE, "balancing", "billing"]),
    st.frozensets(st.sampled_from(Right)),
    st.floats(0, 60),
)


@given(st.lists(grants, max_size=6).map(tuple), stakeholders, st.sampled_from(["balancing", "billing"]))
def test_what_is_not_granted_is_denied_and_the_most_generous_of_the_nearest_grants_counts(
    given_grants: tuple[Grant, ...], who: Stakeholder, service: str
) -> None:
    for right in Right:
        found = Policy(given_grants).grant_for(who, service, right)
        mine = [one for one in given_grants if one.stakeholder == who]
        exactly = [one for one in mine if one.service == service]
        anyones = [one for one in mine if one.service == ANY_SERVICE]
        covering = [one for one in exactly or anyones if right in one.rights]
        assert (found is None) == (not covering)
        if found is not None:
            assert found.min_delay_s == min(one.min_delay_s for one in covering)


def test_claimants_narrow_in_the_order_of_the_design() -> None:
    assert [one.name.lower() for one in sorted(Claimant)] == (
        ["safety", "envelope", "manual", "appliance", "utility", "plan", "automation", "idle"]
    )


def test_a_refusal_says_what_was_expected_what_came_and_how_to_mend_it() -> None:
    said = str(Refusal(RefusalCode.OUT_OF_RANGE, "soc between 0 and 1", "73", "check scale factor"))
    assert said == "out_of_range: expected soc between 0 and 1; came 73; check scale factor"
    assert str(CUSTOMER) == "customer"


@pytest.mark.parametrize("capability", Capability.__args__)
def test_a_capability_is_data(capability: type) -> None:
    assert dataclasses.is_dataclass(capability)
    assert capability.__dataclass_params__.frozen  # type: ignore[attr-defined]
