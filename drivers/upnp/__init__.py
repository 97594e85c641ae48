"""Appliances over UPnP: the gateway finds and commands them, and they can command the gateway.

Light to import: what speaks HTTP is loaded when the driver is built.
"""

from drivers.upnp.config import UpnpConfig, open_sockets
from heg.devices.contract import Driver, DriverContext, DriverSpec


def _build(config: UpnpConfig, context: DriverContext) -> Driver:
    from drivers.upnp.driver import UpnpDriver

    return UpnpDriver(config, context)


DRIVER = DriverSpec(
    name="upnp",
    summary="Appliances that offer the power-management service over UPnP",
    config_type=UpnpConfig,
    build=_build,
    sockets=open_sockets,
)
