"""An appliance hosted by async_upnp_client, in a process of its own: `library_appliance.py ADDRESS`; ends on a line."""

from __future__ import annotations

import asyncio
import sys
from typing import Any
from xml.etree import ElementTree

from async_upnp_client.const import DeviceInfo, ServiceInfo
from async_upnp_client.server import (
    UpnpServer,
    UpnpServerDevice,
    UpnpServerService,
    callable_action,
    create_event_var,
    create_state_var,
)

from tests.drivers.upnp.documents import DEVICE, SERVICE, TABLE, uuid_number

ONE = uuid_number(1)
ORDERS = {"OperationOn": "ON", "OperationOff": "OFF", "GoToStandby": "Standby"}
XML = ElementTree.Element("definition")


def _action(name: str, into: str, out: str) -> Any:
    async def act(service: UpnpServerService, **_arguments: object) -> dict[str, Any]:
        if name in ORDERS:
            service.state_variable("PowerState").value = ORDERS[name]
        return {one: service.state_variable(one) for one in out.split()}

    act.__annotations__ |= {one: int if one == "RegID" else str for one in into.split()}  # it reads them
    return act


def _service() -> type[UpnpServerService]:
    texts = ("UUID", "Address", "StartTime", "StopTime")
    variables = {name: create_state_var("string") for name in texts}
    variables |= {
        "PowerState": create_event_var("string", default="ON"),
        "WakeMethod": create_state_var("string", default="WOL"),
        "RegID": create_state_var("i4", default="4"),
    }
    about = ServiceInfo("urn:heg-energy:serviceId:PowerManagement", SERVICE, "/control", "/event", "/scpd.xml", XML)
    body: dict[str, Any] = {"SERVICE_DEFINITION": about, "STATE_VARIABLE_DEFINITIONS": variables}
    for name, (into, out) in TABLE.items():
        ins, outs = ({one: one for one in names.split()} for names in (into, out))
        body[f"do_{name}"] = callable_action(name, ins, outs)(_action(name, into, out))
    return type("Power", (UpnpServerService,), body)


def _device() -> type[UpnpServerDevice]:
    about = DeviceInfo(
        device_type=DEVICE, friendly_name="Kettle", manufacturer="Theirs", manufacturer_url=None,
        model_description=None, model_name="K1", model_number=None, model_url=None, serial_number="7",
        udn=f"uuid:{ONE}", upc=None, presentation_url=None, url="/device.xml", icons=[], xml=XML,
    )  # fmt: skip
    body = {"DEVICE_DEFINITION": about, "EMBEDDED_DEVICES": [], "SERVICES": [_service()]}
    return type("Kettle", (UpnpServerDevice,), body)


async def main() -> None:
    server = UpnpServer(_device(), (sys.argv[1], 0), http_port=8123)
    await server.async_start()
    await asyncio.to_thread(sys.stdin.readline)
    await server.async_stop()


if __name__ == "__main__":
    asyncio.run(main())
