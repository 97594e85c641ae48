"""That a device answers, and what: most say it all the time and are heard, an appliance is asked."""

import asyncio
from collections.abc import Collection, Iterable

from heg.control.room import ControlRoom
from heg.data.door import CommandAnswer, Door, Outcome
from heg.devices.contract import FEED, ApplianceActuator
from heg.devices.manager import DeviceManager
from heg.model.catalogue import CATALOGUE
from heg.model.instance import ANY, Instance, Kind, Location, Quality
from heg.model.records import DeviceRecord
from heg.model.refusals import Refusal, RefusalCode
from heg.runtime.clock import Clock

_ANSWERS_WITHIN_S = 15.0
_LISTENS_S = 2.0
_MOST_VALUES = 60
_DEVICES = "devices"
"""The communication manager, as the data interface knows it."""
_MEASURED = (Kind.SCALAR, Kind.COUNTER, Kind.STATE)


class Listening:
    """Tests devices of one unit."""

    def __init__(self, door: Door, clock: Clock, unit: str, devices: DeviceManager, control: ControlRoom) -> None:
        self._door, self._clock, self._unit = door, clock, unit
        self._devices, self._control = devices, control

    async def test(self, record: DeviceRecord) -> CommandAnswer:
        """Tell whether a device answers, and what; exactly one answer."""
        if record.protocol == FEED:
            values = _values(self._newest(record.name))
            return CommandAnswer(Outcome.DONE, f"{record.name}: {record.status}.", detail={"values": values})
        one = self._control.attached(record.name)
        if one is not None and one.appliance is not None:
            return await self._ask(record.name, one.appliance)
        begun_s = self._clock.monotonic_s()
        heard = await self._hear(record.name)
        if not heard:
            now = self._devices.record_of(record.name) or record
            came = now.detail or str(now.status)
            mend = "check its power supply, cable and address"
            refusal = Refusal(RefusalCode.DEVICE_LOST, f"{record.name} to answer at {record.address}", came, mend)
            return CommandAnswer(Outcome.REFUSED, str(refusal), refusal)
        return _answered(record.name, min(one.arrived_s for one in heard) - begun_s, heard)

    async def _ask(self, device: str, appliance: ApplianceActuator) -> CommandAnswer:
        """One that speaks only when something changes is asked."""
        begun_s = self._clock.monotonic_s()
        refusal = await appliance.ask()
        if refusal is not None:
            return _refused(refusal)
        return _answered(device, self._clock.monotonic_s() - begun_s, self._newest(device))

    async def _hear(self, device: str) -> list[Instance]:
        """What a device says from now on, a little longer than until its first word."""
        told = self._door.event("*", Location(self._unit, device, ANY))
        found: dict[tuple[str, Location], Instance] = {}
        until_s = self._clock.monotonic_s() + _ANSWERS_WITHIN_S
        words = told.__aiter__()
        try:
            while (left_s := until_s - self._clock.monotonic_s()) > 0:
                async with asyncio.timeout(left_s):
                    one = (await anext(words)).instance
                if not _is_measured(one) or one.quality is not Quality.GOOD:
                    continue
                if not found:
                    until_s = min(until_s, self._clock.monotonic_s() + _LISTENS_S)
                found[one.variable, one.location] = one
        except (TimeoutError, StopAsyncIteration):
            pass
        finally:
            told.close()
        return list(found.values())

    def _newest(self, device: str) -> list[Instance]:
        place = Location(self._unit, device, ANY)
        measured = (name for name, one in CATALOGUE.items() if one.kind in _MEASURED)
        return [one for name in measured for one in self._door.latest_all(name, place)]


def _is_measured(instance: Instance) -> bool:
    """What the device said itself: others write at its place too."""
    variable = instance.variable
    return instance.source == _DEVICES and CATALOGUE[variable].kind in _MEASURED and not variable.startswith("self.")


def _answered(device: str, took_s: float, heard: Collection[Instance]) -> CommandAnswer:
    text = f"{device} answered within {max(0.0, took_s):.1f} s with {len(heard)} value{'s' if len(heard) > 1 else ''}."
    detail = {"took_s": round(max(0.0, took_s), 2), "values": _values(heard)}
    return CommandAnswer(Outcome.DONE, text, detail=detail)


def _values(instances: Iterable[Instance]) -> dict[str, object]:
    found = sorted(instances, key=lambda one: (one.variable, one.location))[:_MOST_VALUES]
    return {"/".join(piece for piece in (one.variable, one.location.part) if piece): one.value for one in found}


def _refused(refusal: Refusal) -> CommandAnswer:
    return CommandAnswer(Outcome.REFUSED, str(refusal), refusal)
