"""SOAP of UPnP control, from the device's side: a call is read, judged against the table of actions, and answered.

Sans-IO. What comes is hostile: no document type, no deep or wide trees, names and values bounded.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from xml.parsers import expat

from appliance.faults import Fault, SoapFault
from appliance.upnp.services import Action, Service

LARGEST_CALL_BYTES = 16_384
LONGEST_VALUE = 128
"""Characters; nothing in the tables needs more."""
_ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"
_ENCODING = "http://schemas.xmlsoap.org/soap/encoding/"
_MOST_ARGUMENTS = 16
_DEEPEST = 8
_UI4 = 2**32


class NotSoapError(ValueError):
    """What came is no SOAP call: an answer of HTTP, not of an action."""


@dataclass(frozen=True, slots=True)
class Call:
    """An action that somebody asks for, its arguments checked for form."""

    service: Service
    action: Action
    arguments: Mapping[str, str]


def read_call(service: Service, soap_action: str, body: bytes) -> Call | Fault:
    """Read a call. Raises `NotSoapError` where it is none."""
    reader = _Reader()
    reader.read(body)
    urn, name = reader.action
    if soap_action.strip().strip('"') != f"{urn}#{name}":
        raise NotSoapError(f"SOAPACTION: expected {urn}#{name}, as the body says")
    action = service.action(name) if urn == service.urn else None
    if action is None:
        return Fault(SoapFault.INVALID_ACTION, f"expected an action of {service.urn}, came {name[:64]}")
    return _checked(service, action, reader.arguments)


def answer(call: Call, values: Mapping[str, str]) -> bytes:
    """Make the answer of an action that was done."""
    results = "".join(f"<{name}>{escape(values[name])}</{name}>" for name in call.action.outputs)
    name = call.action.name
    return _enveloped(f'<u:{name}Response xmlns:u="{call.service.urn}">{results}</u:{name}Response>')


def fault(refused: Fault) -> bytes:
    """Make the answer of an action that was not done; it goes out with HTTP status 500."""
    return _enveloped(
        "<s:Fault><faultcode>s:Client</faultcode><faultstring>UPnPError</faultstring><detail>"
        f'<UPnPError xmlns="urn:schemas-upnp-org:control-1-0"><errorCode>{int(refused.code)}</errorCode>'
        f"<errorDescription>{escape(refused.text)}</errorDescription></UPnPError></detail></s:Fault>"
    )


def _enveloped(body: str) -> bytes:
    return (
        f'<?xml version="1.0" encoding="utf-8"?>\n<s:Envelope xmlns:s="{_ENVELOPE}" s:encodingStyle="{_ENCODING}">'
        f"<s:Body>{body}</s:Body></s:Envelope>\n"
    ).encode()


def _checked(service: Service, action: Action, given: list[tuple[str, str]]) -> Call | Fault:
    names = [name for name, _ in given]
    if sorted(names) != sorted(action.inputs):
        wanted, came = ", ".join(action.inputs) or "none", ", ".join(names)[:200] or "none"
        return Fault(SoapFault.INVALID_ARGS, f"{action.name}: expected the arguments {wanted}, each once; came {came}")
    for name, value in given:
        if (wrong := _wrong_value(service.type_of(name), name, value)) is not None:
            return wrong
    return Call(service, action, dict(given))


def _wrong_value(type_: str, name: str, value: str) -> Fault | None:
    if len(value) > LONGEST_VALUE:
        return Fault(SoapFault.STRING_ARGUMENT_TOO_LONG, f"{name}: expected at most {LONGEST_VALUE} characters")
    if type_ != "ui4":
        return None
    if not (value.isascii() and value.removeprefix("-").isdigit()):
        return Fault(SoapFault.INVALID_ARGS, f"{name}: expected a whole number, came {value[:40]!r}")
    if not 0 <= int(value) < _UI4:
        return Fault(SoapFault.ARGUMENT_VALUE_OUT_OF_RANGE, f"{name}: expected 0 to {_UI4 - 1}, came {value[:40]}")
    return None


class _Reader:
    """Follows the parser: Envelope, Body, one action, its arguments; anything else is no call."""

    def __init__(self) -> None:
        self.arguments: list[tuple[str, str]] = []
        self._path: list[tuple[str, str]] = []
        self._action: tuple[str, str] | None = None
        self._text: list[str] = []
        self._in_body = False

    @property
    def action(self) -> tuple[str, str]:
        """Service type and name of the action that is asked for."""
        if self._action is None:
            raise NotSoapError("expected an action in the body of a SOAP envelope")
        return self._action

    def read(self, body: bytes) -> None:
        parser = expat.ParserCreate(namespace_separator="\n")
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text.append
        parser.StartDoctypeDeclHandler = _no_doctype
        try:
            parser.Parse(body, True)
        except (expat.ExpatError, ValueError, LookupError) as error:  # the last two: an encoding that nobody knows
            raise NotSoapError(f"expected a SOAP envelope as XML: {error}") from None

    def _start(self, name: str, _attributes: dict[str, str]) -> None:
        urn, _, local = name.rpartition("\n")
        depth = len(self._path)
        if depth >= _DEEPEST:
            raise NotSoapError("expected no elements nested so deep")
        if depth < 2:
            self._begin_envelope(depth, urn, local)
        elif depth == 2 and self._in_body:
            if self._action is not None:
                raise NotSoapError("expected one action in the body")
            self._action = (urn, local)
        elif depth == 3 and self._in_body and len(self.arguments) >= _MOST_ARGUMENTS:
            raise NotSoapError(f"expected at most {_MOST_ARGUMENTS} arguments")
        elif depth > 3 and self._in_body:
            raise NotSoapError("expected arguments without elements inside")
        self._path.append((urn, local))
        self._text.clear()

    def _begin_envelope(self, depth: int, urn: str, local: str) -> None:
        if urn != _ENVELOPE or local not in (("Envelope",), ("Header", "Body"))[depth]:
            raise NotSoapError(f"expected a SOAP envelope, came {local[:64]!r}")
        self._in_body = local == "Body"

    def _end(self, name: str) -> None:
        self._path.pop()
        if len(self._path) == 3 and self._in_body:
            self.arguments.append((name.rpartition("\n")[2], "".join(self._text)))
        self._text.clear()


def _no_doctype(*_: object) -> None:
    raise NotSoapError("expected no document type declaration")
