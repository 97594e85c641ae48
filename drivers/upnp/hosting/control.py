"""SOAP control of the gateway's own service: what comes is judged by the table, faults are those of UPnP.

Source: UPnP Device Architecture 1.1, chapter 3. Arguments are told by their names: who sends them in another order
is understood, too.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from http import HTTPStatus

from drivers.upnp.envelope import CONTROL, contents, enclosed
from drivers.upnp.exchange import XML, Answer, Asked
from drivers.upnp.hosting.service import ACTIONS, Action
from drivers.upnp.markup import Caps, Element, MarkupError, escaped, read
from heg.model.appliances import GATEWAY_SERVICE

MOST_BYTES = 8_192
_CAPS = Caps(size=MOST_BYTES, deep=5, elements=24, text=1_024)
_LONGEST_ARGUMENT = 64


class Code(IntEnum):
    """Errors of UPnP control that every device knows; our own stand in heg/model/appliances.py."""

    INVALID_ACTION = 401
    INVALID_ARGUMENTS = 402
    ACTION_FAILED = 501
    INVALID_VALUE = 600
    OUT_OF_RANGE = 601
    TOO_LONG = 605


@dataclass(frozen=True, slots=True)
class Fault:
    """A no, with the words that a person reads."""

    code: int
    text: str


Outputs = Mapping[str, str]
Act = Callable[[Action, Mapping[str, str], Asked], Awaitable[Outputs | Fault]]


@dataclass(frozen=True, slots=True)
class _Order:
    action: Action
    arguments: Mapping[str, str]


class Control:
    """Answers POST at the control URL. `act` does what was asked, with arguments whose names and lengths are right."""

    def __init__(self, act: Act) -> None:
        self._act = act

    async def post(self, asked: Asked) -> Answer:
        """Answer one order."""
        kind = asked.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if kind not in ("text/xml", "application/xml"):
            return Answer(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, counted="soap_malformed")
        try:
            order = _order(asked.headers.get("SOAPACTION", ""), read(asked.body, _CAPS))
        except MarkupError:
            return Answer(HTTPStatus.BAD_REQUEST, counted="soap_malformed")
        if isinstance(order, Fault):
            return _fault(order)
        outputs = await self._act(order.action, order.arguments, asked)
        return _fault(outputs) if isinstance(outputs, Fault) else _done(order.action, outputs)


def _order(header: str, root: Element) -> _Order | Fault:
    """Return what is asked for. Raises `MarkupError` where it is no envelope with one element in its body."""
    found = contents(root)
    if len(found) != 1:
        raise MarkupError("expected a SOAP envelope with one action in its body, came something else")
    [told] = found
    action = ACTIONS.get(told.name)
    if action is None or told.space != GATEWAY_SERVICE or header.strip().strip('"') != f"{told.space}#{told.name}":
        return Fault(Code.INVALID_ACTION, "Invalid Action")
    arguments = dict(told.texts())
    if len(arguments) != len(told.children) or arguments.keys() != set(action.inputs):
        return Fault(Code.INVALID_ARGUMENTS, f"Invalid Args: expected each once: {', '.join(action.inputs)}")
    for name in action.inputs:
        if len(arguments[name]) > _LONGEST_ARGUMENT:
            text = f"String Argument Too Long: {name} has at most {_LONGEST_ARGUMENT} letters"
            return Fault(Code.TOO_LONG, text)
    return _Order(action, arguments)


def _done(action: Action, outputs: Outputs) -> Answer:
    values = "".join(f"<{name}>{escaped(outputs[name])}</{name}>" for name in action.outputs)
    name = f"u:{action.name}Response"
    return _said(HTTPStatus.OK, f'<{name} xmlns:u="{GATEWAY_SERVICE}">{values}</{name}>')


def _fault(fault: Fault) -> Answer:
    detail = (
        f'<UPnPError xmlns="{CONTROL}"><errorCode>{int(fault.code)}</errorCode>'
        f"<errorDescription>{escaped(fault.text)}</errorDescription></UPnPError>"
    )
    said = f"<faultcode>s:Client</faultcode><faultstring>UPnPError</faultstring><detail>{detail}</detail>"
    return _said(HTTPStatus.INTERNAL_SERVER_ERROR, f"<s:Fault>{said}</s:Fault>", f"soap_{int(fault.code)}")


def _said(status: int, body: str, counted: str = "") -> Answer:
    return Answer(status, enclosed(body), {"Content-Type": XML, "EXT": ""}, counted)
