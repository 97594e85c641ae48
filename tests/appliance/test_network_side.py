"""The appliance's UPnP side over real loopback sockets."""

from __future__ import annotations

import asyncio
import contextlib
import xml.etree.ElementTree as ET
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from appliance.cycles import Cycle
from appliance.faults import SoapFault
from appliance.judging import Judge
from appliance.model import Kind
from appliance.simulated import SimulatedAppliance
from appliance.upnp.description import Identity
from appliance.upnp.device import Place
from appliance.upnp.ground import Ground
from heg.model.appliances import (
    APPLIANCE_DEVICE,
    APPLIANCE_SERVICE,
    CYCLE_SERVICE,
    ApplianceFault,
    PowerState,
    WakeMethod,
)
from heg.model.cycles import CycleCurve
from heg.runtime.clock import Clock
from tests.appliance.asker import GATEWAY, Answer, Listener, ask, call, parsed, raw, searcher, soap
from tests.support.stepped import stepped

UUID = "0cf4c7a6-5a12-4d1c-9a3e-0123456789ab"
ADDRESS = "127.0.41.7"
SSDP_PORT = 19_041


@asynccontextmanager
async def appliance(
    clock: Clock, *, kind: Kind | None = None, state: PowerState = PowerState.ON, max_age_s: int = 1800
) -> AsyncIterator[SimulatedAppliance]:
    ground = Ground(port=SSDP_PORT)
    identity = Identity(UUID, "Washing <machine>", maker="Maker & Sons", model="W 1", serial="S-1")
    made = SimulatedAppliance(identity, ground, clock, Place(ADDRESS, 0, max_age_s), kind=kind, state=state)
    await made.start()
    try:
        yield made
    finally:
        await made.stop()
        ground.close()


@stepped
async def test_it_describes_itself_as_the_specifications_table_does(clock: Clock) -> None:
    async with appliance(clock) as one:
        description = await ask(one.upnp.location, "GET", "/description.xml")
        power = await ask(one.upnp.location, "GET", "/power.xml")
        presented = await ask(one.upnp.location, "GET", "/")
    root = ET.fromstring(description.body)
    device = {element.tag.partition("}")[2]: element.text for element in root.iter()}
    assert device["deviceType"] == APPLIANCE_DEVICE
    assert device["UDN"] == f"uuid:{UUID}"
    assert (device["friendlyName"], device["manufacturer"]) == ("Washing <machine>", "Maker & Sons")
    name = "{urn:schemas-upnp-org:service-1-0}"
    actions = {
        action.findtext(f"{name}name"): [
            (argument.findtext(f"{name}name"), argument.findtext(f"{name}direction"))
            for argument in action.iter(f"{name}argument")
        ]
        for action in ET.fromstring(power.body).iter(f"{name}action")
    }
    who = [("UUID", "in"), ("Address", "in")]
    assert actions == {
        "GetPowerState": [*who, ("PowerState", "out"), ("RegID", "out")],
        "WakeUpMethod": [*who, ("WakeMethod", "out"), ("RegID", "out")],
        "OperationOn": [*who, ("RegID", "out")],
        "OperationOff": [*who, ("RegID", "out")],
        "GoToStandby": [*who, ("RegID", "out")],
        "StandbyPeriod": [*who, ("StartTime", "in"), ("StopTime", "in"), ("RegID", "out")],
        "Withdraw": [*who, ("RegID", "in")],
    }
    evented = [
        variable.findtext(f"{name}name")
        for variable in ET.fromstring(power.body).iter(f"{name}stateVariable")
        if variable.get("sendEvents") == "yes"
    ]
    assert evented == ["PowerState"]
    assert "Washing &lt;machine&gt;" in presented.body


@stepped
async def test_orders_change_the_state_and_are_answered(clock: Clock) -> None:
    async with appliance(clock) as one:
        for action, spoken in (("GoToStandby", "Standby"), ("OperationOff", "OFF"), ("OperationOn", "ON")):
            done = await call(one.upnp.location, action)
            assert (done.status, done.result("RegID")) == (200, "0")
            assert (await call(one.upnp.location, "GetPowerState")).result("PowerState") == spoken
        assert (await call(one.upnp.location, "WakeUpMethod")).result("WakeMethod") == "WOL"


@stepped
async def test_its_owner_is_one_however_it_writes_its_uuid_and_its_page_lists_what_waits(clock: Clock) -> None:
    async with appliance(clock, kind=Kind(judge=Judge((), ZoneInfo("Europe/Berlin")))) as one:
        times = {"StartTime": "22:00:00", "StopTime": "23:00:00"}
        number = (await call(one.upnp.location, "StandbyPeriod", uuid=f"uuid:{GATEWAY.upper()}", **times)).result(
            "RegID"
        )
        assert "from Sun 22:00 to Sun 23:00, waiting" in (await ask(one.upnp.location, "GET", "/")).body
        taken = await call(one.upnp.location, "Withdraw", uuid=GATEWAY.replace("-", ""), RegID=number)
        assert taken.status == 200


@stepped
async def test_one_that_cannot_be_woken_says_so(clock: Clock) -> None:
    async with appliance(clock, kind=Kind(wake=WakeMethod.NONE)) as one:
        refused = await call(one.upnp.location, "WakeUpMethod")
    assert (refused.status, refused.error_code) == (500, SoapFault.ACTION_FAILED)


@stepped
@pytest.mark.parametrize(
    ("action", "arguments", "code"),
    [
        ("Explode", {}, SoapFault.INVALID_ACTION),
        ("OperationOn", {"UUID": UUID}, SoapFault.INVALID_ARGS),
        ("OperationOn", {"UUID": UUID, "Address": "127.0.0.1", "More": "1"}, SoapFault.INVALID_ARGS),
        ("OperationOn", {"UUID": "me", "Address": "127.0.0.1"}, SoapFault.ARGUMENT_VALUE_INVALID),
        ("OperationOn", {"UUID": UUID, "Address": "here"}, SoapFault.ARGUMENT_VALUE_INVALID),
        ("OperationOn", {"UUID": UUID, "Address": "192.0.2.1"}, ApplianceFault.NOT_YOURS),
        ("OperationOn", {"UUID": UUID, "Address": "1" * 129}, SoapFault.STRING_ARGUMENT_TOO_LONG),
        ("Withdraw", {"UUID": UUID, "Address": "127.0.0.1", "RegID": "x"}, SoapFault.INVALID_ARGS),
        ("Withdraw", {"UUID": UUID, "Address": "127.0.0.1", "RegID": "-1"}, SoapFault.ARGUMENT_VALUE_OUT_OF_RANGE),
        ("Withdraw", {"UUID": UUID, "Address": "127.0.0.1", "RegID": "9"}, ApplianceFault.NOT_REGISTERED),
        (
            "StandbyPeriod",
            {"UUID": UUID, "Address": "127.0.0.1", "StartTime": "24:00:00", "StopTime": "06:00:00"},
            SoapFault.ARGUMENT_VALUE_INVALID,
        ),
        (
            "StandbyPeriod",
            {"UUID": UUID, "Address": "127.0.0.1", "StartTime": "20:00:00", "StopTime": "19:00:00"},
            SoapFault.ARGUMENT_VALUE_OUT_OF_RANGE,
        ),
    ],
)
async def test_what_is_wrong_has_its_fault_and_changes_nothing(
    clock: Clock, action: str, arguments: dict[str, str], code: int
) -> None:
    async with appliance(clock, state=PowerState.STANDBY) as one:
        refused = await soap(one.upnp.location, action, arguments)
        assert (refused.status, refused.error_code) == (500, code)
        assert one.state is PowerState.STANDBY
        assert one.upnp.refused == {str(int(code)): 1}


@stepped
async def test_events_tell_everything_first_then_only_what_changed(clock: Clock) -> None:
    async with appliance(clock) as one, Listener() as listener:
        subscribed = await subscribe(one, listener)
        assert subscribed.headers["sid"].startswith("uuid:")
        assert subscribed.headers["timeout"] == "Second-300"
        await clock.sleep(1)
        one.press(PowerState.STANDBY)
        one.press(PowerState.STANDBY)
        one.press(PowerState.OFF)
        await clock.sleep(1)
        assert listener.told() == [
            (0, {"PowerState": "ON"}),
            (1, {"PowerState": "Standby"}),
            (2, {"PowerState": "OFF"}),
        ]
        headers = listener.messages[0][0]
        assert headers[""] == "NOTIFY /cb HTTP/1.1"
        assert (headers["nt"], headers["nts"]) == ("upnp:event", "upnp:propchange")
        assert headers["sid"] == subscribed.headers["sid"]


@stepped
async def test_a_cycle_that_waited_before_the_network_was_there_is_told_first_and_its_begin_after(clock: Clock) -> None:
    ground = Ground(port=SSDP_PORT)
    identity = Identity(UUID, "Washer", maker="Maker", model="W 1", serial="S-1")
    one = SimulatedAppliance(identity, ground, clock, Place(ADDRESS, 0, 1800))
    await one.load(Cycle("wash-7", "Eco", CycleCurve((2.0, 0.5)), None, clock.utc() + timedelta(hours=8)))
    await one.start()
    async with Listener() as listener:
        await subscribe(one, listener, "/cycle/events")
        await clock.sleep(1)
        await one.desk.order(PowerState.ON)
        await clock.sleep(1)
        assert listener.told() == [(0, {"CycleId": "wash-7"}), (1, {"CycleId": ""})]
    await one.stop()
    ground.close()


@stepped
async def test_a_subscription_is_renewed_ended_and_forgotten(clock: Clock) -> None:
    async with appliance(clock) as one, Listener() as listener:
        sid = (await subscribe(one, listener)).headers["sid"]
        await clock.sleep(200)
        renewed = await ask(one.upnp.location, "SUBSCRIBE", "/power/events", {"SID": sid, "TIMEOUT": "Second-300"})
        assert (renewed.status, renewed.headers["sid"]) == (200, sid)
        await clock.sleep(200)
        one.press(PowerState.OFF)
        await clock.sleep(150)
        one.press(PowerState.ON)  # ten seconds after its end
        await clock.sleep(1)
        assert [seq for seq, _ in listener.told()] == [0, 1]
        late = await ask(one.upnp.location, "SUBSCRIBE", "/power/events", {"SID": sid, "TIMEOUT": "Second-300"})
        assert late.status == 412
        sid = (await subscribe(one, listener)).headers["sid"]
        assert (await ask(one.upnp.location, "UNSUBSCRIBE", "/power/events", {"SID": sid})).status == 200
        assert (await ask(one.upnp.location, "UNSUBSCRIBE", "/power/events", {"SID": sid})).status == 412
        assert one.upnp.subscribers == 0


@stepped
async def test_nobody_can_have_somebody_else_told(clock: Clock) -> None:
    async with appliance(clock) as one:
        for callback in ("<http://192.0.2.1:80/>", "<http://localhost:80/>", "<https://127.0.0.1/>", "nowhere", ""):
            headers = {"CALLBACK": callback, "NT": "upnp:event", "TIMEOUT": "Second-300"}
            assert (await ask(one.upnp.location, "SUBSCRIBE", "/power/events", headers)).status == 412
        assert one.upnp.subscribers == 0


@stepped
async def test_a_subscriber_that_hangs_holds_nobody_up_and_gets_the_rest_together(clock: Clock) -> None:
    async with appliance(clock) as one, Listener() as slow, Listener() as quick:
        await subscribe(one, slow)
        await subscribe(one, quick)
        await clock.sleep(1)
        slow.pause = asyncio.Event()
        states = [PowerState.OFF, PowerState.ON] * 10
        for state in states:
            one.press(state)
            await clock.sleep(0.1)
        assert len(quick.told()) == 21
        await clock.sleep(40)
        slow.pause.set()
        slow.pause = None
        await clock.sleep(1)
        numbers = [seq for seq, _ in slow.told()]
        assert numbers == sorted(numbers)
        assert slow.told()[-1][1] == {"PowerState": "ON"}
        assert one.upnp.undelivered > 0


@stepped
async def test_a_subscriber_that_knows_nothing_of_it_is_let_go(clock: Clock) -> None:
    async with appliance(clock) as one, Listener() as listener:
        await subscribe(one, listener)
        await clock.sleep(1)
        listener.answer = b"HTTP/1.1 412 Precondition Failed\r\nContent-Length: 0\r\n\r\n"
        one.press(PowerState.OFF)
        await clock.sleep(1)
        assert one.upnp.subscribers == 0


@stepped
async def test_a_subscriber_that_has_not_read_its_sid_yet_is_told_again(clock: Clock) -> None:
    async with appliance(clock) as one, Listener() as listener:
        good, listener.answer = listener.answer, b"HTTP/1.1 412 Precondition Failed\r\nContent-Length: 0\r\n\r\n"
        await subscribe(one, listener)
        await clock.sleep(0.2)
        listener.answer = good
        await clock.sleep(1)
        assert listener.told() == [(0, {"PowerState": "ON"})] * 2
        assert one.upnp.subscribers == 1


@stepped
async def test_a_subscriber_that_is_not_reached_for_a_moment_is_told_in_order(clock: Clock) -> None:
    async with appliance(clock) as one, Listener() as listener:
        await subscribe(one, listener)
        await clock.sleep(1)
        listener._server.close()
        one.press(PowerState.STANDBY)
        one.press(PowerState.ON)
        await clock.sleep(0.8)
        listener._server = await asyncio.start_server(listener._take, "127.0.0.1", listener.port)
        await clock.sleep(2)
        assert listener.told()[1:] == [(1, {"PowerState": "Standby"}), (2, {"PowerState": "ON"})]


@stepped
async def test_a_search_sent_to_it_is_answered_at_once_for_each_of_its_names(clock: Clock) -> None:
    async with appliance(clock) as one:
        found = await search(clock, "ssdp:all", within_s=0)
        names = [line for answer in found for line in answer if line.startswith("ST:")]
        assert names == [
            "ST: upnp:rootdevice",
            f"ST: uuid:{UUID}",
            f"ST: {APPLIANCE_DEVICE}",
            f"ST: {APPLIANCE_SERVICE}",
            f"ST: {CYCLE_SERVICE}",
        ]
        (only,) = await search(clock, APPLIANCE_DEVICE, within_s=0)
        assert f"LOCATION: {one.upnp.location}" in only
        assert f"USN: uuid:{UUID}::{APPLIANCE_DEVICE}" in only
        assert "CACHE-CONTROL: max-age=1800" in only
        assert await search(clock, "urn:schemas-upnp-org:device:MediaServer:1", within_s=0) == []


@stepped
async def test_faults_of_the_rig(clock: Clock) -> None:
    async with appliance(clock) as one, Listener() as listener:
        location = one.upnp.location
        await subscribe(one, listener)
        await clock.sleep(1)
        one.upnp.freeze()
        hanging = asyncio.create_task(call(location, "GetPowerState"))
        one.press(PowerState.OFF)
        assert await search(clock, "ssdp:all", within_s=0) == []
        await clock.sleep(30)
        assert not hanging.done()
        assert len(listener.told()) == 1
        one.upnp.freeze(frozen=False)
        assert (await hanging).result("PowerState") == "OFF"
        await clock.sleep(1)
        assert listener.told()[-1] == (1, {"PowerState": "OFF"})

        await one.upnp.renumber("127.0.41.8")
        assert one.upnp.location.startswith("http://127.0.41.8:")
        with pytest.raises(OSError):
            await ask(location, "GET", "/description.xml")
        assert (await ask(one.upnp.location, "GET", "/description.xml")).status == 200
        assert one.upnp.subscribers == 0

        one.upnp.mangle = lambda kind, data: data[:40] if kind == "description" else data
        assert len((await ask(one.upnp.location, "GET", "/description.xml")).body) == 40

        await one.upnp.kill()
        with pytest.raises(OSError):
            await ask(one.upnp.location, "GET", "/description.xml")
        await one.upnp.start()
        assert (await call(one.upnp.location, "GetPowerState")).result("PowerState") == "OFF"


@stepped
async def test_a_page_of_somebody_elses_in_a_browser_cannot_ask(clock: Clock) -> None:
    async with appliance(clock) as one:
        port = int(one.upnp.location.split(":")[2].partition("/")[0])
        answer = parsed(await raw(ADDRESS, port, b"GET / HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n"))
        assert answer.status == 400
        assert one.upnp.refused == {"foreign_host": 1}


@stepped
async def test_a_cycle_is_offered_begun_and_not_cut_short(clock: Clock) -> None:
    async with appliance(clock, state=PowerState.STANDBY, kind=Kind(rated_w=2200)) as one, Listener() as listener:
        await subscribe(one, listener, path="/cycle/events")
        latest = clock.utc().replace(hour=23)
        assert await one.load(Cycle("c-1", "Cotton 60", CycleCurve((2.0, 0.5), 15), None, latest)) is None
        offered = await call(one.upnp.location, "GetCycle", urn=CYCLE_SERVICE)
        assert offered.result("PowerCurve") == "2000,500"
        assert offered.result("RatedPower") == "2200"
        assert offered.result("LatestEnd") == "2026-03-01T23:00:00+00:00"
        await call(one.upnp.location, "OperationOn")
        busy = await call(one.upnp.location, "OperationOff")
        assert busy.error_code == ApplianceFault.BUSY
        assert one.state == "on"
        await clock.sleep(31 * 60)
        assert one.state == "standby"
        assert listener.told() == [(0, {"CycleId": ""}), (1, {"CycleId": "c-1"}), (2, {"CycleId": ""})]


async def subscribe(one: SimulatedAppliance, listener: Listener, path: str = "/power/events") -> Answer:
    headers = {"CALLBACK": listener.callback, "NT": "upnp:event", "TIMEOUT": "Second-300"}
    answer = await ask(one.upnp.location, "SUBSCRIBE", path, headers)
    assert answer.status == 200, answer
    return answer


async def search(clock: Clock, target: str, *, within_s: int) -> list[list[str]]:
    with searcher() as asking:
        message = f'M-SEARCH * HTTP/1.1\r\nHOST: {ADDRESS}:{SSDP_PORT}\r\nMAN: "ssdp:discover"\r\nST: {target}\r\n\r\n'
        asking.sendto(message.encode(), (ADDRESS, SSDP_PORT))
        await clock.sleep(0.5)
        found = []
        with contextlib.suppress(BlockingIOError):
            while True:
                found.append(asking.recv(4096).decode().split("\r\n"))
        return found
