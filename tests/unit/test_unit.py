"""The composition root on a stepped loop: everything starts, tells of itself, and ends without a trace."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest

from heg.config.reader import load
from heg.devices.contract import Driver, DriverContext, DriverSpec
from heg.model.instance import Location
from heg.model.policy import CUSTOMER
from heg.model.records import AlarmRecord, ConfigurationRecord, HealthRecord, Severity
from heg.runtime.clock import Clock
from heg.runtime.notify import ServiceManager
from heg.unit.site import Site
from heg.unit.unit import Unit
from tests.support.stepped import stepped

HOME = Location("home")
CONFIG = """
[contract]
max_import_kw = 10
max_export_kw = 10

[bus]
fails_after_s = 3.0
"""


class BusSection(msgspec.Struct, frozen=True):
    """The section of the driver below."""

    fails_after_s: float


@dataclass
class Bus:
    """A driver that fails, however often it is started."""

    section: BusSection
    clock: Clock
    ended: list[str] = field(default_factory=list)

    async def run(self) -> None:
        await self.clock.sleep(self.section.fails_after_s)
        raise ConnectionError("the cable is out")


def build(section: BusSection, context: DriverContext) -> Driver:
    return Bus(section, context.clock)


DRIVERS = {"bus": DriverSpec("bus", "fails", BusSection, build)}


@contextlib.asynccontextmanager
async def running(clock: Clock, folder: Path, manager: ServiceManager | None = None) -> AsyncIterator[Unit]:
    path = folder / "heg.toml"
    path.write_text(CONFIG)
    config = load(path, DRIVERS)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        site = Site(folder, DRIVERS, manager or ServiceManager(None), listener=listener)
        unit = Unit(config, clock, site)
        stop = asyncio.Event()
        running = asyncio.ensure_future(unit.run(stop))
        await clock.sleep(1)
        try:
            yield unit
        finally:
            stop.set()
            assert await running


@stepped
async def test_a_failing_driver_is_restarted_and_its_health_is_an_instance(
    clock: Clock, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(clock, tmp_path) as unit:
        await clock.sleep(30)
        door = unit.data.admit(CUSTOMER, "test")
        health = door.latest("health", Location("home", "", "driver.bus"))
        assert health is not None
        assert isinstance(health.value, HealthRecord)
        assert health.value.restarts >= 2
        assert health.value.last_error == "ConnectionError: the cable is out"
        web = door.latest("health", Location("home", "", "web"))
        assert web is not None
        assert isinstance(web.value, HealthRecord)
        assert web.value.running
    assert any(record.exc_info for record in caplog.records if record.levelno == logging.ERROR)


@stepped
async def test_the_unit_tells_its_own_figures_and_its_configuration(clock: Clock, tmp_path: Path) -> None:
    async with running(clock, tmp_path) as unit:
        await clock.sleep(120)
        door = unit.data.admit(CUSTOMER, "test")
        memory, lag = door.latest("self.memory", HOME), door.latest("self.loop_lag", Location("home", "", "p99"))
        assert memory is not None
        assert isinstance(memory.value, float)
        assert lag is not None
        configuration = door.latest("configuration", HOME)
        assert configuration is not None
        assert configuration.value == ConfigurationRecord(1, CONFIG, "start")


@stepped
async def test_the_service_manager_hears_of_start_and_end(clock: Clock, tmp_path: Path) -> None:
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.bind(address)
        line.setblocking(False)
        async with running(clock, tmp_path, ServiceManager(address)):
            assert line.recv(4096) == b"STATUS=unit home is running"
        heard = [line.recv(4096), line.recv(4096)]
    assert heard == [b"READY=1", b"STOPPING=1"]  # the first completed cycle is readiness


@stepped
async def test_an_alarm_that_nobody_raises_again_ends_with_the_run_it_came_from(clock: Clock, tmp_path: Path) -> None:
    place = Location("home", "", "port-in-use")
    async with running(clock, tmp_path) as unit:
        raised = AlarmRecord(active=True, severity=Severity.WARNING, text="the port is taken")
        assert unit.data.admit(CUSTOMER, "web").write("alarm", place, raised).accepted
    async with running(clock, tmp_path) as unit:
        left = unit.data.admit(CUSTOMER, "test").latest("alarm", place)
        assert left is not None
        assert left.value == AlarmRecord(active=False, severity=Severity.WARNING, text="the port is taken")
