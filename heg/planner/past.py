"""The past of a series as forecasts can use it: aligned, of bounded length, without what cannot be."""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from heg.model.plan import Degradation, DegradationCode, SeriesHistory
from heg.planner.calendar import DAY_MINUTES, Values

HISTORY_DAYS = 35
MOST_KW = 1000.0
"""More than a house can ever draw or give: such a value is a fault."""
_NOISE_KW = 0.05
"""A counter's rounding may make a mean this much negative; it counts as nothing flowing."""
_OUTLIER_TIMES = 3.0
_OUTLIER_MARGIN_KW = 1.0
_COMMON_SHARE = 0.005


@dataclass(frozen=True, slots=True)
class Past:
    """Mean kW of each slot up to the horizon's start, NaN where not known; `running_kw` of the slot that has begun."""

    values_kw: Values
    running_kw: float | None = None
    lacks: tuple[Degradation, ...] = ()

    @property
    def known(self) -> int:
        """How many slots are known."""
        return int(np.count_nonzero(np.isfinite(self.values_kw)))


def past_of(history: SeriesHistory | None, start: datetime, slot_minutes: int, what: str) -> Past:
    """Return what of `history` counts; what does not is named. `what` is the series' name in sentences."""
    if history is None:
        return Past(np.empty(0))
    if history.slot_minutes != slot_minutes:
        return _refused(f"has slots of {history.slot_minutes} min, expected {slot_minutes} min", what)
    behind, odd = divmod(start - history.end, timedelta(minutes=slot_minutes))
    if odd:
        return _refused(f"ends {odd} off the slots of {slot_minutes} min", what)
    most = HISTORY_DAYS * DAY_MINUTES // slot_minutes
    values = _numbers(history.values_kw[-(most + max(0, -behind)) :])
    values = (
        np.concatenate((values, np.full(min(behind, most), np.nan))) if behind > 0 else values[: len(values) + behind]
    )
    values = values[-most:]
    values, impossible = _possible(values)
    running_kw = history.running_kw
    if running_kw is not None and not (math.isfinite(running_kw) and -_NOISE_KW <= running_kw <= MOST_KW):
        running_kw, impossible = None, impossible + 1
    lacks = (
        ()
        if impossible == 0
        else (_lack(f"{impossible} slots of the {what} history cannot be (negative or no number): ignored."),)
    )
    return Past(_without_outliers(values), None if running_kw is None or behind else max(0.0, running_kw), lacks)


def _numbers(values: tuple[float | None, ...]) -> Values:
    return np.array([math.nan if value is None else value for value in values], dtype=np.float64)


def _possible(values: Values) -> tuple[Values, int]:
    """Gaps stay NaN, so what is counted here are infinities, negatives and figures no house reaches."""
    with np.errstate(invalid="ignore"):
        wrong = (values < -_NOISE_KW) | (values > MOST_KW)
    return np.where(wrong, np.nan, np.maximum(values, 0.0)), int(np.count_nonzero(wrong))


def _without_outliers(values: Values) -> Values:
    """A slot far above all but the rarest others is a fault of measurement and would spoil its slot for weeks."""
    known = np.sort(values[np.isfinite(values)])
    if len(known) < 2:
        return values
    common_kw = known[len(known) - 2 - int(_COMMON_SHARE * len(known))]
    with np.errstate(invalid="ignore"):
        return np.where(values > _OUTLIER_TIMES * common_kw + _OUTLIER_MARGIN_KW, np.nan, values)


def _refused(fault: str, what: str) -> Past:
    return Past(np.empty(0), lacks=(_lack(f"The {what} history {fault}: it is not used."),))


def _lack(text: str) -> Degradation:
    return Degradation(DegradationCode.HISTORY_SHORT, text)
