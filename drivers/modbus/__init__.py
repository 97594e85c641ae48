"""Modbus and SunSpec: inverters, batteries and meters over TCP and RS-485 (spec field-protocols.md, Modbus).

Light to import: pymodbus is loaded when the driver is built, so that `heg check` stays small.
"""

from drivers.modbus.config import ModbusConfig
from drivers.modbus.editing import EDITOR
from heg.devices.contract import Driver, DriverContext, DriverSpec


def _build(config: ModbusConfig, context: DriverContext) -> Driver:
    from drivers.modbus.driver import ModbusDriver

    return ModbusDriver(config, context)


def _nodes(config: ModbusConfig) -> tuple[str, ...]:
    return tuple(line.port for line in config.serial)


DRIVER = DriverSpec(
    name="modbus",
    summary="SunSpec inverters, batteries and meters over Modbus TCP and RS-485",
    config_type=ModbusConfig,
    build=_build,
    nodes=_nodes,
    editor=EDITOR,
)
