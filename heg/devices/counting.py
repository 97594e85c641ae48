"""A device's energy counters as they pass the door: registers may reset, jump or roll over, the series never does.

The value handed on continues from the last one that was written, so that a difference of two values is always energy
that flowed (loss row `counter-jumps`). A step that is not believed is not written: the series ages instead.
"""

from collections.abc import Callable
from dataclasses import dataclass

from heg.model.capabilities import Capability, ProducerCapability, StorageCapability, VehicleCapability
from heg.model.counters import CounterEvent, CounterReading, CounterRule, CounterState
from heg.model.loss_types import LossRow
from heg.model.losses import loss

_METER_KW = 200.0
_RESOLUTION_KWH = 0.01
SeriesKey = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Counted:
    """What becomes of one reading: the value of the series (None: not believed), and what happened besides counting."""

    kwh: float | None
    event: CounterEvent


@dataclass(slots=True)
class _Book:
    state: CounterState
    base_kwh: float


class Books:
    """The counters of one device. `written_before` gives a series' last written value in kWh, or None."""

    row: LossRow = loss("counter-jumps")

    def __init__(
        self, capabilities: tuple[Capability, ...], written_before: Callable[[SeriesKey], float | None]
    ) -> None:
        self._max_kw = _most_kw(capabilities)
        self._written_before = written_before
        self._books: dict[SeriesKey, _Book] = {}

    def take(self, key: SeriesKey, kwh: float, at_s: float, *, wraps_at_kwh: float | None = None) -> Counted:
        """Take a register's reading; `wraps_at_kwh` is where it starts again at zero, where that is known."""
        book = self._books.get(key)
        if book is None:
            book = self._books[key] = self._begin(key, kwh, wraps_at_kwh)
        book.state, step = book.state.advance(CounterReading(kwh, at_s))
        if step.event is CounterEvent.REFUSED:
            return Counted(None, step.event)
        return Counted(book.base_kwh + book.state.total_kwh, step.event)

    def _begin(self, key: SeriesKey, kwh: float, wraps_at_kwh: float | None) -> _Book:
        """A register goes on where the series ended, unless it stands below that: then the series keeps its level.

        How long the process was away is not known here, so a register that stands higher is believed.
        """
        before = self._written_before(key)
        base_kwh = kwh if before is None else max(before, kwh)
        rule = CounterRule(self._max_kw, width_kwh=wraps_at_kwh, resolution_kwh=_RESOLUTION_KWH)
        return _Book(CounterState(rule), base_kwh)


def _most_kw(capabilities: tuple[Capability, ...]) -> float:
    """The most power that can have flowed: generous, since it only has to tell energy from a jump."""
    for capability in capabilities:
        match capability:
            case ProducerCapability(rated_kw=rated_kw) if rated_kw > 0:
                return 2.0 * rated_kw
            case StorageCapability() | VehicleCapability():
                return 2.0 * max(capability.max_rate_kw, -capability.min_rate_kw, 1.0)
    return _METER_KW
