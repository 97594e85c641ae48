"""What appliances say of themselves: device and service descriptions, held against the specification's table. Pure.

Nothing of the XML is kept. A service description is judged once and remembered by its hash.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from drivers.upnp.actions import (
    GET_CYCLE,
    GET_POWER_STATE,
    OPERATIONS,
    STANDBY_PERIOD,
    WAKE_UP_METHOD,
    WITHDRAW,
    Action,
)
from drivers.upnp.markup import Caps, Element, MarkupError, read
from drivers.upnp.urls import service_url
from heg.model.appliances import APPLIANCE_SERVICE, CYCLE_SERVICE
from heg.model.refusals import Refusal, RefusalCode

MOST_BYTES = 64 * 1024
_CAPS = Caps(size=MOST_BYTES, deep=16, elements=4096, text=2048)
_MOST_DEVICES, _MOST_SERVICES = 16, 32
_LONGEST_TEXT = 64

_ACTIONS: Mapping[str, tuple[Action, ...]] = {
    APPLIANCE_SERVICE: (GET_POWER_STATE, WAKE_UP_METHOD, *OPERATIONS.values(), STANDBY_PERIOD, WITHDRAW),
    CYCLE_SERVICE: (GET_CYCLE,),
}
_EVENTED = {APPLIANCE_SERVICE: "PowerState", CYCLE_SERVICE: "CycleId"}


@dataclass(frozen=True, slots=True)
class Service:
    """Where a service is, absolute and on the appliance's host."""

    kind: str
    control_url: str
    event_url: str
    scpd_url: str


@dataclass(frozen=True, slots=True)
class DeviceDescription:
    """An appliance's description, as far as it matters."""

    maker: str
    model: str
    serial: str
    name: str
    power: Service
    cycles: Service | Refusal | None
    """None: it offers none."""


def device_of(body: bytes, *, uuid: str, location: str, host: str) -> DeviceDescription | Refusal:
    """Read the description at `location`: the device called `uuid` in it, the root or one inside."""
    root = _read(body)
    if isinstance(root, Refusal):
        return root
    device = next((one for one in _devices(root) if one.text_at("UDN").lower() == f"uuid:{uuid}"), None)
    if device is None and not _udns(root):
        return Refusal(RefusalCode.WRONG_TYPE, f"a description of uuid:{uuid}", "one of nobody")
    if device is None:
        return Refusal(RefusalCode.CONFLICT, f"a description of uuid:{uuid}", f"one of {_udns(root)}")
    base = root.text_at("URLBase") or location
    power = _service(device, APPLIANCE_SERVICE, base, host)
    if power is None:
        return Refusal(RefusalCode.UNSUPPORTED, f"service {APPLIANCE_SERVICE}", "a description without it")
    if isinstance(power, Refusal):
        return power
    return DeviceDescription(
        maker=_plain(device.text_at("manufacturer")),
        model=_plain(device.text_at("modelName")),
        serial=_plain(device.text_at("serialNumber")),
        name=_plain(device.text_at("friendlyName")),
        power=power,
        cycles=_service(device, CYCLE_SERVICE, base, host),
    )


def uuids_of(body: bytes) -> frozenset[str]:
    """The UUIDs of all devices that a description describes; none where it is no description."""
    root = _read(body)
    if isinstance(root, Refusal):
        return frozenset()
    return frozenset(one.text_at("UDN").lower().removeprefix("uuid:") for one in _devices(root))


def service_fault(body: bytes, kind: str) -> Refusal | None:
    """Hold a service description against its table; None when it can do all that is asked of it."""
    root = _read(body)
    if isinstance(root, Refusal):
        return root
    wanted, evented = _ACTIONS[kind], _EVENTED[kind]
    offered = {action.text_at("name"): action for action in root.below("actionList", "action")}
    missing = [one.name for one in wanted if one.name not in offered]
    if missing:
        names = ", ".join(one.name for one in wanted)
        return Refusal(RefusalCode.UNSUPPORTED, f"the actions {names}", f"a service without {', '.join(missing)}")
    faults = [text for one in wanted if (text := _arguments_fault(one, offered[one.name]))]
    if not any(
        one.text_at("name") == evented and _is_evented(one) for one in root.below("serviceStateTable", "stateVariable")
    ):
        faults.append(f"{evented} without events")
    if faults:
        return Refusal(RefusalCode.UNSUPPORTED, "the arguments of the specification's table", "; ".join(faults)[:400])
    return None


def _read(body: bytes) -> Element | Refusal:
    try:
        return read(body, _CAPS)
    except MarkupError as error:
        return Refusal(RefusalCode.WRONG_TYPE, "a description", str(error))


def _arguments_fault(wanted: Action, offered: Element) -> str:
    """What goes in must be what we send, neither more nor less; what comes out may be more than we read."""
    going_in: set[str] = set()
    coming_out: set[str] = set()
    for argument in offered.below("argumentList", "argument"):
        (going_in if argument.text_at("direction") == "in" else coming_out).add(argument.text_at("name"))
    inputs = [one.name for one in wanted.inputs]
    if going_in != set(inputs):
        came, expected = ", ".join(sorted(going_in))[:80] or "nothing", ", ".join(inputs) or "nothing"
        return f"{wanted.name} takes {came}, expected {expected}"
    if lacking := [one.name for one in wanted.outputs if one.name not in coming_out]:
        return f"{wanted.name} does not tell {', '.join(lacking)}"
    return ""


def _is_evented(variable: Element) -> bool:
    own = variable.attributes.get("sendEvents") or variable.text_at("sendEventsAttribute")
    return (own or "yes").lower() == "yes"


def _devices(root: Element) -> Iterator[Element]:
    waiting = [one for one in root.children if one.name == "device"]
    for _ in range(_MOST_DEVICES):
        if not waiting:
            return
        device = waiting.pop(0)
        yield device
        waiting += device.below("deviceList", "device")


def _udns(root: Element) -> str:
    return ", ".join(one.text_at("UDN")[:64] for one in _devices(root))[:160]


def _service(device: Element, kind: str, base: str, host: str) -> Service | Refusal | None:
    found = next((one for one in device.below("serviceList", "service")[:_MOST_SERVICES] if _is_kind(one, kind)), None)
    if found is None:
        return None
    urls: list[str] = []
    for name in ("controlURL", "eventSubURL", "SCPDURL"):
        text = found.text_at(name)
        url = service_url(base, text, host) if text else Refusal(RefusalCode.WRONG_TYPE, f"a {name} of {kind}", "none")
        if isinstance(url, Refusal):
            return url
        urls.append(url)
    return Service(kind, *urls)


def _is_kind(service: Element, kind: str) -> bool:
    """A later version can do what the earlier one can (UPnP Device Architecture 2.0, 2.3)."""
    text = service.text_at("serviceType")
    name, _, version = text.rpartition(":")
    return name == kind.rpartition(":")[0] and version.isdecimal() and int(version[:6]) >= 1


def _plain(text: str) -> str:
    """A name for people and logs: one line of printable letters."""
    return "".join(letter if letter.isprintable() else " " for letter in text[:_LONGEST_TEXT]).strip()
