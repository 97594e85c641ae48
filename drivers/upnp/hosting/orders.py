"""What appliances ask of the gateway: who asks is who is discovered there, and the house answers through the door.

Source: spec upnp-appliances.md, second table. UUID and Address are those of who asks: known, and where it is discovered
now, by the argument's word and by the connection's.
"""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from uuid import UUID

from drivers.upnp.exchange import Asked, address_of
from drivers.upnp.hosting.control import Code, Fault, Outputs
from drivers.upnp.hosting.service import LIST, NO_STANDBY_PERIOD, WAKE_UP_TIME, Action
from drivers.upnp.pace import Pace
from drivers.upnp.parts import Askers
from heg.devices.contract import CommandAnswer
from heg.model.appliances import ApplianceFault, Registration, RequestKind
from heg.model.local_times import time_of_day
from heg.model.refusals import RefusalCode

_AT_ONCE, _EVERY_S = 8.0, 5.0
"""So often an appliance may ask in the long run: each order is written to the disk."""
_MOST_ID = 2**32 - 1
_LONGEST_TEXT = 200
_TIMES = ("Time", "StartTime", "StopTime")
_FAULTS: Mapping[RefusalCode, int] = MappingProxyType(
    {
        RefusalCode.WRONG_TYPE: Code.INVALID_VALUE,
        RefusalCode.WRONG_KIND: Code.INVALID_VALUE,
        RefusalCode.BAD_TIME: Code.INVALID_VALUE,
        RefusalCode.OUT_OF_RANGE: Code.OUT_OF_RANGE,
        RefusalCode.TOO_LARGE: ApplianceFault.TOO_MANY,
        RefusalCode.NOT_GRANTED: ApplianceFault.NOT_YOURS,
        RefusalCode.UNKNOWN_SUBSCRIPTION: ApplianceFault.NOT_REGISTERED,
        RefusalCode.TOO_SOON: ApplianceFault.NOT_NOW,
        RefusalCode.NOT_READY: ApplianceFault.NOT_NOW,
        RefusalCode.NO_ONE_ANSWERS: ApplianceFault.NOT_NOW,
        RefusalCode.CONFLICT: ApplianceFault.BUSY,
    }
)


class Orders:
    """Does what appliances ask. `registrations` are those still open in the house; `done` is told of each change."""

    def __init__(
        self,
        now_s: Callable[[], float],
        askers: Askers,
        registrations: Callable[[], Iterable[tuple[str, Registration]]],
        done: Callable[[], None],
    ) -> None:
        self._now_s, self._askers = now_s, askers
        self._registrations, self._done = registrations, done
        self._pace = Pace(_AT_ONCE, 1.0 / _EVERY_S)

    async def act(self, action: Action, arguments: Mapping[str, str], asked: Asked) -> Outputs | Fault:
        """Judge who asks and for what, and hand it on."""
        uuid = _uuid(arguments["UUID"])
        if uuid is None:
            return Fault(Code.INVALID_VALUE, "UUID: expected a UUID such as uuid:8-4-4-4-12")
        if (fault := self._who(uuid, arguments["Address"], asked) or _times(arguments)) is not None:
            return fault
        if action is LIST:
            return {"X_RegIDs": ",".join(map(str, self._of(uuid)))}
        request = _request(action, arguments)
        if isinstance(request, Fault):
            return request
        if not self._pace.may(uuid, self._now_s()):
            text = f"asked too often: {_AT_ONCE:g} at once, then one in {_EVERY_S:g} s"
            return Fault(ApplianceFault.NOT_NOW, text)
        answer = await self._askers.ask(uuid, *request)
        if answer is None:
            return _unknown()
        if answer.refusal is not None:
            return _refused(answer)
        self._done()
        return _outputs(action, answer)

    def _who(self, uuid: str, said: str, asked: Asked) -> Fault | None:
        is_there = self._askers.is_at(uuid, asked.caller)
        if is_there is None:
            return _unknown()
        address = address_of(said)
        if address is None:
            return Fault(Code.INVALID_VALUE, "Address: expected an address of IPv4 or IPv6")
        if address != address_of(asked.peer) or not is_there:
            text = "expected to be asked by the appliance itself, from the address where it is discovered"
            return Fault(ApplianceFault.NOT_YOURS, text)
        return None

    def _of(self, uuid: str) -> list[int]:
        return sorted(one.id for _, one in self._registrations() if one.identity.removeprefix("uuid:") == uuid)


def _uuid(text: str) -> str | None:
    plain = text.strip().lower().removeprefix("uuid:")
    try:
        return plain if str(UUID(plain)) == plain else None
    except ValueError:
        return None


def _times(arguments: Mapping[str, str]) -> Fault | None:
    for name in _TIMES:
        if name in arguments and time_of_day(arguments[name]) is None:
            return Fault(Code.INVALID_VALUE, f"{name}: expected HH:MM:SS, such as 06:30:00")
    return None


def _request(action: Action, arguments: Mapping[str, str]) -> tuple[str, Mapping[str, object]] | Fault:
    if action is WAKE_UP_TIME:
        return "command.register", {"kind": str(RequestKind.WAKE_UP), "start": arguments["Time"]}
    if action is NO_STANDBY_PERIOD:
        start, stop = arguments["StartTime"], arguments["StopTime"]
        return "command.register", {"kind": str(RequestKind.NO_STANDBY), "start": start, "stop": stop}
    number = arguments["RegID"].strip()
    if not (number.isascii() and number.isdecimal()):
        return Fault(Code.INVALID_ARGUMENTS, "Invalid Args: RegID is a whole number")
    if not 0 < int(number) <= _MOST_ID:
        return Fault(Code.OUT_OF_RANGE, f"RegID: expected 1 to {_MOST_ID}")
    return "command.withdraw", {"id": int(number)}


def _outputs(action: Action, answer: CommandAnswer) -> Outputs | Fault:
    if not action.outputs:
        return {}
    number = (answer.detail or {}).get("id")
    if not isinstance(number, int):
        return Fault(Code.ACTION_FAILED, "Action Failed")
    return {"RegID": str(number)}


def _refused(answer: CommandAnswer) -> Fault:
    refusal = answer.refusal
    assert refusal is not None
    code = (answer.detail or {}).get("fault")
    if not isinstance(code, int):
        code = _FAULTS.get(refusal.code, Code.ACTION_FAILED)
    text = f"expected {refusal.expected}" + (f"; {refusal.mend}" if refusal.mend else "")
    return Fault(code, text[:_LONGEST_TEXT])


def _unknown() -> Fault:
    return Fault(ApplianceFault.NOT_REGISTERED, "no such appliance is discovered here")
