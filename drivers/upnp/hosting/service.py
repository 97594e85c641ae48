"""What the gateway offers to appliances, as data: actions, arguments, state variables (spec upnp-appliances.md)."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from heg.model.appliances import GATEWAY_DEVICE, GATEWAY_SERVICE

SERVICE_ID = "urn:heg-energy:serviceId:EnergyManagement1"
DESCRIPTION_PATH, SCPD_PATH = "/device.xml", "/energy.xml"
CONTROL_PATH, EVENT_PATH, PAGE_PATH = "/control", "/subscribe", "/"


@dataclass(frozen=True, slots=True)
class Variable:
    """A state variable. `kind` is a type of UPnP; only numbers and texts are needed."""

    name: str
    kind: str = "string"
    evented: bool = False


@dataclass(frozen=True, slots=True)
class Action:
    """What an appliance may ask for. Every argument has the name of its state variable."""

    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...] = ()


OPEN_REGISTRATIONS = Variable("OpenRegistrations", "ui4", evented=True)
UPDATE_ID = Variable("RegistrationUpdateID", "ui4", evented=True)
"""Another number whenever any registration begins, comes into force or ends: who has one looks for it then."""

WAKE_UP_TIME = Action("WakeUpTime", ("UUID", "Address", "Time"), ("RegID",))
NO_STANDBY_PERIOD = Action("NoStandbyPeriod", ("UUID", "Address", "StartTime", "StopTime"), ("RegID",))
WITHDRAW = Action("Withdraw", ("UUID", "Address", "RegID"))
LIST = Action("X_ListRegistrations", ("UUID", "Address"), ("X_RegIDs",))
"""Beyond the specification: the open registrations of who asks, as a list with commas."""

ACTIONS: Mapping[str, Action] = MappingProxyType(
    {one.name: one for one in (WAKE_UP_TIME, NO_STANDBY_PERIOD, WITHDRAW, LIST)}
)
VARIABLES = (
    *map(Variable, ("UUID", "Address", "Time", "StartTime", "StopTime", "X_RegIDs")),
    Variable("RegID", "ui4"),
    OPEN_REGISTRATIONS,
    UPDATE_ID,
)


def description(uuid: str, unit: str, config_id: int = 0) -> bytes:
    """Print the device's description. `unit` is a plain name (letters, digits, `-`)."""
    return f"""<?xml version="1.0" encoding="utf-8"?>
<root xmlns="urn:schemas-upnp-org:device-1-0" configId="{config_id}">
<specVersion><major>1</major><minor>1</minor></specVersion>
<device>
<deviceType>{GATEWAY_DEVICE}</deviceType>
<friendlyName>Home energy gateway ({unit})</friendlyName>
<manufacturer>heg</manufacturer>
<modelDescription>Home energy gateway: finds, plans and commands appliances, and does what they ask</modelDescription>
<modelName>heg</modelName>
<UDN>uuid:{uuid}</UDN>
<serviceList><service>
<serviceType>{GATEWAY_SERVICE}</serviceType>
<serviceId>{SERVICE_ID}</serviceId>
<SCPDURL>{SCPD_PATH}</SCPDURL>
<controlURL>{CONTROL_PATH}</controlURL>
<eventSubURL>{EVENT_PATH}</eventSubURL>
</service></serviceList>
<presentationURL>{PAGE_PATH}</presentationURL>
</device>
</root>
""".encode()


def scpd(config_id: int = 0) -> bytes:
    """Print the service's description."""
    actions = "\n".join(map(_action, ACTIONS.values()))
    variables = "\n".join(map(_variable, VARIABLES))
    return f"""<?xml version="1.0" encoding="utf-8"?>
<scpd xmlns="urn:schemas-upnp-org:service-1-0" configId="{config_id}">
<specVersion><major>1</major><minor>1</minor></specVersion>
<actionList>
{actions}
</actionList>
<serviceStateTable>
{variables}
</serviceStateTable>
</scpd>
""".encode()


def _action(action: Action) -> str:
    arguments = "".join(
        f"<argument><name>{name}</name><direction>{direction}</direction>"
        f"<relatedStateVariable>{name}</relatedStateVariable></argument>"
        for direction, names in (("in", action.inputs), ("out", action.outputs))
        for name in names
    )
    return f"<action><name>{action.name}</name><argumentList>{arguments}</argumentList></action>"


def _variable(variable: Variable) -> str:
    evented = "yes" if variable.evented else "no"
    return (
        f'<stateVariable sendEvents="{evented}"><name>{variable.name}</name>'
        f"<dataType>{variable.kind}</dataType></stateVariable>"
    )
