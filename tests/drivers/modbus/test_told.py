"""An address the owner named and where nobody answers is said, once; a network is searched in silence."""

from __future__ import annotations

import asyncio
import socket

import pytest

from drivers.modbus.config import ModbusConfig
from drivers.modbus.driver import ModbusDriver
from heg.data.interface import DataInterface
from heg.devices.manager import DeviceManager
from heg.model.policy import CUSTOMER
from heg.runtime.clock import Clock
from hil.ports import free_ports
from tests.support.stepped import stepped


@stepped
@pytest.mark.parametrize(("many", "lines"), [(False, 1), (True, 0)])
async def test_a_named_address_without_a_device_is_said_once(
    clock: Clock, caplog: pytest.LogCaptureFixture, many: bool, lines: int
) -> None:
    with socket.socket() as nobody:  # bound and not listening: every connection is refused
        port, _ = free_ports(2)
        nobody.bind(("127.0.0.1", port))
        data = DataInterface(clock, "home")
        manager = DeviceManager(data.admit(CUSTOMER, "devices"), clock)
        hosts = (f"127.0.0.1:{port}-{port + 1}",) if many else (f"127.0.0.1:{port}",)
        driver = asyncio.ensure_future(ModbusDriver(ModbusConfig(hosts=hosts), manager).run())
        await clock.sleep(120)
        driver.cancel()
        await asyncio.gather(driver, return_exceptions=True)
        await data.close()
    said = [record for record in caplog.records if f"127.0.0.1:{port}: no SunSpec device found" in record.getMessage()]
    assert len(said) == lines
