"""The documents by which an appliance describes itself: device description and service descriptions."""

from dataclasses import dataclass
from functools import cache
from html import escape

from appliance.upnp.services import SERVICES, Action, Service, Variable
from heg.model.appliances import APPLIANCE_DEVICE

_HEAD = '<?xml version="1.0" encoding="utf-8"?>\n'
_VERSION = "<specVersion><major>1</major><minor>1</minor></specVersion>"


@dataclass(frozen=True, slots=True)
class Identity:
    """Who an appliance is. `uuid` is the plain UUID in small letters; it stays when everything else changes."""

    uuid: str
    name: str
    maker: str = "heg"
    model: str = "heg-appliance"
    serial: str = ""

    @property
    def udn(self) -> str:
        """The unique device name."""
        return f"uuid:{self.uuid}"


def device_description(identity: Identity) -> bytes:
    """Make the device description; its URLs are relative, so they hold at whatever address it was read."""
    services = "".join(
        f"<service><serviceType>{one.urn}</serviceType><serviceId>{one.id}</serviceId>"
        f"<SCPDURL>/{one.path}.xml</SCPDURL><controlURL>/{one.path}/control</controlURL>"
        f"<eventSubURL>/{one.path}/events</eventSubURL></service>"
        for one in SERVICES
    )
    serial = f"<serialNumber>{escape(identity.serial)}</serialNumber>" if identity.serial else ""
    return (
        f'{_HEAD}<root xmlns="urn:schemas-upnp-org:device-1-0">{_VERSION}<device>'
        f"<deviceType>{APPLIANCE_DEVICE}</deviceType><friendlyName>{escape(identity.name)}</friendlyName>"
        f"<manufacturer>{escape(identity.maker)}</manufacturer><modelName>{escape(identity.model)}</modelName>"
        f"{serial}<UDN>{identity.udn}</UDN><serviceList>{services}</serviceList>"
        "<presentationURL>/</presentationURL></device></root>\n"
    ).encode()


@cache
def service_description(service: Service) -> bytes:
    """Make the description of a service (SCPD); made once, whatever the number of appliances."""
    return (
        f'{_HEAD}<scpd xmlns="urn:schemas-upnp-org:service-1-0">{_VERSION}'
        f"<actionList>{''.join(map(_action, service.actions))}</actionList>"
        f"<serviceStateTable>{''.join(map(_variable, service.variables))}</serviceStateTable></scpd>\n"
    ).encode()


def _action(action: Action) -> str:
    arguments = [*((name, "in") for name in action.inputs), *((name, "out") for name in action.outputs)]
    listed = "".join(
        f"<argument><name>{name}</name><direction>{direction}</direction>"
        f"<relatedStateVariable>{name}</relatedStateVariable></argument>"
        for name, direction in arguments
    )
    return f"<action><name>{action.name}</name><argumentList>{listed}</argumentList></action>"


def _variable(variable: Variable) -> str:
    allowed = "".join(f"<allowedValue>{one}</allowedValue>" for one in variable.allowed)
    listed = f"<allowedValueList>{allowed}</allowedValueList>" if allowed else ""
    return (
        f'<stateVariable sendEvents="{"yes" if variable.evented else "no"}"><name>{variable.name}</name>'
        f"<dataType>{variable.type}</dataType>{listed}</stateVariable>"
    )
