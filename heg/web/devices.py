"""Devices over HTTP: added, renamed, tested, removed. Each is a command through the door of whoever calls."""

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from heg.data.door import CommandAnswer, Outcome
from heg.model.instance import Location
from heg.web.accounts.roles import Permission
from heg.web.answering import REFUSED, STATUS
from heg.web.configuration_messages import EffectsInfo, FaultInfo, Why
from heg.web.endpoint import Answered, Asked, Call, Endpoint, Nothing, Nowhere, Reply, Wanted, ordering
from heg.web.house import Home
from heg.web.messages import Message, Value

_PATH = "/api/v1/devices"
_WITHIN_S = 180.0
"""House seconds: devices are given back, drivers restart, and what is new is waited for."""

DeviceName = Annotated[
    str, Meta(pattern=r"^[a-z][a-z0-9-]{0,31}$", description="a name of small letters, digits and '-', such as battery")
]
Address = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=255,
        pattern=r"^[!-~]+$",
        description='an address in the driver\'s words, such as "192.168.1.50", "192.168.1.50:502" or "/dev/ttyUSB0"',
    ),
]
Word = Annotated[str, Meta(max_length=64, pattern=r"^[ -~]*$", description="a text of at most 64 letters")]
UnitId = Annotated[int, Meta(ge=0, le=255, description="a Modbus unit id from 0 to 255")]
Amperes = Annotated[float, Meta(ge=6.0, le=80.0, description="amperes from 6 to 80, such as 16")]
Phases = Annotated[int, Meta(ge=1, le=3, description="1 or 3 phases")]


class Named(Wanted, frozen=True):
    """A device."""

    device: DeviceName


class NewDevice(Asked, frozen=True):
    """A device to be added to a driver's section. `template`, `max_a` and `phases` are of what speaks no SunSpec.

    With a `serial` number the name is given at once, without one when the device has answered.
    """

    protocol: Annotated[str, Meta(pattern=r"^[a-z][a-z0-9-]{0,31}$", description="a driver's name, such as modbus")]
    address: Address
    name: DeviceName | UnsetType = UNSET
    serial: Word = ""
    unit: UnitId | UnsetType = UNSET
    template: Word | UnsetType = UNSET
    max_a: Amperes | UnsetType = UNSET
    phases: Phases | UnsetType = UNSET
    message: Why = ""


class NewName(Asked, frozen=True):
    """The name a device is to have; its history goes along."""

    name: DeviceName
    message: Why = ""


class Reason(Asked, frozen=True):
    """Why it is removed."""

    message: Why = ""


class DeviceVerdict(Message, frozen=True):
    """What became of it. `devices` are new; `values` were heard within `took_s` house seconds.

    `version` is the configuration's that is in force now.
    """

    outcome: str
    text: str
    refusal: str | None = None
    version: int | None = None
    devices: tuple[str, ...] = ()
    values: dict[str, Value] = msgspec.field(default_factory=dict)
    took_s: float | None = None
    faults: tuple[FaultInfo, ...] = ()
    changes: tuple[str, ...] = ()
    effects: EffectsInfo | None = None


class DevicesApi:
    """Handlers of the devices."""

    def __init__(self, home: Home) -> None:
        self._home = home

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Return the rows."""
        may, one = Permission.COMMISSION, f"{_PATH}/{{device}}"
        return (
            ordering(_PATH, may, "add a device", self._add, DeviceVerdict, Nowhere, NewDevice, noted=True),
            ordering(f"{one}/rename", may, "rename a device", self._rename, DeviceVerdict, Named, NewName, noted=True),
            ordering(f"{one}/test", may, "see that it answers", self._test, DeviceVerdict, Named, Nothing),
            ordering(f"{one}/remove", may, "remove a device", self._remove, DeviceVerdict, Named, Reason, noted=True),
        )

    async def _add(self, call: Call[Nowhere, NewDevice]) -> Answered:
        body = call.body
        wished = {"unit": body.unit, "template": body.template, "max_a": body.max_a, "phases": body.phases}
        arguments: dict[str, object] = {
            "protocol": body.protocol,
            "address": body.address,
            "serial": body.serial,
            "settings": {name: value for name, value in wished.items() if value is not UNSET},
        }
        if body.name is not UNSET:
            arguments["name"] = body.name
        return await self._command(call, "add", "", {**arguments, "message": body.message})

    async def _rename(self, call: Call[Named, NewName]) -> Answered:
        said = {"name": call.body.name, "message": call.body.message}
        return await self._command(call, "rename", call.wanted.device, said)

    async def _test(self, call: Call[Named, Nothing]) -> Answered:
        return await self._command(call, "test", call.wanted.device, {})

    async def _remove(self, call: Call[Named, Reason]) -> Answered:
        return await self._command(call, "remove", call.wanted.device, {"message": call.body.message})

    async def _command(self, call: Call[Any, Any], name: str, device: str, said: Mapping[str, object]) -> Answered:
        place = Location(self._home.unit, device)
        arguments = {**said, "by": call.name}
        given = await call.door.command(f"command.device.{name}", place, arguments, timeout_s=_WITHIN_S)
        verdict = _verdict_of(given)
        if given.outcome is not Outcome.REFUSED:
            return verdict
        return Reply(verdict, REFUSED if given.refusal is None else STATUS.get(given.refusal.code, REFUSED))


def _verdict_of(given: CommandAnswer) -> DeviceVerdict:
    refusal = None if given.refusal is None else str(given.refusal)
    words = {"outcome": str(given.outcome), "text": given.text, "refusal": refusal, **(given.detail or {})}
    return msgspec.convert(words, DeviceVerdict)
