"""Independent peers read and write our simulators: mbpoll, and pysunspec2's own synchronous client."""

import asyncio
import re
import subprocess
from collections.abc import Awaitable, Callable

import pytest
from sunspec2.modbus.client import SunSpecModbusClientDeviceTCP

from heg.runtime.clock import Clock
from heg.runtime.loops import RealTiming, run
from hil.devices.charger import ChargerSettings
from hil.devices.meter import MeterSettings
from hil.devices.pv import PvSettings
from hil.devices.storage import StorageSettings
from hil.handles import Handle
from hil.house.battery import BatteryConfig
from hil.house.house import Constant, HouseConfig
from hil.house.vehicle import VehicleConfig
from hil.rig import DeviceSettings, Rig, RigPlan, SerialBus
from tests.support.peers import needs

pytestmark = pytest.mark.system

needs_mbpoll = needs("mbpoll")

STILL = HouseConfig(batteries={"battery": BatteryConfig(lag_s=0.0, dead_time_s=0.0, self_consumption=False)})


def live(plan: RigPlan, scene: Callable[[Rig], Awaitable[None]]) -> None:
    """Run a scene against a rig in real time: the peers know no other."""

    async def main(clock: Clock) -> None:
        async with Rig(plan, clock) as rig:
            rig.truth.advance_to(1.0)
            await scene(rig)

    run(main, timing=RealTiming())


def plan(settings: DeviceSettings) -> RigPlan:
    return RigPlan(STILL, Constant(1.25, 2.0), devices={"it": settings})


def scanned(handle: Handle) -> dict[int, dict]:
    """Every model as pysunspec2's client decodes it, in physical units."""
    host, _, port = handle.address.rpartition(":")
    device = SunSpecModbusClientDeviceTCP(slave_id=handle.unit_id, ipaddr=host, ipport=int(port), timeout=5)
    try:
        device.scan()
        assert not any(model.error_info for model in device.model_list)
        return {model.model_id: model.get_dict(computed=True) for model in device.model_list}
    finally:
        device.close()


@pytest.mark.parametrize(
    ("settings", "chain"),
    [
        (PvSettings("101"), [1, 101, 120, 121, 122, 123, 160]),
        (PvSettings("102"), [1, 102, 120, 121, 122, 123, 160]),
        (PvSettings("103"), [1, 103, 120, 121, 122, 123, 160]),
        (PvSettings("111"), [1, 111, 120, 121, 122, 123, 160]),
        (PvSettings("112"), [1, 112, 120, 121, 122, 123, 160]),
        (PvSettings("113"), [1, 113, 120, 121, 122, 123, 160]),
        (PvSettings("701"), [1, 701, 702, 703, 704, 705, 714]),
        (PvSettings("103", base=50_000, unit_id=42), [1, 103, 120, 121, 122, 123, 160]),
        (StorageSettings("704", 701), [1, 701, 702, 703, 704, 705, 713, 714, 802]),
        (StorageSettings("704", 103), [1, 103, 702, 703, 704, 705, 713, 714, 802]),
        (StorageSettings("124", 103), [1, 103, 120, 121, 122, 124, 802]),
        (StorageSettings("124", 113), [1, 113, 120, 121, 122, 124, 802]),
        *((MeterSettings(str(model), age_s=0.0), [1, model]) for model in (201, 202, 203, 204, 211, 212, 213, 214)),
    ],
    ids=str,
)
def test_pysunspec2_walks_the_chain_and_reads_the_house(settings: DeviceSettings, chain: list[int]) -> None:
    async def scene(rig: Rig) -> None:
        handle = rig.handles["it"]
        models = await asyncio.to_thread(scanned, handle)
        assert sorted(models) == sorted(chain)
        assert models[1]["SN"] == settings.serial
        measured = models[chain[1]]
        if isinstance(settings, MeterSettings):
            assert measured["W"] == pytest.approx(-750, abs=1)
        elif isinstance(settings, PvSettings):
            assert measured["W"] == pytest.approx(2000, abs=1)
        else:
            assert measured["W"] == pytest.approx(0, abs=1)
            assert models[802]["SoC"] == pytest.approx(50, abs=0.2)

    live(plan(settings), scene)


def test_pysunspec2_writes_a_set_point() -> None:
    def order(handle: Handle) -> float:
        host, _, port = handle.address.rpartition(":")
        device = SunSpecModbusClientDeviceTCP(slave_id=1, ipaddr=host, ipport=int(port), timeout=5)
        try:
            device.scan()
            controls = device.models[704][0]
            controls.WSetMod.cvalue, controls.WSet.cvalue, controls.WSetEna.cvalue = 1, -1500, 1
            controls.write()
            controls.read()
            return float(controls.WSet.cvalue)
        finally:
            device.close()

    async def scene(rig: Rig) -> None:
        assert await asyncio.to_thread(order, rig.battery) == -1500
        rig.truth.step()
        rig.truth.step()
        assert rig.truth.batteries_kw == pytest.approx(1.5)

    live(plan(StorageSettings()), scene)


def mbpoll(*arguments: str) -> dict[int, int]:
    """One poll; registers by address. Values are as mbpoll prints them."""
    done = subprocess.run(
        ["mbpoll", "-0", "-1", "-q", *arguments], capture_output=True, text=True, timeout=20, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return {int(at): int(value) for at, value in re.findall(r"^\[(\d+)\]:\s+(-?\d+)", done.stdout, re.MULTILINE)}


@needs_mbpoll
def test_mbpoll_reads_and_writes_over_tcp() -> None:
    async def scene(rig: Rig) -> None:
        host, _, port = rig.battery.address.rpartition(":")
        there = ["-m", "tcp", "-p", port, "-a", "1"]
        found = await asyncio.to_thread(mbpoll, *there, "-r", "40000", "-c", "4", host)
        assert list(found.values()) == [0x5375, 0x6E53, 1, 66]
        image = rig.battery.device.image
        reserve = image.address(802, "SoCRsvMin")
        await asyncio.to_thread(mbpoll, *there, "-r", str(reserve), host, "250")
        found = await asyncio.to_thread(mbpoll, *there, "-r", str(reserve), "-c", "1", host)
        assert found == {reserve: 250}
        assert rig.truth.batteries["battery"].reserve == pytest.approx(0.25)
        assert rig.battery.writes("802.SoCRsvMin") == 1
        floats = image.address(704, "WSet")
        await asyncio.to_thread(mbpoll, *there, "-t", "4:int", "-B", "-r", str(floats), host, "--", "-2000")
        assert image[704]["WSet"].get() == -2000

    live(plan(StorageSettings()), scene)


@needs_mbpoll
def test_mbpoll_is_refused_where_nothing_is() -> None:
    async def scene(rig: Rig) -> None:
        host, _, port = rig.meter.address.rpartition(":")
        with pytest.raises(AssertionError, match=r"(?i)illegal data address"):
            await asyncio.to_thread(mbpoll, "-m", "tcp", "-p", port, "-a", "1", "-r", "39000", host)

    live(plan(MeterSettings()), scene)


@needs_mbpoll
def test_mbpoll_reads_two_devices_on_one_serial_line() -> None:
    async def scene(rig: Rig) -> None:
        line = ["-m", "rtu", "-b", "19200", "-P", "none"]
        for unit, serial_length in ((2, 66), (3, 66)):
            found = await asyncio.to_thread(mbpoll, *line, "-a", str(unit), "-r", "40000", "-c", "4", rig.meter.address)
            assert list(found.values()) == [0x5375, 0x6E53, 1, serial_length]
        limit = rig.pv.device.image.address(123, "WMaxLimPct")
        await asyncio.to_thread(mbpoll, *line, "-a", "3", "-r", str(limit), rig.pv.address, "400")
        assert rig.pv.device.image[123]["WMaxLimPct"].get() == 40.0

    live(
        RigPlan(
            STILL,
            devices={"meter": MeterSettings(unit_id=2), "pv": PvSettings(unit_id=3)},
            buses={"line": SerialBus()},
            wiring={"meter": "line", "pv": "line"},
        ),
        scene,
    )


@needs_mbpoll
def test_mbpoll_reads_and_commands_the_charge_point() -> None:
    """Function 3 for each value of two registers, function 6 for what is set: nothing else is understood."""

    async def scene(rig: Rig) -> None:
        host, _, port = rig.charger.address.rpartition(":")
        common = ["mbpoll", "-m", "tcp", "-p", port, "-a", "255", "-0", "-1", "-o", "5"]

        async def asked(*arguments: str) -> str:
            process = await asyncio.create_subprocess_exec(
                *common, *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
            )
            said, _ = await process.communicate()
            return said.decode()

        read = ["-t", "4:int", "-B", host]
        assert re.search(r"\[1014\]:\s+18416854", await asked("-r", "1014", *read))
        assert re.search(r"\[1110\]:\s+16000", await asked("-r", "1110", *read))
        assert "Written 1 references" in await asked("-r", "5004", "-t", "4", host, "9000")
        assert re.search(r"\[1100\]:\s+9000", await asked("-r", "1100", *read))
        assert rig.charger.writes("set_current") == 1
        assert "failed" in await asked("-r", "5004", "-t", "4", host, "5000")
        assert "failed" in await asked("-r", "1000", "-c", "4", *read)

    vehicles = {"car": VehicleConfig(plugged=True)}
    house = HouseConfig(batteries={}, producers={}, vehicles=vehicles)
    live(RigPlan(house, Constant(0.5), devices={"charger": ChargerSettings()}), scene)
