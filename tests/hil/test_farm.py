"""Appliances of the rig: what a client of another make sees of them, and what the meter sees."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import replace
from typing import Any

import pytest

from heg.model.appliances import PowerState
from heg.runtime.clock import Clock
from hil.appliances.farm import card_of
from hil.appliances.handle import ApplianceHandle
from hil.appliances.magic import WAKE_PORT
from hil.appliances.settings import ApplianceSettings, CycleSettings
from hil.appliances.trouble import Corruption
from hil.desk import status, status_line
from hil.devices.meter import MeterSettings
from hil.faults import FaultError, apply, fault_of
from hil.gateway_config import gateway_config
from hil.house.appliance import ApplianceConfig
from hil.house.house import Constant, HouseConfig
from hil.plan import GOOD_DAY_UTC, PlanError, rig_plan
from hil.rig import Rig, RigPlan
from tests.appliance.asker import Answer, Listener, ask, call, searcher
from tests.support.namespaces import needs_networks, network
from tests.support.stepped import stepped

EMPTY = HouseConfig(batteries={}, producers={})
MAC = "02:00:00:00:00:07"


def planned(**appliances: ApplianceSettings) -> RigPlan:
    return RigPlan(EMPTY, Constant(0.5), {"meter": MeterSettings()}, appliances=appliances)


async def ordered(one: ApplianceHandle, action: str) -> Answer:
    return await call(one.simulated.upnp.location, action)


async def refusing(one: ApplianceHandle) -> None:
    with pytest.raises(ConnectionRefusedError):
        await ordered(one, "GetPowerState")


@stepped
async def test_what_is_ordered_is_what_the_meter_sees(clock: Clock) -> None:
    lamp = ApplianceSettings(ApplianceConfig(rated_kw=2.0, standby_kw=0.1, phase=3, lag_s=0.0))
    async with Rig(planned(lamp=lamp, other=lamp), clock) as rig:
        for action, kw in (("OperationOn", 2.0), ("GoToStandby", 0.1), ("OperationOff", 0.0)):
            assert (await ordered(rig.appliances["lamp"], action)).status == 200
            await rig.after(2)
            assert rig.appliances["lamp"].power_kw == pytest.approx(kw)
            assert rig.house.grid_kw == pytest.approx(0.6 + kw)
        assert rig.appliances["lamp"].orders == 3
        assert [state for _, state in rig.appliances["lamp"].heard] == [
            PowerState.ON,
            PowerState.STANDBY,
            PowerState.OFF,
        ]
        assert "appliances  0.100 kW" in status_line(rig)
        assert rig.house.imbalance_nanojoule() == 0


@stepped
async def test_rigs_beside_each_other_have_addresses_of_their_own(clock: Clock) -> None:
    plan = planned(**{f"a{number}": ApplianceSettings() for number in range(5)})
    async with Rig(plan, clock) as one, Rig(plan, clock) as two:
        places = [handle.address for rig in (one, two) for handle in rig.appliances.values()]
        assert len(set(places)) == 10
        assert all(place.startswith("127.77.") for place in places)
        assert one.appliances["a1"].uuid == two.appliances["a1"].uuid, "the same house, built twice"
        assert one.farm.free_address() not in places


@stepped
async def test_three_hundred_and_twenty_live_in_one_process_and_not_one_more(clock: Clock) -> None:
    many = {f"a{number:03}": ApplianceSettings() for number in range(320)}
    async with Rig(planned(**many), clock) as rig:
        for one in list(rig.appliances.values())[::80]:
            assert (await ordered(one, "GetPowerState")).result("PowerState") == "Standby"
        await rig.after(1)
        assert rig.house.grid_kw == pytest.approx(0.5 + 320 * 0.002, rel=0.2)
    with pytest.raises(ValueError, match="at most 320"):
        Rig(planned(**many, one_more=ApplianceSettings()), clock)


@stepped
async def test_it_is_lost_and_comes_back_in_the_state_it_had(clock: Clock) -> None:
    async with Rig(planned(lamp=ApplianceSettings(ApplianceConfig(initially="on"))), clock) as rig:
        lamp = rig.appliances["lamp"]
        await rig.after(5)
        await apply(rig, fault_of({"fault": "away", "device": "lamp"}))
        await refusing(lamp)
        await rig.after(5)
        assert not lamp.reachable
        assert lamp.power_kw == pytest.approx(0.0, abs=1e-3)
        await apply(rig, fault_of({"fault": "back", "device": "lamp"}))
        assert (await ordered(lamp, "GetPowerState")).result("PowerState") == "ON"
        await rig.after(5)
        assert lamp.power_kw == pytest.approx(1.0, abs=1e-3)
        was, there = lamp.address, rig.farm.free_address()
        await apply(rig, fault_of({"fault": "move", "device": "lamp", "host": there}))
        assert lamp.address == there != was
        assert lamp.uuid in (await ask(lamp.simulated.upnp.location, "GET", "/description.xml")).body
        await apply(rig, fault_of({"fault": "goodbye", "device": "lamp"}))
        await refusing(lamp)
        await apply(rig, fault_of({"fault": "well", "device": "lamp"}))
        assert (await ordered(lamp, "OperationOff")).status == 200


@stepped
async def test_what_it_refuses_changes_nothing(clock: Clock) -> None:
    async with Rig(planned(saw=ApplianceSettings()), clock) as rig:
        saw = rig.appliances["saw"]
        await apply(rig, fault_of({"fault": "unsafe", "device": "saw", "state": "on"}))
        assert (await ordered(saw, "OperationOn")).error_code == 801
        assert (await ordered(saw, "OperationOff")).status == 200
        await apply(rig, fault_of({"fault": "unsafe", "device": "saw"}))
        assert (await ordered(saw, "GoToStandby")).error_code == 801
        assert (saw.state, saw.refused) == (PowerState.OFF, {"801": 2})
        await saw.behaves()
        assert (await ordered(saw, "OperationOn")).status == 200


@stepped
async def test_a_frozen_one_answers_nobody_and_goes_on_where_it_stood(clock: Clock) -> None:
    async with Rig(planned(lamp=ApplianceSettings()), clock) as rig:
        lamp = rig.appliances["lamp"]
        await apply(rig, fault_of({"fault": "frozen", "device": "lamp"}))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5):
                await ordered(lamp, "GetPowerState")
        await apply(rig, fault_of({"fault": "thaw", "device": "lamp"}))
        assert (await ordered(lamp, "GetPowerState")).status == 200


@stepped
@pytest.mark.parametrize("how", [Corruption.MALFORMED, Corruption.FOREIGN, Corruption.ERROR])
async def test_a_corrupt_one_is_found_like_an_honest_one_and_is_well_again(clock: Clock, how: Corruption) -> None:
    async with Rig(planned(lamp=ApplianceSettings()), clock) as rig:
        lamp = rig.appliances["lamp"]
        honest = lamp.simulated.upnp.location
        await apply(rig, fault_of({"fault": "corrupt", "device": "lamp", "how": str(how)}))
        with searcher() as searching:
            searching.sendto(
                b'M-SEARCH * HTTP/1.1\r\nHOST: x\r\nMAN: "ssdp:discover"\r\nST: ssdp:all\r\n\r\n', (lamp.address, 1900)
            )
            await rig.after(2)
            assert honest.encode() in searching.recv(4096)
        spoiled = await ask(honest, "GET", "/description.xml")
        assert (spoiled.status == 500) is (how is Corruption.ERROR)
        await apply(rig, fault_of({"fault": "well", "device": "lamp"}))
        assert "Simulated appliance" in (await ask(lamp.simulated.upnp.location, "GET", "/description.xml")).body


@stepped
async def test_subscribers_see_gaps_and_a_pressed_button(clock: Clock) -> None:
    async with Rig(planned(lamp=ApplianceSettings()), clock) as rig, Listener() as listener:
        lamp = rig.appliances["lamp"]
        head = {"CALLBACK": listener.callback, "NT": "upnp:event", "TIMEOUT": "Second-300"}
        assert (await ask(lamp.simulated.upnp.location, "SUBSCRIBE", "/power/events", head)).status == 200
        await rig.after(1)
        for state in ("on", "off"):
            await apply(rig, fault_of({"fault": "skip", "device": "lamp", "count": 2}))
            await apply(rig, fault_of({"fault": "press", "device": "lamp", "state": state}))
            await rig.after(1)
        assert listener.told() == [
            (0, {"PowerState": "Standby"}),
            (3, {"PowerState": "ON"}),
            (6, {"PowerState": "OFF"}),
        ]
        lamp.skips_events(2**32 - 1 - 7)
        for state in (PowerState.ON, PowerState.OFF):
            lamp.is_switched(state)
            await rig.after(1)
        assert [seq for seq, _ in listener.told()[-2:]] == [2**32 - 1, 1], "0 is the first message's alone"


@stepped
async def test_a_loaded_programme_is_offered_runs_its_curve_and_leaves_standby(clock: Clock) -> None:
    loaded = CycleSettings((1.0,), name="eco")
    washer = ApplianceSettings(ApplianceConfig(standby_kw=0.0, lag_s=0.0), cycle=loaded)
    async with Rig(planned(washer=washer), clock) as rig, Listener() as listener:
        one = rig.appliances["washer"]
        head = {"CALLBACK": listener.callback, "NT": "upnp:event", "TIMEOUT": "Second-3600"}
        assert (await ask(one.simulated.upnp.location, "SUBSCRIBE", "/cycle/events", head)).status == 200
        await rig.after(1)
        table = {
            "fault": "load",
            "device": "washer",
            "power_kw": [2.0, 0.5],
            "step_minutes": 15,
            "within_h": 3,
            "name": "eco",
        }
        await apply(rig, fault_of(table))
        offered = await call(one.simulated.upnp.location, "GetCycle", urn="urn:heg-energy:service:CycleOffer:1")
        assert (offered.result("PowerCurve"), offered.result("CycleId")) == ("2000,500", "eco-2")
        await rig.after(600)
        assert (await ordered(one, "OperationOn")).status == 200
        await rig.after(1)
        assert listener.told() == [(seq, {"CycleId": name}) for seq, name in enumerate(("eco-1", "eco-2", ""))]
        await rig.after(60)
        assert one.power_kw == pytest.approx(2.0)
        assert (await ordered(one, "OperationOff")).error_code == 802
        await rig.after(900)
        assert one.power_kw == pytest.approx(0.5)
        await rig.after(900)
        assert (one.power_kw, one.state) == (0.0, PowerState.STANDBY)
        with pytest.raises(FaultError, match="window"):
            await apply(rig, fault_of({**table, "within_h": 0.1}))


@stepped
async def test_a_rig_in_which_nobody_sleeps_needs_nothing_of_the_port_of_magic_packets(clock: Clock) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("", WAKE_PORT))
        async with Rig(planned(lamp=ApplianceSettings()), clock) as rig:
            await rig.after(1)


@needs_networks
def test_one_that_sleeps_is_off_its_network_until_its_card_is_called() -> None:
    with network("home") as net, net.entered():
        assert card_of("lo") == "00:00:00:00:00:00"
        _sleeps_and_wakes()


@stepped
async def _sleeps_and_wakes(clock: Clock) -> None:
    sleeping = ApplianceSettings(wake="wol", mac=MAC, sleeps=True, boots_s=4.0)
    async with Rig(planned(pc=replace(sleeping, draws=ApplianceConfig(initially="on")), tv=sleeping), clock) as rig:
        pc, tv = rig.appliances["pc"], rig.appliances["tv"]
        assert (pc.reachable, tv.reachable) == (True, False)
        assert (await ordered(pc, "GoToStandby")).status == 200
        await rig.after(3)
        assert not pc.reachable
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mouth:
            mouth.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            mouth.sendto(b"\xff" * 6 + bytes.fromhex(MAC.replace(":", "")) * 16, ("127.255.255.255", 9))
        await rig.after(3)
        assert not pc.reachable, "it boots"
        await rig.after(2)
        assert (pc.reachable, pc.state) == (True, PowerState.ON)
        assert (await ordered(pc, "GetPowerState")).result("PowerState") == "ON"


@stepped
async def test_files_speak_of_appliances_and_the_gateway_is_told_what_their_owner_knows(
    clock: Clock, tmp_path: Any
) -> None:
    tables = {
        "weather": {"kind": "constant"},
        "appliances": {
            "freezer": {"importance": "must-run", "draws": {"rated_kw": 0.12, "initially": "on", "beat_off_s": 900}},
            "washer": {"min_on_minutes": 5, "cycle": {"power_kw": [2.0, 0.5], "within_h": 8}},
        },
    }
    async with Rig(rig_plan(tables, GOOD_DAY_UTC), clock) as rig:
        assert rig.appliances["washer"].simulated.model.offered is not None
        assert status(rig)["appliances"]["freezer"]["state"] == "on"
        told = gateway_config(rig, state_dir=tmp_path, port=1, sections={})
        assert f'identity = "uuid:{rig.appliances["freezer"].uuid}"\nimportance = "must-run"' in told
        assert "min_on_minutes = 5" in told
        assert '[upnp]\ninterfaces = ["lo"]' in told
        assert rig.appliances["washer"].address in told


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"importance": "vital"}, "must-run, flexible, optional"),
        ({"sleeps": True}, "wake = wol"),
        ({"wake": "shout"}, "none, wol, wowlan"),
        ({"draws": {"phase": 9}}, "phase"),
        ({"draws": {"watts": 9}}, "watts: not known"),
        ({"cycle": {"power_kw": []}}, "1 to 288"),
        ({"colour": "red"}, "colour: not known"),
        (7, "expected a table"),
    ],
)
def test_a_mistake_in_a_file_is_named(table: Any, said: str) -> None:
    with pytest.raises(PlanError, match=said):
        rig_plan({"weather": {"kind": "constant"}, "appliances": {"one": table}}, GOOD_DAY_UTC)


def test_too_many_and_names_that_are_taken_are_named() -> None:
    wrong: list[tuple[dict[str, Any], str]] = [
        ({f"a{n}": {} for n in range(321)}, "at most 320"),
        ({"meter": {}}, "called so already"),
    ]
    for appliances, said in wrong:
        with pytest.raises(PlanError, match=said):
            rig_plan({"weather": {"kind": "constant"}, "appliances": appliances}, GOOD_DAY_UTC)


@stepped
async def test_a_fault_that_does_not_fit_says_what_would(clock: Clock) -> None:
    async with Rig(planned(lamp=ApplianceSettings()), clock) as rig:
        with pytest.raises(FaultError, match=r"does not fit lamp: expected a away, back, corrupt"):
            await apply(rig, fault_of({"fault": "garbage", "device": "lamp"}))
        with pytest.raises(FaultError, match="does not fit meter"):
            await apply(rig, fault_of({"fault": "press", "device": "meter", "state": "on"}))
        with pytest.raises(FaultError, match="nonsense"):
            await apply(rig, fault_of({"fault": "corrupt", "device": "lamp", "how": "nonsense"}))
        rig.appliances["lamp"].shouts_garbage()
        await rig.after(1)
        assert rig.farm.ground.ignored > 0
