"""A recording played to the house: each slot's energy as recorded, with the fine structure it lacks."""

from __future__ import annotations

from datetime import datetime, timedelta

from hil.replay.recording import Recording
from hil.replay.texture import GRAIN_S, Slots, appliance_steps, cloud_ramps


class Replay:
    """Load and sun by seconds since `start_utc`; after its end the recording begins again."""

    def __init__(
        self, recording: Recording, start_utc: datetime, *, seed: int = 1, pv_most_kw: float = 5.0, texture: bool = True
    ) -> None:
        self.recording = recording
        self.start_utc = start_utc
        self._offset_s = (start_utc - recording.start_utc).total_seconds()
        self._seed = seed
        self._pv_most_kw = pv_most_kw
        self._texture = texture
        self._demand = Slots(self._make_demand)
        self._sun = Slots(self._make_sun)

    def demand_kw(self, at_s: float) -> float:
        """Uncontrolled load of the house."""
        return self._at(self._demand, at_s)

    def sun_kw(self, at_s: float) -> float:
        """What the generator could give."""
        return self._at(self._sun, at_s)

    def utc(self, at_s: float) -> datetime:
        """The UTC time of a moment of the replay."""
        return self.start_utc + timedelta(seconds=at_s)

    def _at(self, slots: Slots, at_s: float) -> float:
        slot, within_s = divmod(self._offset_s + at_s, self.recording.slot_s)
        values = slots[int(slot)]
        return values[min(int(within_s) // GRAIN_S, len(values) - 1)]

    def _mean(self, series: str, slot: int) -> float:
        values = self.recording.demand_kw if series == "demand" else self.recording.production_kw
        return values[slot % len(values)]

    def _make_demand(self, slot: int) -> list[float]:
        mean_kw = self._mean("demand", slot)
        if not self._texture:
            return [mean_kw]
        return appliance_steps(mean_kw, self.recording.slot_s, self._seed * 1_000_003 + slot * 2)

    def _make_sun(self, slot: int) -> list[float]:
        before_kw, mean_kw, after_kw = (self._mean("sun", index) for index in (slot - 1, slot, slot + 1))
        if not self._texture:
            return [mean_kw]
        return cloud_ramps(
            (before_kw, after_kw),
            mean_kw,
            self.recording.slot_s,
            seed=self._seed * 1_000_003 + slot * 2 + 1,
            most_kw=self._pv_most_kw,
        )
