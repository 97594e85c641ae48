"""Our driver against servers that share no code with it or with the rig: npm's modbus-serial, and a serial line."""

from time import time  # noqa: TID251 - scaled time hangs on the real one

import pytest
from sunspec2.device import Model

from drivers.modbus.bus import Bus
from drivers.modbus.discovery import Exploration, explore
from drivers.modbus.link import Failure, FailureKind, tcp_link
from drivers.modbus.wire import Wire
from heg.devices.contract import OwnerSettings
from heg.model.instance import Quality
from heg.model.leases import SetPoint
from heg.model.records import DeviceStatus
from heg.runtime.clock import Clock
from heg.runtime.loops import RealTiming, ScaledTiming, run
from hil.devices.meter import MeterSettings
from hil.devices.pv import PvSettings
from hil.devices.storage import StorageSettings
from hil.rig import RigPlan, SerialBus
from tests.drivers.modbus.place import a_place
from tests.support.npm_modbus import needs_npm, npm_server, words
from tests.support.stepped import START_UTC, stepped


def registers() -> dict[int, list[int]]:
    """A SunSpec chain encoded by pysunspec2: common, three-phase inverter, immediate controls."""
    data = b"SunS"
    for model_id, values in (
        (1, {"Mn": "Peer", "Md": "Server", "SN": "NPM-1", "Vr": "8"}),
        (103, {"W": -1234, "W_SF": 0, "Hz": 5001, "Hz_SF": -2, "WH": 123456, "WH_SF": 0, "St": 4}),
        (120, {"WRtg": 5000, "WRtg_SF": 0, "DERTyp": 4}),
        (123, {"WMaxLimPct": 1000, "WMaxLimPct_SF": -1, "WMaxLim_Ena": 0, "Conn": 1}),
    ):
        data += Model(model_id, data=values).get_mb()
    data += b"\xff\xff\x00\x00"
    return {40000: words(data)}


@needs_npm
@pytest.mark.system
def test_an_npm_server_is_explored_read_written_and_refuses() -> None:
    async def scene(clock: Clock, port: int) -> None:
        bus = Bus(tcp_link("127.0.0.1", port, 2.0), clock)
        try:
            explored = await explore(bus, 1)
            assert isinstance(explored, Exploration)
            assert not explored.fault
            (device,) = explored.devices
            assert device.identity == "sunspec:Peer:Server:NPM-1"
            assert device.images[103].number("W") == -1234
            assert device.images[103].number("Hz") == 50.01
            assert device.images[103].raw("WSetEna") is None
            wire = Wire(bus, 1, device.images)
            assert await wire.write(123, {"WMaxLimPct": 42.5, "WMaxLim_Ena": 1}) is None
            assert await wire.refresh(123, "WMaxLimPct", "WMaxLim_Ena") is None
            assert device.images[123].number("WMaxLimPct") == 42.5
            assert device.images[123].raw("WMaxLim_Ena") == 1
            refused = await bus.read(1, 5, 2)
            assert isinstance(refused, Failure)
            assert (refused.kind, refused.code) == (FailureKind.EXCEPTION, 2)
        finally:
            bus.close()
            await clock.sleep(0)

    with npm_server(registers()) as port:
        run(lambda clock: scene(clock, port), timing=RealTiming())


def a_line() -> RigPlan:
    """Three devices on one RS-485 line."""
    return RigPlan(
        devices={
            "meter": MeterSettings(unit_id=1),
            "pv": PvSettings(unit_id=2),
            "battery": StorageSettings(unit_id=3),
        },
        buses={"line": SerialBus(baudrate=115_200)},
        wiring={"meter": "line", "pv": "line", "battery": "line"},
    )


@pytest.mark.system
def test_three_devices_on_one_serial_line_and_one_of_them_dies() -> None:
    """A serial line is a pseudo-terminal: it knows only real time, of which the house makes three seconds each."""

    async def scene(clock: Clock) -> None:
        config = {"hosts": (), "interval_s": 0.5}
        async with a_place(clock, a_line(), config=config, settled=(), serial_units=(1, 2, 3, 4)) as place:
            await place.until(lambda: len(place.manager.devices()) == 3, within_s=20)
            assert place.manager.devices() == ("battery", "meter", "pv")
            await place.until(lambda: place.door.latest("power.active", place.at("meter")) is not None)
            place.rig.pv.stops_answering()
            await place.until(lambda: place.record("pv").status is DeviceStatus.LOST, within_s=20)
            for _ in range(20):
                await place.after(0.25)
                assert place.instance("power.active", "meter").quality is Quality.GOOD
                assert place.instance("power.active", "battery").quality is Quality.GOOD
            actuator = place.actuator("battery").actuator
            assert await actuator.apply(SetPoint(power_kw=1.0)) is None
            await place.until(lambda: abs(place.rig.battery.power_kw - 1.0) < 0.05, within_s=10)
            place.rig.pv.answers_again()
            await place.until(lambda: place.record("pv").status is DeviceStatus.ATTACHED, within_s=20)

    run(scene, timing=ScaledTiming(3.0, START_UTC, time()))


@stepped
async def test_several_units_behind_one_tcp_address(clock: Clock) -> None:
    plan = RigPlan(
        devices={"meter": MeterSettings(unit_id=1), "battery": StorageSettings(unit_id=2)},
        wiring={"meter": "box", "battery": "box"},
    )
    owners = (OwnerSettings(name="zaehler", serial="RIG-METER-1"),)
    config = {"units": (1, 2)}
    async with a_place(clock, plan, owners=owners, config=config, settled=("zaehler", "battery")) as place:
        await place.after(5)
        assert place.instance("power.active", "zaehler").quality is Quality.GOOD
        assert place.record("battery").address.endswith("/2")
