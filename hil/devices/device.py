"""A simulated SunSpec device: registers over the physics, with the ways in which real devices lie.

A device is asked through `read` and `write` (by the Modbus server). It moves the house on to now, so that what a
client sees is never older than the physics' step, and refreshes its registers once per step.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from hil.devices.modbus import Manner
from hil.devices.registers import BASE_ADDRESS, Field, ModelFields, ModelSpec, SunSpecImage, Values
from hil.house.house import House

Now = Callable[[], float]
"""Seconds since the house began, by the injected clock."""


class RigDevice(Protocol):
    """What the rig's handles, faults and desk need of any simulated device."""

    name: str
    unit_id: int
    manner: Manner
    frozen: bool
    ignored: set[str]
    lies: dict[str, float | None]
    reboots: int

    @property
    def serial(self) -> str:
        """What makes it the same device at another address."""

    @property
    def title(self) -> str:
        """What it is, for people."""

    def read(self, address: int, count: int) -> bytes | None:
        """Registers as bytes, None where one does not exist."""

    def write(self, address: int, words: bytes) -> bool:
        """Store registers; False where one may not be written."""

    def writes(self, path: str) -> int:
        """How often a point has been written."""

    def changes(self, path: str) -> int:
        """How often a write has given a point another value."""

    def shown(self, path: str) -> float:
        """What a client would read now at a point."""

    def ignore(self, path: str) -> None:
        """Forget writes to a point from now on."""

    def lie(self, path: str, value: float | None) -> None:
        """Show this at a point from now on."""

    def tell_the_truth(self) -> None:
        """Every point shows what is."""

    def freeze(self) -> None:
        """Measurements stand still from now on."""

    def reboot(self) -> None:
        """Power-up defaults; counters are kept."""


class SunSpecDevice(ABC):
    """What all devices share. A kind of device lays out its models, refreshes them and obeys what is written."""

    def __init__(self, name: str, house: House, now: Now, *, unit_id: int = 1, base: int = BASE_ADDRESS) -> None:
        self.name = name
        self.house = house
        self.unit_id = unit_id
        self.manner = Manner()
        self.frozen = False
        self.ignored: set[str] = set()
        """Points whose writes are acknowledged and then forgotten, such as `704.WSet`."""
        self.lies: dict[str, float | None] = {}
        """Points that show a value of their own, or (None) *not implemented*."""
        self._truths: dict[str, bytes] = {}
        self.reboots = 0
        self._now = now
        self._base = base
        self._reverts: list[RevertTimer] = []
        self._refreshed_us = -1
        self.image = SunSpecImage(self.models(), base)
        self._arm()
        house.controllers.append(self.tick)

    @property
    def serial(self) -> str:
        """The serial number it gives in model 1: what makes it the same device at another address."""
        return self.image[1]["SN"].text()

    @property
    def title(self) -> str:
        """Its model's name in model 1."""
        return self.image[1]["Md"].text()

    # What a kind of device says of itself

    @abstractmethod
    def models(self) -> Sequence[ModelSpec]:
        """The chain of models with the values they have after power-up."""

    @abstractmethod
    def refresh(self) -> None:
        """Put the measurements of the house's last step into the registers."""

    def obey(self) -> None:  # noqa: B027 - a meter obeys nothing
        """Make the controls that stand in the registers known to the physics."""

    def reverts(self) -> list[RevertTimer]:
        """The revert timers of this device's controls."""
        return []

    def written(self, model_id: int, points: Sequence[str]) -> None:  # noqa: B027 - most devices need no more
        """React to a write beyond what standing in the register does."""

    # What the server asks

    def read(self, address: int, count: int) -> bytes | None:
        """Registers, as fresh as the device gives them."""
        self.house.advance_to(self._now())
        if self._refreshed_us != self.house.at_us and not self.frozen:
            self._refreshed_us = self.house.at_us
            self.refresh()
            for path, value in self.lies.items():
                self._field(path).lie(value)
        return self.image.read(address, count)

    def write(self, address: int, words: bytes) -> bool:
        """Carry a write out; False where a register may not be written."""
        self.house.advance_to(self._now())
        kept = {path: self._held(path) for path in self.ignored}
        touched = self.image.write(address, words)
        if touched is None:
            return False
        for path, held in kept.items():
            self._field(path).hold(held)
        for model_id in dict.fromkeys(model for model, _ in touched):
            names = [path for model, path in touched if model == model_id]
            for revert in self._reverts:
                revert.touched(model_id, names, self.house.at_s)
            self.written(model_id, names)
        self.obey()
        return True

    def tick(self, at_s: float) -> None:
        """Let the revert timers run."""
        for revert in self._reverts:
            if revert.expired(at_s):
                self.obey()

    def reboot(self) -> None:
        """Power-up defaults in every register; counters and write counts are kept, connections are the rig's."""
        before = self.image
        self.image = SunSpecImage(self.models(), self._base)
        self.image.write_counts = before.write_counts
        self.image.change_counts = before.change_counts
        self.reboots += 1
        self._refreshed_us = -1
        self._arm()
        self.obey()

    def poke(self, model_id: int, **values: float) -> None:
        """Write controls as somebody else would - the maker's cloud, a grid unit - without the Modbus link."""
        self.house.advance_to(self._now())
        self.image[model_id].put(**values)
        for revert in self._reverts:
            revert.touched(model_id, list(values), self.house.at_s)
        self.written(model_id, list(values))
        self.obey()

    def writes(self, path: str) -> int:
        """How often a point, such as `704.WSet`, has been written (flash wear)."""
        model_id, _, point = path.partition(".")
        return self.image.writes(int(model_id), point)

    def changes(self, path: str) -> int:
        """How often a write has given a point, such as `704.WSetEna`, another value."""
        model_id, _, point = path.partition(".")
        return self.image.changes(int(model_id), point)

    def shown(self, path: str) -> float:
        """The value a client would read now at a point such as `203.W`; NaN where it says *not implemented*."""
        self.read(self._base, 1)
        field = self._field(path)
        return field.get() if field.implemented else math.nan

    def ignore(self, path: str) -> None:
        """Forget writes to a point, such as `704.WSet`, from now on; KeyError when there is no such point."""
        self._held(path)
        self.ignored.add(path)

    def lie(self, path: str, value: float | None) -> None:
        """Show this at a point from now on, None for *not implemented*; KeyError when there is no such point."""
        self._truths.setdefault(path, self._held(path))
        self.lies[path] = value
        self._refreshed_us = -1

    def tell_the_truth(self) -> None:
        """Every point shows what is."""
        for path, held in self._truths.items():
            self._field(path).hold(held)  # a point that is not measured would go on lying otherwise
        self._truths.clear()
        self.lies.clear()
        self.ignored.clear()
        self.frozen = False
        self._refreshed_us = -1

    def freeze(self) -> None:
        """Measurements stand still from now on."""
        self.read(self._base, 1)
        self.frozen = True

    def _arm(self) -> None:
        self._reverts = self.reverts()

    def _field(self, path: str) -> Field:
        model_id, _, point = path.partition(".")
        if not model_id.isdigit() or int(model_id) not in self.image or point not in self.image[int(model_id)]:
            raise KeyError(f"{self.name} has no point {path!r}; expected MODEL.POINT, such as 704.WSet")
        return self.image[int(model_id)][point]

    def _held(self, path: str) -> bytes:
        return self._field(path).held()


class RevertTimer:
    """One control with a reversion time: enabled or re-written it runs; when it ends, the reversion values stand.

    `strict` restarts it only when the enabling point itself is written, as the stricter devices do.
    """

    def __init__(
        self,
        fields: ModelFields,
        *,
        enable: str,
        seconds: str,
        watch: Sequence[str],
        restore: Mapping[str, str | float],
        remaining: str | None = None,
        strict: bool = False,
    ) -> None:
        self._fields = fields
        self._enable = enable
        self._seconds = seconds
        self._watch = {enable} if strict else {enable, seconds, *watch}
        self._restore = restore
        self._remaining = remaining
        self._until_s: float | None = None

    def touched(self, model_id: int, points: Sequence[str], at_s: float) -> None:
        """A write reached this control's model."""
        if model_id != self._fields.model_id or not self._watch.intersection(points):
            return
        seconds = self._fields[self._seconds].get()
        running = self._fields[self._enable].get() > 0 and self._fields[self._seconds].implemented and seconds > 0
        self._until_s = at_s + seconds if running else None
        self._show(seconds if running else 0.0)

    def expired(self, at_s: float) -> bool:
        """True once, when the time has run out: the reversion values have then been put in place."""
        if self._until_s is None:
            return False
        if at_s < self._until_s:
            self._show(self._until_s - at_s)
            return False
        self._until_s = None
        self._show(0.0)
        for point, source in self._restore.items():
            if isinstance(source, str):
                back = self._fields[source]
                self._fields[point].put(back.get() if back.implemented else 0.0)
            else:
                self._fields[point].put(source)
        return True

    def _show(self, seconds: float) -> None:
        if self._remaining is not None:
            self._fields[self._remaining].put(seconds)


def common(maker: str, model: str, serial: str, *, options: str = "", version: str = "1.0") -> ModelSpec:
    """Model 1: who the device says it is. The serial number is what makes it the same device elsewhere."""
    values: Values = {"Mn": maker, "Md": model, "Opt": options, "Vr": version, "SN": serial, "DA": 1, "Pad": 0}
    return ModelSpec(1, values)
