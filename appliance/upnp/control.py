"""A call of UPnP control on its way to whoever acts, and the answer back."""

from collections import Counter
from collections.abc import Mapping
from typing import Protocol

from appliance.faults import Fault
from appliance.upnp import soap
from appliance.upnp.http import Response
from appliance.upnp.server import Request
from appliance.upnp.services import Service

_XML = {"CONTENT-TYPE": 'text/xml; charset="utf-8"', "EXT": ""}


class Desk(Protocol):
    """Who acts and tells, behind an appliance's UPnP side."""

    async def act(self, action: str, arguments: Mapping[str, str], peer: str) -> Mapping[str, str] | Fault:
        """Carry out an action of one of the services; `peer` is the address that asks, without a zone.

        Returns its results by name, or why it was not done.
        """

    def values(self, service: Service) -> Mapping[str, str]:
        """Tell the evented variables of a service as they are now."""

    def page(self) -> str:
        """Make what people see in a browser, as HTML."""


async def control(desk: Desk, service: Service, request: Request, refused: Counter[str]) -> Response:
    """Answer a POST to a control URL; what is refused is counted by its code."""
    try:
        call = soap.read_call(service, request.message.headers.get("soapaction", ""), request.message.body)
    except soap.NotSoapError as error:
        refused["not_soap"] += 1
        return Response(400, f"{error}\n".encode())
    result = call if isinstance(call, Fault) else await desk.act(call.action.name, call.arguments, request.peer)
    if isinstance(call, Fault) or isinstance(result, Fault):
        wrong = call if isinstance(call, Fault) else result
        assert isinstance(wrong, Fault)
        refused[str(int(wrong.code))] += 1
        return Response(500, soap.fault(wrong), _XML)
    assert not isinstance(result, soap.Call)
    return Response(200, soap.answer(call, result), _XML)
