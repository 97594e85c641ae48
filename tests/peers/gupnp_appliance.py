"""An appliance hosted by gupnp, for the system's python3 (gir1.2-gupnp-1.6): `gupnp_appliance.py NIC ADDRESS FOLDER`.

The folder has its `device.xml` and `scpd.xml`. It prints `ready` when it is there. Lines on standard input: `become
WORD` changes its state, `refuse CODE` makes it refuse every order (0: none), `quit` says goodbye and ends it. What it
was ordered is printed.
"""

import sys

import gi

gi.require_version("GSSDP", "1.6")
gi.require_version("GUPnP", "1.6")
from gi.repository import GSSDP, Gio, GLib, GObject, GUPnP  # noqa: E402

SERVICE = "urn:heg-energy:service:PowerManagement:1"
ORDERS = {"OperationOn": "ON", "OperationOff": "OFF", "GoToStandby": "Standby"}
OUTPUTS = {
    "GetPowerState": ("PowerState", "RegID"),
    "WakeUpMethod": ("WakeMethod", "RegID"),
    **dict.fromkeys((*ORDERS, "StandbyPeriod"), ("RegID",)),
    "Withdraw": (),
}


class Kettle:
    """Its state, and what it does when it is asked."""

    def __init__(self, service: GUPnP.Service) -> None:
        self.service = service
        self.state = "ON"
        self.refuses = 0
        for name in OUTPUTS:
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
        for one in OUTPUTS[name]:
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
    nic, host, folder = sys.argv[1:]
    address = Gio.InetAddress.new_from_string(host)
    context = GUPnP.Context.new_full(nic, address, 0, GSSDP.UDAVersion.VERSION_1_1)
    context.host_path(f"{folder}/scpd.xml", "/scpd.xml")
    device = GUPnP.RootDevice.new(context, "device.xml", folder)
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


main()
