"""The envelope of the connection point, put together each cycle (DESIGN.md, Two clocks 1).

A source that is not configured has no say. A configured one that falls silent gives its fail-safe, never "no limit".
Without a supply contract there is no envelope to hold, and no power is steered.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from heg.control.snapshot import NOMINAL_V, Known, Reading, reading_of
from heg.data.door import Door
from heg.model.appliances import LoadReduction, still_asked
from heg.model.envelope import Envelope, EnvelopeLimit, EnvelopeSource, SourceVoice, combine
from heg.model.instance import ANY, Location
from heg.model.losses import loss

_UTILITY = "utility"
_AUTOMATION = "automation"
_REDUCED_S = 300.0
"""A request is met by switching appliances, a few at a time; what protects wires is held at once."""

CONTRACT_UNKNOWN = loss("contract-unknown").id


@dataclass(frozen=True, slots=True)
class LiveSource:
    """A source that speaks while the unit runs (a DSO's relay, a utility's threshold), and what holds when it does not.

    Its word is the variables `limit.import` and `limit.export` at device `device`; both are needed.
    """

    device: str
    fail_safe: EnvelopeLimit
    max_age_s: float


def contract_limit(max_import_kw: float, max_export_kw: float, max_a_per_phase: float = math.inf) -> EnvelopeLimit:
    """Return the supply contract as a limit (kW, A per phase)."""
    amperes = f", {max_a_per_phase:g} A per phase" if math.isfinite(max_a_per_phase) else ""
    text = f"supply contract: {max_import_kw:g} kW import, {max_export_kw:g} kW export{amperes}"
    return EnvelopeLimit(EnvelopeSource.CONTRACT, -max_export_kw, max_import_kw, max_a_per_phase, text=text)


class EnvelopeReader:
    """Asks every configured source each cycle. `fixed` never change; `live` are read through the door.

    So are requests to reduce the load, as far as the owner's strategy took them up: records that automation wrote.
    """

    def __init__(
        self,
        door: Door,
        unit: str,
        fixed: Sequence[EnvelopeLimit],
        live: Sequence[LiveSource] = (),
        *,
        utc: Callable[[], datetime],
    ) -> None:
        self._door, self._unit, self._utc = door, unit, utc
        self._fixed, self._live = tuple(fixed), tuple(live)

    @property
    def contracted(self) -> bool:
        """False when no source bounds the connection point at all: then nothing may be commanded."""
        return bool(self._fixed or self._live)

    def limits(self, now_s: float) -> tuple[EnvelopeLimit, ...]:
        """Return what every source says now."""
        live = (self._voice(source, now_s).limit(now_s) for source in self._live)
        return (*self._fixed, *live, *self._reductions(now_s))

    def envelope(self, now_s: float, *, only: EnvelopeSource | None = None) -> Envelope:
        """Return what all sources leave together; `only` that one, for what holds under hands-off."""
        return combine(limit for limit in self.limits(now_s) if only in (None, limit.source))

    def _reductions(self, now_s: float) -> Iterator[EnvelopeLimit]:
        """Each request that is not over; it ends by itself, should automation be gone by then."""
        for instance in self._door.latest_all("reduction", Location(self._unit, _UTILITY, ANY)):
            asked = instance.value
            if not isinstance(asked, LoadReduction) or instance.source != _AUTOMATION:
                continue
            if still_asked(asked, self._utc(), instance.age_s(now_s)):
                text = f"{asked.who}: at most {asked.max_import_kw:g} kW import until {asked.until:%H:%M} UTC"
                yield EnvelopeLimit(
                    EnvelopeSource.UTILITY, max_kw=asked.max_import_kw, reaction_s=_REDUCED_S, text=text
                )

    def _voice(self, source: LiveSource, now_s: float) -> SourceVoice:
        place = Location(self._unit, source.device)
        highest = reading_of(self._door.latest("limit.import", place), source.max_age_s, now_s)
        lowest = reading_of(self._door.latest("limit.export", place), source.max_age_s, now_s)
        if not isinstance(highest, Known) or not isinstance(lowest, Known):
            text = f"{source.fail_safe.source} is silent: its fail-safe holds"
            return SourceVoice(replace(source.fail_safe, text=text), source.max_age_s)
        text = f"{source.fail_safe.source}: {highest.value:g} kW import, {lowest.value:g} kW export"
        heard = replace(source.fail_safe, min_kw=-lowest.value, max_kw=highest.value, text=text)
        return SourceVoice(source.fail_safe, source.max_age_s, heard, min(highest.arrived_s, lowest.arrived_s))


def without_amperes(envelope: Envelope, phase_a: Sequence[Reading], phases: int) -> Envelope:
    """Where the phases are not all measured, hold the ampere limit as if all were loaded alike."""
    if math.isinf(envelope.max_a_per_phase) or all(isinstance(reading, Known) for reading in phase_a):
        return envelope
    most_kw = envelope.max_a_per_phase * NOMINAL_V * phases / 1000.0
    return replace(envelope, min_kw=max(envelope.min_kw, -most_kw), max_kw=min(envelope.max_kw, most_kw))


def same_bounds(left: Envelope, right: Envelope) -> bool:
    """Tell whether two envelopes bound the same, whatever their words."""
    return (left.min_kw, left.max_kw, left.max_a_per_phase) == (right.min_kw, right.max_kw, right.max_a_per_phase)
