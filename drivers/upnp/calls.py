"""Calls of an appliance's actions: checked, sent, believed in nothing, and named when they fail."""

from collections.abc import Mapping

from drivers.upnp import soap
from drivers.upnp.actions import (
    GET_CYCLE,
    GET_POWER_STATE,
    OPERATIONS,
    POWER_WORDS,
    STANDBY_PERIOD,
    WAKE_UP_METHOD,
    WAKE_WORDS,
    WITHDRAW,
    Action,
)
from drivers.upnp.client import HttpClient
from drivers.upnp.interfaces import our_address
from drivers.upnp.parts import Described
from drivers.upnp.soap import Answer, Fault, Value
from heg.model.appliances import PowerState, WakeMethod
from heg.model.refusals import Refusal

_HEADERS = {"Content-Type": 'text/xml; charset="utf-8"'}


class Calls:
    """Asks appliances on the gateway's behalf; `uuid` is who asks, the address is ours on the appliance's link."""

    def __init__(self, client: HttpClient, uuid: str) -> None:
        self._client = client
        self._uuid = uuid

    def is_silent(self, appliance: Described) -> bool:
        """Tell whether it did not answer of late, or took long."""
        return self._client.is_silent(appliance.control_url, appliance.link)

    async def power_state(self, appliance: Described) -> PowerState | Fault | Refusal:
        """Ask what state it is in."""
        answer = await self._of_appliance(appliance, GET_POWER_STATE)
        return POWER_WORDS[str(answer["PowerState"])] if isinstance(answer, Mapping) else answer

    async def wake_method(self, appliance: Described) -> WakeMethod | Fault | Refusal:
        """Ask how it is woken."""
        answer = await self._of_appliance(appliance, WAKE_UP_METHOD)
        return WAKE_WORDS[str(answer["WakeMethod"])] if isinstance(answer, Mapping) else answer

    async def bring(self, appliance: Described, state: PowerState) -> Fault | Refusal | None:
        """Order it into a state; None when it took the order."""
        answer = await self._of_appliance(appliance, OPERATIONS[state])
        return None if isinstance(answer, Mapping) else answer

    async def standby_period(self, appliance: Described, start: str, stop: str) -> int | Fault | Refusal:
        """Register a standby between two times of day (HH:MM:SS) at the appliance; returns the registration's id."""
        answer = await self._of_appliance(appliance, STANDBY_PERIOD, StartTime=start, StopTime=stop)
        return _whole(answer["RegID"]) if isinstance(answer, Mapping) else answer

    async def withdraw(self, appliance: Described, registration: int) -> Fault | Refusal | None:
        """Take back what was registered at the appliance."""
        answer = await self._of_appliance(appliance, WITHDRAW, RegID=registration)
        return None if isinstance(answer, Mapping) else answer

    async def cycle(self, appliance: Described) -> Answer | Fault | Refusal:
        """Ask which cycle waits in it."""
        return await self._call(appliance, appliance.cycle_control_url, GET_CYCLE, {})

    async def _of_appliance(self, appliance: Described, action: Action, **values: Value) -> Answer | Fault | Refusal:
        values |= {"UUID": self._uuid, "Address": our_address(appliance.link, appliance.host)}
        return await self._call(appliance, appliance.control_url, action, values)

    async def _call(
        self, appliance: Described, url: str, action: Action, values: Mapping[str, Value]
    ) -> Answer | Fault | Refusal:
        body = soap.encode(action, values)
        if isinstance(body, Refusal):
            return body
        headers = {**_HEADERS, "SOAPACTION": soap.header(action)}
        answer = await self._client.ask(
            "POST", url, appliance.link, headers=headers, body=body, most_bytes=soap.CAPS.size
        )
        if isinstance(answer, Refusal):
            return answer
        return soap.decode(action, answer.status, answer.body)


def _whole(value: Value) -> int:
    return value if isinstance(value, int) else 0
