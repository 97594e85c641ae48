"""Recorded homes as forecasts meet them: what was known at a moment, what came, and simpler forecasts beside ours."""

import csv
import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from heg.model.plan import QUANTILES, ForecastRequest, SeriesForecast, SeriesHistory, Site, WeatherSeries
from heg.planner.calendar import Values
from heg.planner.forecast import forecast
from tests.support.recordings import RECORDINGS

HOMES = ("home_a_spot_60min", "home_b_feedin_60min", "home_c_spot_nopv_60min", "home_d_fr_spot_30min")
LIGHT_SITE = Site(time_zone="Europe/Berlin", latitude=34.1, longitude=17.6)
"""Where the recorded panels stood, as the recordings' clock has it: moved from Fontana, California, by nine hours."""
UCI = "uci_sceaux_home_60min_2006_2010"
HISTORY_DAYS = 35


@dataclass(frozen=True, slots=True)
class RecordedHome:
    """Mean kW of each slot, NaN where the recording has a gap; `production_kw` is empty without a producer."""

    name: str
    start: datetime
    slot_minutes: int
    demand_kw: Values
    production_kw: Values
    time_zone: str

    @property
    def a_day(self) -> int:
        """Slots in 24 hours."""
        return 1440 // self.slot_minutes

    def request(
        self, at: int, *, slots: int | None = None, days: int = HISTORY_DAYS, site: Site | None = None
    ) -> ForecastRequest:
        """What a gateway would ask at the start of slot `at`."""
        start = self.start + at * timedelta(minutes=self.slot_minutes)
        first = max(0, at - days * self.a_day)

        def history(values_kw: Values) -> SeriesHistory:
            known = tuple(None if math.isnan(kw) else kw for kw in values_kw[first:at].tolist())
            return SeriesHistory(slot_minutes=self.slot_minutes, end=start, values_kw=known)

        return ForecastRequest(
            start=start,
            slot_minutes=self.slot_minutes,
            slots=slots or self.a_day,
            demand=history(self.demand_kw),
            production=history(self.production_kw) if len(self.production_kw) else None,
            site=site or Site(time_zone=self.time_zone),
        )


def recorded(name: str, folder: Path = RECORDINGS) -> RecordedHome | None:
    """One home of the recordings beside the project, None where they are not."""
    path = folder / f"{name}.csv"
    if not path.is_file():
        return None
    with path.open(newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    if name == UCI:  # local time, its gaps filled by its collector
        start = datetime.fromisoformat(rows[0]["local_start"]).replace(tzinfo=UTC)
        return RecordedHome(name, start, 60, _numbers(rows, "load_kw"), np.empty(0), "UTC")
    first, second = (datetime.fromisoformat(row["time_utc"]) for row in rows[:2])
    production_kw = _numbers(rows, "production_kw")
    return RecordedHome(
        name,
        first,
        (second - first) // timedelta(minutes=1),
        _numbers(rows, "demand_kw"),
        production_kw if np.nanmax(production_kw) > 0.0 else np.empty(0),
        "Europe/Berlin",
    )


def _numbers(rows: Sequence[dict[str, str]], column: str) -> Values:
    return np.array([float(row[column]) if row[column] else math.nan for row in rows])


@dataclass(frozen=True, slots=True)
class Backtest:
    """What was forecast at many moments (rows) for each slot of the day ahead (columns), beside what came, kW.

    `quantiles` are by the shares of `heg.model.plan.QUANTILES`.
    """

    truth: Values
    ours: Values
    low: Values
    high: Values
    mean: Values
    quantiles: tuple[Values, ...]
    others: dict[str, Values]

    def mae_kw(self, whose: Values, first: int, last: int) -> float:
        """Mean absolute error of the slots ahead from `first` to before `last`."""
        return float(np.nanmean(np.abs(whose - self.truth)[:, first:last]))

    def rmse_kw(self, whose: Values) -> float:
        """Root of the mean squared error of all slots ahead."""
        return float(np.sqrt(np.nanmean((whose - self.truth) ** 2)))

    def pinball_kw(self, whose: Values, share: float) -> float:
        """Mean loss of a quantile `share`: what lies above it weighs `share`, what lies below the rest."""
        missed = self.truth - whose
        return float(np.nanmean(np.maximum(share * missed, (share - 1.0) * missed)))

    def below(self, quantile: Values, least_kw: float = -1.0) -> float:
        """Share of slots whose truth was not above a quantile; only where it was above `least_kw`."""
        counted = self.truth > least_kw
        return float((self.truth <= quantile + 1e-9)[counted].mean())

    def held(self, least_kw: float = -1.0) -> float:
        """Share of slots whose truth lay in the band; only where it was above `least_kw`."""
        with np.errstate(invalid="ignore"):
            inside = (self.low - 1e-9 <= self.truth) & (self.truth <= self.high + 1e-9)
            counted = self.truth > least_kw
        return float(inside[counted].mean())


def moments(home: RecordedHome, *, every_h: int, most: int = 10_000) -> range:
    """Moments with a full past and a full day ahead; a step that is no divisor of the day visits all its hours."""
    step = max(1, every_h * home.a_day // 24)
    found = range(HISTORY_DAYS * home.a_day, len(home.demand_kw) - home.a_day, step)
    return found[:: max(1, math.ceil(len(found) / most))]


def backtests(home: RecordedHome, at: Sequence[int]) -> tuple[Backtest, Backtest | None]:
    """Demand and, with a producer, production at these moments."""
    found = [forecast(home.request(moment)) for moment in at]
    demand = _backtest(home, home.demand_kw, at, [one.demand for one in found], _DEMAND_OTHERS)
    if not len(home.production_kw):
        return demand, None
    produced = [one.production for one in found if one.production is not None]
    return demand, _backtest(home, home.production_kw, at, produced, _PRODUCTION_OTHERS)


def naive_day(_home: RecordedHome, series: Values, at: int, a_day: int) -> Values:
    """As it was yesterday."""
    return series[at - a_day : at]


def naive_week(_home: RecordedHome, series: Values, at: int, a_day: int) -> Values:
    """As it was a week ago."""
    return series[at - 7 * a_day : at - 6 * a_day]


def mean_of(days: int) -> "Other":
    """The mean of each slot of the last days."""

    def mean(_home: RecordedHome, series: Values, at: int, a_day: int) -> Values:
        means: Values = np.nanmean(series[at - days * a_day : at].reshape(days, a_day), axis=0)
        return means

    return mean


def noisy(home: RecordedHome, series: Values, at: int, a_day: int) -> Values:
    """What came, times an error of each day (20 %) and one of each hour (15 %), seeded."""
    return series[at : at + a_day] * _errors(home, range(at, at + a_day))


def _errors(home: RecordedHome, slots: range) -> Values:
    def factor(moment: datetime) -> float:
        day = random.Random(f"1 {moment:%Y-%m-%d}").gauss(0.0, 0.20)
        hour = random.Random(f"1 {moment:%Y-%m-%d %H}").gauss(0.0, 0.15)
        return max(0.0, 1.0 + day) * max(0.0, 1.0 + hour)

    slot = timedelta(minutes=home.slot_minutes)
    return np.array([factor(home.start + index * slot) for index in slots])


def told_light(home: RecordedHome, at: int) -> WeatherSeries:
    """A weather forecast for `LIGHT_SITE`, made of what the panels gave, with the errors of `noisy`, past and ahead.

    No recording has light beside it. Panels that lie flat get what the horizontal gets, so their own production, over
    their peak, stands for it: this tells what is made of a forecast of that quality, not how good a forecast is.
    """
    first = max(0, at - HISTORY_DAYS * home.a_day)
    slots = range(first, at + home.a_day)
    light = 1000.0 / float(np.nanmax(home.production_kw)) * home.production_kw[first : slots.stop]
    told = np.minimum(light * _errors(home, slots), 1500.0)
    return WeatherSeries(
        start=home.start + first * timedelta(minutes=home.slot_minutes),
        slot_minutes=home.slot_minutes,
        ghi_w_per_m2=tuple(None if math.isnan(one) else one for one in told.tolist()),
    )


Other = Callable[[RecordedHome, Values, int, int], Values]
_DEMAND_OTHERS: dict[str, Other] = {"naive day": naive_day, "naive week": naive_week, "14-day slot mean": mean_of(14)}
_PRODUCTION_OTHERS: dict[str, Other] = {"naive day": naive_day, "3-day mean": mean_of(3), "truth with noise": noisy}


def _backtest(
    home: RecordedHome, series: Values, at: Sequence[int], found: Sequence[SeriesForecast], others: dict[str, Other]
) -> Backtest:
    def stacked(rows: Iterator[Sequence[float] | Values]) -> Values:
        return np.array(list(rows), dtype=np.float64)

    return Backtest(
        stacked(series[moment : moment + home.a_day] for moment in at),
        stacked(one.values_kw for one in found),
        stacked(one.low_kw for one in found),
        stacked(one.high_kw for one in found),
        stacked(one.mean_kw for one in found),
        tuple(stacked(one.quantiles_kw[row] for one in found) for row in range(len(QUANTILES))),
        {name: stacked(other(home, series, moment, home.a_day) for moment in at) for name, other in others.items()},
    )


def quarter_hours(days: int, seed: int = 1) -> ForecastRequest:
    """A generated house with quarter hours, for what no recording has."""
    chance = np.random.default_rng(seed)
    count = 96 * days
    hour = np.arange(count) / 4.0 % 24.0
    demand_kw = 0.3 + 0.5 * (hour > 18.0) + chance.gamma(1.0, 0.3, count)
    production_kw = np.maximum(0.0, 4.0 * np.sin((hour - 6.0) / 12.0 * np.pi)) * chance.uniform(0.3, 1.0, count)
    end = datetime(2025, 4, 10, tzinfo=UTC)
    site = Site(time_zone="Europe/Berlin", latitude=50.0, longitude=10.0, tilt=30.0, azimuth=180.0, peak_kw=5.0)
    past = (
        SeriesHistory(slot_minutes=15, end=end, values_kw=tuple(values.tolist()))
        for values in (demand_kw, production_kw)
    )
    return ForecastRequest(start=end, slot_minutes=15, slots=96, demand=next(past), production=next(past), site=site)
