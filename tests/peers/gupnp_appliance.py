"""An appliance hosted by libgupnp, for the system's python3 (gir1.2-gupnp-1.6): `gupnp_appliance.py INTERFACE ADDRESS`.

It prints `ready` when it is there. Lines on standard input: `become WORD` changes its state, `refuse CODE` makes it
refuse every order (0: none), `quit` says goodbye and ends it. What it was ordered is printed.
"""

import sys
import tempfile
from pathlib import Path

import gi

gi.require_version("GSSDP", "1.6")
gi.require_version("GUPnP", "1.6")
from gi.repository import GSSDP, Gio, GLib, GObject, GUPnP  # noqa: E402

UUID = "7e57ab1e-0000-4000-8000-000000000009"
DEVICE = "urn:heg-energy:device:Appliance:1"
SERVICE = "urn:heg-energy:service:PowerManagement:1"
ACTIONS = {
    "GetPowerState": ("UUID Address", "PowerState RegID"),
    "WakeUpMethod": ("UUID Address", "WakeMethod RegID"),
    "OperationOn": ("UUID Address", "RegID"),
    "OperationOff": ("UUID Address", "RegID"),
    "GoToStandby": ("UUID Address", "RegID"),
    "StandbyPeriod": ("UUID Address StartTime StopTime", "RegID"),
    "Withdraw": ("UUID Address RegID", ""),
}
_TEXTS = ("UUID", "Address", "PowerState", "WakeMethod", "StartTime", "StopTime")
VARIABLES = {**dict.fromkeys(_TEXTS, "string"), "RegID": "i4"}
ORDERS = {"OperationOn": "ON", "OperationOff": "OFF", "GoToStandby": "Standby"}


def description() -> str:
    return f"""<?xml version="1.0"?><root xmlns="urn:schemas-upnp-org:device-1-0"><specVersion><major>1</major>
<minor>0</minor></specVersion><device><deviceType>{DEVICE}</deviceType><friendlyName>gupnp</friendlyName>
<manufacturer>libgupnp</manufacturer><modelName>Kettle</modelName><UDN>uuid:{UUID}</UDN><serviceList><service>
<serviceType>{SERVICE}</serviceType><serviceId>urn:heg-energy:serviceId:PowerManagement</serviceId>
<SCPDURL>/scpd.xml</SCPDURL><controlURL>/control</controlURL><eventSubURL>/event</eventSubURL></service>
</serviceList></device></root>"""


def scpd() -> str:
    actions = "".join(
        f"<action><name>{name}</name><argumentList>"
        + "".join(
            f"<argument><name>{one}</name><direction>{way}</direction>"
            f"<relatedStateVariable>{one}</relatedStateVariable></argument>"
            for way, names in (("in", into), ("out", out))
            for one in names.split()
        )
        + "</argumentList></action>"
        for name, (into, out) in ACTIONS.items()
    )
    variables = "".join(
        f'<stateVariable sendEvents="{"yes" if name == "PowerState" else "no"}"><name>{name}</name>'
        f"<dataType>{kind}</dataType></stateVariable>"
        for name, kind in VARIABLES.items()
    )
    return f"""<?xml version="1.0"?><scpd xmlns="urn:schemas-upnp-org:service-1-0"><specVersion><major>1</major>
<minor>0</minor></specVersion><actionList>{actions}</actionList><serviceStateTable>{variables}</serviceStateTable>
</scpd>"""


class Kettle:
    """Its state, and what it does when it is asked."""

    def __init__(self, service: GUPnP.Service) -> None:
        self.service = service
        self.state = "ON"
        self.refuses = 0
        for name in ACTIONS:
            service.connect(f"action-invoked::{name}", self.invoked, name)
        service.connect("query-variable::PowerState", self.queried)

    def become(self, state: str) -> None:
        self.state = state
        self.service.notify_value("PowerState", GObject.Value(str, state))

    def invoked(self, _service: object, action: GUPnP.ServiceAction, name: str) -> None:
        if name in ORDERS:
            if self.refuses:
                action.return_error(self.refuses, "not while it boils")
                return
            self.become(ORDERS[name])
            print(name, flush=True)
        answers = {"PowerState": self.state, "WakeMethod": "WOL", "RegID": 4 if name == "StandbyPeriod" else 0}
        for one in ACTIONS[name][1].split():
            value = answers[one]
            action.set_value(one, GObject.Value(int if one == "RegID" else str, value))
        action.return_success()

    def queried(self, _service: object, _name: str, value: GObject.Value) -> None:
        value.init(str)
        value.set_string(self.state)


def print_ready() -> bool:
    print("ready", flush=True)
    return False


def main() -> None:
    folder = tempfile.TemporaryDirectory()
    Path(folder.name, "device.xml").write_text(description())
    Path(folder.name, "scpd.xml").write_text(scpd())
    address = Gio.InetAddress.new_from_string(sys.argv[2])
    context = GUPnP.Context.new_full(sys.argv[1], address, 0, GSSDP.UDAVersion.VERSION_1_1)
    context.host_path(f"{folder.name}/scpd.xml", "/scpd.xml")
    device = GUPnP.RootDevice.new(context, "device.xml", folder.name)
    kettle = Kettle(device.get_service(SERVICE))
    device.set_available(True)
    loop = GLib.MainLoop()

    def told(source: object, _condition: object) -> bool:
        word, _, rest = sys.stdin.readline().strip().partition(" ")
        if word == "become":
            kettle.become(rest)
        elif word == "refuse":
            kettle.refuses = int(rest)
        else:
            device.set_available(False)
            GLib.timeout_add(1500, loop.quit)  # its goodbyes are spread over a second
            return False
        return True

    GLib.io_add_watch(sys.stdin.fileno(), GLib.IO_IN | GLib.IO_HUP, told)
    # It begins with goodbyes, spread over half a second: it may be found before them, between them and after them.
    GLib.timeout_add(20, print_ready)
    loop.run()
    folder.cleanup()


main()
