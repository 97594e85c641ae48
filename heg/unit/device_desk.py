"""Devices by command: added, renamed, removed, tested. What is changed is changed in the configuration's file."""

import asyncio
import tomllib
from collections.abc import Iterable, Mapping
from functools import reduce
from typing import Any

from heg.control.room import ControlRoom
from heg.data.door import CommandAnswer, CommandHandler, Door, Outcome
from heg.devices.contract import FEED, DriverSpec, NewDevice
from heg.devices.manager import DeviceManager
from heg.model.edits import Append, Discard, Drop, Edit, Put, Rename
from heg.model.instance import ANY, Location
from heg.model.records import DeviceRecord, DeviceStatus
from heg.model.refusals import Refusal, RefusalCode
from heg.runtime.clock import Clock
from heg.unit.configuring import Configuration
from heg.unit.device_words import Addition, Naming, addition_of, naming_of, said_of
from heg.unit.listening import Listening

_FOUND_WITHIN_S = 20.0
_LOOK_S = 0.5
_BY_NAME = (("automation", "appliance"), ("cycle",))
"""Sections whose subsections are the owner's words about the device of that name."""


class DeviceDesk:
    """Answers `command.device.*`; `run` is one supervised task."""

    def __init__(
        self,
        door: Door,
        clock: Clock,
        unit: str,
        specs: Mapping[str, DriverSpec],
        devices: DeviceManager,
        control: ControlRoom,
        configuration: Configuration,
    ) -> None:
        self._door, self._clock, self._unit, self._specs = door, clock, unit, specs
        self._devices, self._control, self._configuration = devices, control, configuration
        self._listening = Listening(door, clock, unit, devices, control)

    async def run(self) -> None:
        """Answer until cancelled."""
        here, anywhere = Location(self._unit), Location(self._unit, ANY)
        answering = (
            self._door.answer("command.device.add", here, self._add),
            self._door.answer("command.device.rename", anywhere, self._rename),
            self._door.answer("command.device.remove", anywhere, self._whole(self._remove)),
            self._door.answer("command.device.test", anywhere, self._test),
        )
        try:
            await asyncio.Event().wait()
        finally:
            for receipt in answering:
                self._door.unsubscribe(receipt.request)

    def _whole(self, handler: CommandHandler) -> CommandHandler:
        async def to_its_end(place: Location, arguments: Mapping[str, object]) -> CommandAnswer:
            return await self._configuration.whole(handler(place, arguments))

        return to_its_end

    # Adding

    async def _add(self, _place: Location, arguments: Mapping[str, object]) -> CommandAnswer:
        wish = addition_of(arguments)
        if isinstance(wish, Refusal):
            return _refused(wish)
        edits = self._edits_to_add(wish)
        if isinstance(edits, Refusal):
            return _refused(edits)
        before = self._devices.driven_by((wish.protocol,))
        why = wish.said.why or f"device at {wish.address} added"
        answer = await self._configuration.edit(edits, wish.said.who, why)
        if answer.outcome is Outcome.REFUSED:
            return answer
        found = await self._found(wish.protocol, before)
        names = [one.name for one in found]
        detail = {**(answer.detail or {}), "devices": names}
        if not found:
            text = f"It is configured, and looked for: nothing new answers at {wish.address} yet."
            return CommandAnswer(Outcome.PARTLY, text, detail=detail)
        if wish.name and not wish.serial and found[0].name != wish.name:
            named = await self._call(found[0], Naming(wish.name, wish.said))
            if named.outcome is Outcome.REFUSED:
                return CommandAnswer(Outcome.PARTLY, f"{names[0]} is there. {named.text}", named.refusal, detail)
            names[0] = wish.name
            detail |= {**(named.detail or {}), "devices": names}
        return CommandAnswer(Outcome.DONE, f"{' and '.join(names)} answers at {wish.address}.", detail=detail)

    def _edits_to_add(self, wish: Addition) -> tuple[Edit, ...] | Refusal:
        spec = self._specs.get(wish.protocol)
        if spec is None or spec.editor is None:
            able = [name for name, one in self._specs.items() if one.editor is not None]
            mend = "other devices are configured in the file itself"
            return Refusal(RefusalCode.UNSUPPORTED, f"protocol as one of {', '.join(able)}", wish.protocol[:60], mend)
        if wish.name and (refusal := self._name_refusal(wish.name)) is not None:
            return refusal
        try:
            edits = spec.editor.add(self._section(wish.protocol), NewDevice(wish.address, wish.settings))
        except ValueError as error:
            return Refusal(RefusalCode.OUT_OF_RANGE, str(error).removeprefix("expected "))
        named = (Put(("device", wish.name, "serial"), wish.serial),) if wish.name and wish.serial else ()
        return (*_within(wish.protocol, edits), *named)

    async def _found(self, protocol: str, before: frozenset[str]) -> list[DeviceRecord]:
        until_s = self._clock.monotonic_s() + _FOUND_WITHIN_S
        while self._clock.monotonic_s() < until_s:
            new = self._devices.driven_by((protocol,)) - before
            if new:
                records = (self._devices.record_of(name) for name in self._devices.devices())
                return [one for one in records if one is not None and one.identity in new]
            await self._clock.sleep(_LOOK_S)
        return []

    # Renaming

    async def _rename(self, place: Location, arguments: Mapping[str, object]) -> CommandAnswer:
        record, wish = self._known(place.device), naming_of(arguments)
        if isinstance(record, Refusal):
            return _refused(record)
        if isinstance(wish, Refusal):
            return _refused(wish)
        return await self._call(record, wish)

    async def _call(self, record: DeviceRecord, wish: Naming) -> CommandAnswer:
        if (refusal := self._name_refusal(wish.name)) is not None:
            return _refused(refusal)
        if (refusal := self._taken_words(record.name, wish.name)) is not None:
            return _refused(refusal)
        entry = self._devices.entry_of(record)
        edits: list[Edit] = [Put(("device", wish.name, "identity"), record.identity)]
        if entry.name:
            edits = [Rename(("device", entry.name), wish.name)]
        edits += [Rename((*section, record.name), wish.name) for section in self._words_about(record.name)]
        for driver, spec in self._specs.items():
            if spec.editor is not None:
                edits += _within(driver, spec.editor.rename(self._section(driver), record.name, wish.name))
        why = wish.said.why or f"{record.name} is called {wish.name}"
        return await self._configuration.edit(edits, wish.said.who, why)

    def _words_about(self, name: str) -> list[tuple[str, ...]]:
        """The sections in which the owner says something about a device of this name."""
        raw = self._raw()
        return [section for section in _BY_NAME if name in reduce(lambda at, key: at.get(key, {}), section, raw)]

    def _taken_words(self, name: str, wanted: str) -> Refusal | None:
        """What is said of one device goes along with its name, and must not meet what is said of another."""
        both = set(self._words_about(name)) & set(self._words_about(wanted))
        came = ", ".join(f"[{'.'.join((*section, wanted))}]" for section in sorted(both))
        expected, mend = "a name of which nothing else is said", "choose another, or take that section out"
        return Refusal(RefusalCode.CONFLICT, expected, came, mend) if both else None

    def _name_refusal(self, name: str) -> Refusal | None:
        """A name that ever was another device's stands for that one's past."""
        known = self._devices.record_of(name)
        if known is not None:
            came = f"{name}, which stands for {known.maker} {known.model} {known.serial}".strip()
            return Refusal(RefusalCode.CONFLICT, "a name that no other device has or had", came, "choose another")
        if name in self._raw().get("device", {}):
            return Refusal(RefusalCode.CONFLICT, "a name that is free", f"[device.{name}]", "choose another")
        return None

    # Removing

    async def _remove(self, place: Location, arguments: Mapping[str, object]) -> CommandAnswer:
        record, said = self._known(place.device), said_of(arguments)
        if isinstance(record, Refusal):
            return _refused(record)
        if isinstance(said, Refusal):
            return _refused(said)
        if record.protocol == FEED:
            mend = "take its section out of the configuration"
            return _refused(Refusal(RefusalCode.UNSUPPORTED, "a device", f"{record.name}, which [feeds] tells", mend))
        edits = self._edits_to_remove(record)
        identity = frozenset({record.identity})
        detail: Mapping[str, object] = {}
        # Given back while its driver can still reach it.
        await self._control.let_go(identity)
        try:
            if edits:
                answer = await self._configuration.edit(edits, said.who, said.why or f"{record.name} removed")
                if answer.outcome is Outcome.REFUSED:
                    return answer
                detail = answer.detail or {}
            self._devices.remove(record)
            await self._control.forget(identity)
        finally:
            self._control.take_up(identity)
        text = f"{record.name} is removed; its history stays, and its name is kept for it."
        if any(not isinstance(edit, Drop) for edit in edits):
            return CommandAnswer(Outcome.DONE, text, detail=detail)
        where = (
            f"where it was found ({record.address}) is still looked at: `heg scan` or the driver's next start may find "
            "it again"
        )
        return CommandAnswer(Outcome.PARTLY, f"{text} But {where}.", detail=detail)

    def _edits_to_remove(self, record: DeviceRecord) -> tuple[Edit, ...]:
        edits: list[Edit] = []
        spec = self._specs.get(record.protocol)
        if spec is not None and spec.editor is not None and not self._has_neighbours(record):
            edits += _within(record.protocol, spec.editor.remove(self._section(record.protocol), record.address))
        if name := self._devices.entry_of(record).name:
            edits.append(Drop(("device", name)))
        return tuple(edits)

    def _has_neighbours(self, record: DeviceRecord) -> bool:
        """Another device at the same place is configured by the same entry."""
        place = record.address.rpartition("/")[0]
        records = (self._devices.record_of(name) for name in self._devices.devices())
        return any(
            one is not None and one.identity != record.identity and one.address.rpartition("/")[0] == place
            for one in records
        )

    # Testing

    async def _test(self, place: Location, _arguments: Mapping[str, object]) -> CommandAnswer:
        record = self._known(place.device)
        return _refused(record) if isinstance(record, Refusal) else await self._listening.test(record)

    # The file

    def _known(self, name: str) -> DeviceRecord | Refusal:
        record = self._devices.record_of(name)
        if record is None or not record.identity:
            return Refusal(RefusalCode.DEVICE_LOST, "a known device", name or "none", "`heg devices` lists them")
        if record.status is DeviceStatus.REMOVED and not self._devices.is_attached(record.identity):
            return Refusal(RefusalCode.DEVICE_LOST, "a device that is configured", f"{name}, which was removed")
        return record

    def _raw(self) -> Mapping[str, Any]:
        return tomllib.loads(self._configuration.text)

    def _section(self, driver: str) -> Mapping[str, Any]:
        section = self._raw().get(driver, {})
        return section if isinstance(section, Mapping) else {}


def _within(driver: str, edits: Iterable[Edit]) -> tuple[Edit, ...]:
    return tuple(_prefixed(driver, edit) for edit in edits)


def _prefixed(driver: str, edit: Edit) -> Edit:
    match edit:
        case Put(key, value):
            return Put((driver, *key), value)
        case Drop(key):
            return Drop((driver, *key))
        case Rename(key, name):
            return Rename((driver, *key), name)
        case Append(key, value):
            return Append((driver, *key), value)
        case Discard(key, values):
            return Discard((driver, *key), values)


def _refused(refusal: Refusal) -> CommandAnswer:
    return CommandAnswer(Outcome.REFUSED, str(refusal), refusal)
