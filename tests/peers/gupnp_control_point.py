"""A control point of libgupnp, for the system's python3 (gir1.2-gupnp-1.6): `gupnp_control_point.py INTERFACE`.

It finds the gateway, subscribes, calls what it is told on standard input (one JSON list a line: action, names, values,
names of what comes out), and says everything as JSON lines.
"""

import json
import sys

import gi

gi.require_version("GUPnP", "1.6")
from gi.repository import GLib, GObject, GUPnP  # noqa: E402

SERVICE = "urn:heg-energy:service:EnergyManagement:1"


def say(**what):
    print(json.dumps(what), flush=True)


class ControlPoint:
    def __init__(self, interface):
        self.context = GUPnP.Context.new(interface, 0)
        self.point = GUPnP.ControlPoint.new(self.context, "urn:heg-energy:device:EnergyGateway:1")
        self.point.connect("device-proxy-available", self.there)
        self.point.connect("device-proxy-unavailable", lambda _, device: say(gone=device.get_udn()))
        self.point.set_active(True)

    def there(self, _point, device):
        self.service = device.get_service(SERVICE)
        say(
            found=device.get_udn(),
            name=device.get_friendly_name(),
            model=device.get_model_name(),
            page=device.get_presentation_url(),
        )
        self.service.introspect_async(None, self.introspected)

    def introspected(self, service, result):
        introspection = service.introspect_finish(result)
        say(actions=list(introspection.list_action_names()), variables=list(introspection.list_state_variable_names()))
        for name in ("OpenRegistrations", "RegistrationUpdateID"):
            service.add_notify(name, GObject.TYPE_UINT, lambda _s, name, value, *_: say(event=name, value=value))
        service.connect("subscription-lost", lambda _s, error: say(lost=str(error)))
        service.set_subscribed(True)
        GLib.io_add_watch(sys.stdin.fileno(), GLib.IO_IN, self.told)

    def told(self, *_):
        line = sys.stdin.readline()
        if not line:
            return False
        action, names, values, outputs = json.loads(line)
        if action == "unsubscribe":
            self.service.set_subscribed(False)
            GLib.timeout_add(200, lambda: say(unsubscribed=True))
            return True
        call = GUPnP.ServiceProxyAction.new_from_list(action, names, values)
        try:
            self.service.call_action(call, None)
            done, answered = call.get_result_list(outputs, [GObject.TYPE_STRING] * len(outputs))
            say(answer=answered, done=done)
        except GLib.Error as error:
            say(fault=error.code, text=error.message)
        return True


point = ControlPoint(sys.argv[1])
GLib.MainLoop().run()
