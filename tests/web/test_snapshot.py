"""What the page shows of now: sums, roles and order."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from heg.model.capabilities import MeterCapability
from heg.model.instance import Instance, Location, Quality
from heg.model.records import DeviceRecord, DeviceStatus, Severity
from heg.runtime.clock import Clock
from heg.web.house import Household
from heg.web.snapshot import house_load, total, worst
from heg.web.state_messages import Figure
from tests.support.stepped import START_UTC, stepped
from tests.web.house import BATTERY, METER, PV
from tests.web.serving import serving

figures = st.builds(
    Figure,
    value=st.one_of(st.none(), st.floats(-100, 100).map(lambda value: round(value, 3))),
    quality=st.sampled_from(Quality),
    age_s=st.integers(0, 1000),
)


@given(figures, st.one_of(st.none(), figures), st.one_of(st.none(), figures))
def test_house_load_is_what_comes_in_less_what_is_stored(
    grid: Figure, pv: Figure | None, battery: Figure | None
) -> None:
    load = house_load(grid, pv, battery)
    parts = [figure for figure in (grid, pv, battery) if figure is not None]
    if any(figure.value is None for figure in parts):
        assert load.value is None
        return
    assert load.value is not None
    assert grid.value is not None
    gives, takes = (pv.value or 0.0) if pv else 0.0, (battery.value or 0.0) if battery else 0.0
    assert abs(load.value - (grid.value + gives - takes)) < 0.001
    assert load.quality is worst(figure.quality for figure in parts if figure.quality)


@given(st.lists(figures, min_size=1, max_size=4))
def test_a_sum_is_never_made_of_a_part(parts: list[Figure]) -> None:
    whole = total(parts)
    assert (whole.value is None) == any(part.value is None for part in parts)


def record(device: DeviceRecord) -> Instance:
    return Instance("device", Location("home", device.name), device, START_UTC)


def test_the_meter_at_the_connection_point_is_the_grid() -> None:
    inner = replace(METER, name="garage", capabilities=(MeterCapability(),))
    household = Household.among(map(record, (inner, METER, PV, BATTERY)))
    assert household.grid is not None
    assert household.grid.place.device == "meter"
    assert [member.place.device for member in household.producers] == ["pv"]
    assert [member.place.device for member in household.storages] == ["battery"]


def test_an_only_meter_needs_no_mark_but_two_do() -> None:
    first, second = (replace(METER, name=name, capabilities=(MeterCapability(),)) for name in ("one", "two"))
    assert Household.among([record(first)]).grid is not None
    assert Household.among([record(first), record(second)]).grid is None


def test_a_removed_device_is_nobody() -> None:
    assert Household.among([record(replace(PV, status=DeviceStatus.REMOVED))]).members == ()


@stepped
async def test_alarms_come_loudest_first_and_go_when_they_end(clock: Clock) -> None:
    async with serving(clock) as served:
        served.house.alarm("a", Severity.INFO, "note", "")
        served.house.alarm("b", Severity.ALARM, "loud", "mend it")
        alarms = (await served.get("/api/v1/alarms")).json["alarms"]
        assert [alarm["text"] for alarm in alarms] == ["loud", "note"]
        assert alarms[0]["mend"] == "mend it"
        served.house.alarm("b", Severity.ALARM, "loud", "mend it", active=False)
        alarms = (await served.get("/api/v1/alarms")).json["alarms"]
        assert [alarm["id"] for alarm in alarms] == ["a"]


@stepped
async def test_a_released_actuator_says_who_has_it(clock: Clock) -> None:
    async with serving(clock) as served:
        served.house.hands_off = True
        served.house.tick()
        actuator = (await served.get("/api/v1/leases")).json["actuators"][0]
    assert actuator["held"] is False
    assert actuator["reason"] == "hands_off"
