"""Faults as data, the desk, and plans read from tables."""

import asyncio
import json
import tomllib
from datetime import UTC, datetime

import pytest

from heg.runtime.clock import Clock
from hil.desk import Desk
from hil.devices.meter import MeterSettings
from hil.faults import FaultError, apply, fault_of
from hil.gateway_config import gateway_config, toml
from hil.house.battery import BatteryConfig
from hil.house.house import Constant, HouseConfig
from hil.plan import PlanError, rig_plan
from hil.rig import Rig, RigPlan, SerialBus, TcpBus
from hil.scenario import Verdict, perform, scenario_of
from tests.support.stepped import stepped

NOON = datetime(2024, 8, 9, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({}, "expected"),
        ({"fault": "sulk", "device": "meter"}, "'sulk': expected one of"),
        ({"fault": "slow", "device": "meter", "minutes": 1}, "'minutes' is not known"),
        ({"fault": "slow", "device": "meter", "seconds": "long"}, "expected int or float"),
        ({"fault": "slow", "device": "meter", "seconds": True}, "expected int or float"),
    ],
)
def test_a_fault_that_is_not_understood_is_named(table, said):
    with pytest.raises(FaultError, match=said):
        fault_of(table)


@stepped
async def test_a_fault_that_does_not_fit_is_named(clock: Clock) -> None:
    async with Rig(RigPlan(), clock) as rig:
        for table, said in (
            ({"fault": "silent", "device": "boiler"}, "expected one of battery, meter, pv"),
            ({"fault": "overridden", "device": "meter", "power_kw": 1.0}, "does not fit meter"),
            ({"fault": "slow", "device": "meter"}, "seconds"),
            ({"fault": "ignore_writes", "device": "battery", "point": "704.Nothing"}, "Nothing"),
        ):
            with pytest.raises(FaultError, match=said):
                await apply(rig, fault_of(table))


@stepped
async def test_every_fault_can_be_ordered_and_ended(clock: Clock) -> None:
    async with Rig(RigPlan(), clock) as rig:
        for table in (
            {"fault": "slow", "seconds": 2.0},
            {"fault": "garbage"},
            {"fault": "half"},
            {"fault": "wrong_transaction"},
            {"fault": "exception", "code": 6},
            {"fault": "refuse_writes"},
            {"fault": "lie", "point": "1.DA", "value": 7},
            {"fault": "blank", "point": "1.DA"},
            {"fault": "hang_up"},
            {"fault": "frozen"},
            {"fault": "thaw"},
            {"fault": "silent"},
            {"fault": "jump", "kwh": 5},
            {"fault": "away"},
            {"fault": "back"},
            {"fault": "move"},
            {"fault": "reboot", "seconds": 3},
        ):
            for device in rig.handles:
                await apply(rig, fault_of({**table, "device": device}))
        await apply(rig, fault_of({"fault": "wired_backwards", "device": "meter", "phase": 2}))
        await apply(rig, fault_of({"fault": "phases_swapped", "device": "meter"}))
        await apply(rig, fault_of({"fault": "ignore_writes", "device": "battery", "point": "704.WSet"}))
        await apply(rig, fault_of({"fault": "limited", "device": "pv", "percent": 30}))
        await apply(rig, fault_of({"fault": "overridden", "device": "battery", "power_kw": 1.0}))
        for device, handle in rig.handles.items():
            await apply(rig, fault_of({"fault": "well", "device": device}))
            manner = handle.device.manner
            faults = (manner.silent, manner.garbage, manner.half, manner.wrong_transaction, manner.hang_up)
            assert not any(faults)
            assert manner.exception is None
            assert manner.delay_s == 0
            assert not handle.device.ignored
            assert not handle.device.lies
            assert manner.write_exception is None
        assert rig.meter.device.wiring.order == (1, 2, 3)
        assert rig.meter.device.reboots == 1


@stepped
async def test_the_desk_tells_the_truth_and_takes_orders(clock: Clock) -> None:
    async with Rig(RigPlan(weather=Constant(1.0, 0.0)), clock) as rig, Desk(rig) as desk:
        reader, writer = await asyncio.open_connection("127.0.0.1", desk.port)

        async def ask(asked: object) -> dict:
            writer.write(json.dumps(asked).encode() + b"\n")
            return json.loads(await reader.readline())

        await clock.sleep(30)
        said = await ask({"ask": "status"})
        assert said["load_kw"] == pytest.approx(1.0)
        assert said["devices"]["meter"]["address"] == rig.meter.address
        assert said["source"] == "a house with constant load"
        assert await ask({"fault": "silent", "device": "meter"}) == {"done": True}
        assert rig.meter.device.manner.silent
        assert await ask({"switch": "oven", "power_kw": 2.0}) == {"done": True}
        await clock.sleep(1)
        assert rig.house.load_kw == pytest.approx(3.0)
        assert "expected one of" in (await ask({"fault": "sulk", "device": "meter"}))["error"]
        assert "JSON object" in (await ask([1]))["error"]
        writer.write(b"{nonsense\n")
        assert "JSON" in json.loads(await reader.readline())["error"]
        writer.close()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[devices.meter]\nkind = 'toaster'", r"\[devices.meter\] kind: expected one of charger, meter, pv, storage"),
        ("[devices.meter]\nkind = 'meter'\nmodel = 203", r"\[devices.meter\] model: not known here"),
        ("[devices.meter]\nkind = 'meter'\nvariant = '205'", r"meter variant '205': expected one of"),
        ("[devices.b]\nkind = 'storage'\nbattery = 'two'", r"\[devices.b.battery\]: 'two' is not there"),
        ("[house]\nstep_s = 0", "step_s = 0: expected between"),
        ("[house]\nwalls = 4", r"\[house\] walls: not known"),
        ("[house.batteries.one]\ncapacity_kwh = 'big'", r"house.batteries.one\]: Expected"),
        ("[weather]\nkind = 'fair'", "weather kind = 'fair'"),
        ("[wiring]\nboiler = 'bus'", "'boiler' is not there"),
        ("weather = 3", r"\[weather\]: expected a table"),
    ],
)
def test_a_plan_that_is_not_understood_is_named(text, said):
    with pytest.raises(PlanError, match=said):
        rig_plan(tomllib.loads(text), NOON)


def test_a_plan_is_built_from_tables():
    text = """
    [weather]
    kind = "constant"
    [house.batteries.one]
    capacity_kwh = 4.0
    [house.batteries.two]
    capacity_kwh = 6
    [devices.a]
    kind = "storage"
    battery = "one"
    unit_id = 1
    [devices.b]
    kind = "storage"
    battery = "two"
    unit_id = 2
    [buses.line]
    kind = "serial"
    [wiring]
    a = "line"
    b = "line"
    """
    plan = rig_plan(tomllib.loads(text), NOON)
    assert isinstance(plan.buses["line"], SerialBus)
    assert [built.capacity_kwh for built in plan.house.batteries.values()] == [4.0, 6]


@stepped
async def test_the_gateways_configuration_names_what_is_there(clock: Clock, tmp_path) -> None:
    plan = RigPlan(
        house=HouseConfig(batteries={"battery": BatteryConfig(capacity_kwh=7.5)}),
        devices={"meter": MeterSettings(unit_id=3), **{k: v for k, v in RigPlan().devices.items() if k != "meter"}},
        buses={"meter": SerialBus(), "pv": TcpBus()},
    )
    async with Rig(plan, clock) as rig:
        text = gateway_config(rig, state_dir=tmp_path / 'a "b"', port=8000, sections={"store": {"flush_s": 5.0}})
        tables = tomllib.loads(text)
    assert tables["device"]["battery"]["capacity_kwh"] == 7.5
    assert tables["device"]["meter"]["serial"] == "RIG-METER-1"
    assert tables["unit"]["state_dir"] == str(tmp_path / 'a "b"')
    assert tables["store"]["flush_s"] == 5.0
    assert len(tables["modbus"]["hosts"]) == 2
    assert tables["modbus"]["serial"][0]["units"] == [3]
    assert tables["modbus"]["connection_point"] == "RIG-METER-1"


def test_toml_reads_back():
    tables = {"a": 1, "b": {"c": 'ä"\\', "d": [1, 2], "e": {"f": True}}, "g": [{"h": 1.5}, {"h": 2.5, "i": {"j": 1}}]}
    assert tomllib.loads(toml(tables)) == tables


SCENE = """
duration_s = 30
[weather]
kind = "constant"
demand_kw = 1.0
[devices.meter]
kind = "meter"
[[timeline]]
at_s = 10
switch = "oven"
power_kw = 2.0
[[expect]]
what = "house.load_kw"
at_s = 20
low = 2.9
high = 3.1
[[expect]]
what = "house.load_kw"
from_s = 0
until_s = 8
equals = 1.0
[[expect]]
what = "house.load_kw"
until_s = 20
high = 2.0
[[expect]]
what = "register.meter.203.W"
by_s = 25
low = 5000
[[expect]]
what = "house.soc.other"
at_s = 1
absent = true
[[expect]]
what = "house.load_kw"
by_s = 5
low = 2.0
[[expect]]
what = "house.load_kw"
from_s = 15
by_s = 28
high = 2.0
"""


@stepped
async def test_a_scenario_is_judged(clock: Clock) -> None:
    scenario = scenario_of(tomllib.loads(SCENE), "scene")
    lines: list[str] = []
    async with Rig(scenario.plan, clock) as rig:
        verdicts: list[Verdict] = await perform(scenario, rig, None, lines.append)
    assert [verdict.met for verdict in verdicts] == [True, True, False, False, True, False, False]
    assert any("switch" in line for line in lines)
    assert sum("FAIL" in line for line in lines) == 4


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("mood = 'bad'", "mood: not known"),
        ("[[timeline]]\nfault = 'silent'\ndevice = 'meter'", "at_s: expected house seconds"),
        ("[[expect]]\nwhat = 'house.load_kw'\nat_s = 1", "expected low, high"),
        ("[[expect]]\nwhat = 'house.load_kw'\nlow = 1.0", "exactly one of at_s"),
        ("[[expect]]\nwhat = 'sky.colour'\nat_s = 1\nlow = 1.0", "begins with house"),
        ("start_utc = 'noon'", "start_utc: expected a UTC time"),
    ],
)
def test_a_scenario_that_is_not_understood_is_named(text, said):
    with pytest.raises(PlanError, match=said):
        scenario_of(tomllib.loads(text + "\n[weather]\nkind='constant'"), "scene")
