"""Which battery would have been best for a home, and what it would have brought (spec ebr.md, Battery dimensioning).

Perfect foresight over the whole history: the most that any control could have made of it. What the planner makes of it
with forecasts is the backtest's to say.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from heg.planner.sizing import SizedBattery, SizingInputs, size
from heg.studies.backtest import HOURS_A_YEAR
from heg.studies.closed_loop import Recording


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """What a battery costs and how long it lasts; `discount` is the interest that its money would bring elsewhere."""

    eur_per_kwh: float
    eur_per_kw: float
    fixed_eur: float = 0.0
    lifetime_years: float = 15.0
    discount: float = 0.0

    @property
    def annuity(self) -> float:
        """Share of the investment that each year of the lifetime pays."""
        if self.discount == 0.0:
            return 1.0 / self.lifetime_years
        return float(self.discount / (1.0 - (1.0 + self.discount) ** -self.lifetime_years))

    def investment_eur(self, capacity_kwh: float, rate_kw: float) -> float:
        """Return what a battery of this size costs; none costs nothing."""
        if capacity_kwh <= 0.0:
            return 0.0
        return self.fixed_eur + self.eur_per_kwh * capacity_kwh + self.eur_per_kw * rate_kw


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A home and what batteries cost. CO2 counts where the recording has its cost and `counts_co2` says so."""

    recording: Recording
    prices: Prices
    round_trip_efficiency: float = 0.9
    max_kwh: float = 200.0
    max_kw: float = 100.0
    counts_co2: bool = True
    time_limit_s: float = 60.0

    @property
    def years(self) -> float:
        """Length of the recording."""
        return self.recording.slots * self.recording.slot_minutes / 60.0 / HOURS_A_YEAR


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A battery and what it brings a year beside none; `net_eur_per_year` is after the yearly share of its price."""

    capacity_kwh: float
    rate_kw: float
    investment_eur: float
    saving_eur_per_year: float
    co2_saving_eur_per_year: float
    net_eur_per_year: float
    cycles_per_year: float
    gap_eur_per_year: float = 0.0

    @property
    def payback_years(self) -> float | None:
        """Years until what the bill saves has paid for it; None where it never does."""
        if self.investment_eur <= 0.0:
            return None
        return self.investment_eur / self.saving_eur_per_year if self.saving_eur_per_year > 0.0 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The best battery (of no capacity where none pays) and the curve of others by capacity."""

    question: Question
    without_eur_per_year: float
    without_co2_eur_per_year: float
    best: Candidate
    curve: tuple[Candidate, ...]

    @property
    def counts_co2(self) -> bool:
        """Tell whether the net of a battery counts what it saves in CO2."""
        return self.question.counts_co2 and bool(self.question.recording.co2_eur_per_kwh)

    @property
    def at_bound(self) -> bool:
        """Tell whether the best is the largest that was allowed."""
        question, near = self.question, 1.0 - 1e-6
        return (
            self.best.capacity_kwh >= near * question.max_kwh > 0.0 or self.best.rate_kw >= near * question.max_kw > 0.0
        )


def best_battery(question: Question) -> Answer:
    """Return the best battery. Raises `heg.planner.sizing.UnsizedError` where none was found in time."""
    recording, prices = question.recording, question.prices
    share = prices.annuity * question.years
    found = size(
        SizingInputs(
            slot_minutes=recording.slot_minutes,
            net_kw=[used - made for used, made in zip(recording.demand_kw, recording.production_kw, strict=True)],
            buy_eur_per_kwh=_buy(question),
            sell_eur_per_kwh=recording.export_eur_per_kwh,
            ess_eur_per_kwh=prices.eur_per_kwh * share,
            ess_eur_per_kw=prices.eur_per_kw * share,
            round_trip_efficiency=question.round_trip_efficiency,
            max_kwh=question.max_kwh,
            max_kw=question.max_kw,
            time_limit_s=question.time_limit_s,
        )
    )
    bill_eur, co2_eur = _cost(recording, found.curve[0].grid_kw)
    judge = _Judge(question, bill_eur, co2_eur)
    curve = tuple(judge.candidate(each) for each in found.curve)
    best = judge.candidate(found.best)
    return Answer(
        question=question,
        without_eur_per_year=bill_eur / question.years,
        without_co2_eur_per_year=co2_eur / question.years,
        best=best if best.net_eur_per_year >= curve[0].net_eur_per_year else curve[0],
        curve=curve,
    )


@dataclass(frozen=True, slots=True)
class _Judge:
    question: Question
    without_eur: float
    without_co2_eur: float

    def candidate(self, battery: SizedBattery) -> Candidate:
        """Return what a battery brings a year."""
        question = self.question
        bill_eur, co2_eur = _cost(question.recording, battery.grid_kw)
        saving_eur = (self.without_eur - bill_eur) / question.years
        co2_saving_eur = (self.without_co2_eur - co2_eur) / question.years
        investment_eur = question.prices.investment_eur(battery.capacity_kwh, battery.rate_kw)
        counted_eur = saving_eur + (co2_saving_eur if question.counts_co2 else 0.0)
        return Candidate(
            capacity_kwh=battery.capacity_kwh,
            rate_kw=battery.rate_kw,
            investment_eur=investment_eur,
            saving_eur_per_year=saving_eur,
            co2_saving_eur_per_year=co2_saving_eur,
            net_eur_per_year=counted_eur - question.prices.annuity * investment_eur,
            cycles_per_year=battery.discharged_kwh / battery.capacity_kwh / question.years
            if battery.capacity_kwh > 0.0
            else 0.0,
            gap_eur_per_year=battery.gap_eur / question.years,
        )


def _buy(question: Question) -> Sequence[float]:
    recording = question.recording
    if not (question.counts_co2 and recording.co2_eur_per_kwh):
        return recording.import_eur_per_kwh
    return [price + co2 for price, co2 in zip(recording.import_eur_per_kwh, recording.co2_eur_per_kwh, strict=True)]


def _cost(recording: Recording, grid_kw: Sequence[float]) -> tuple[float, float]:
    """Return what energy and its CO2 cost over the recording, EUR."""
    hours = recording.slot_minutes / 60.0
    bill_eur = sum(
        kw * (buy if kw > 0.0 else sell)
        for kw, buy, sell in zip(grid_kw, recording.import_eur_per_kwh, recording.export_eur_per_kwh, strict=True)
    )
    co2_eur = sum(
        max(kw, 0.0) * price
        for kw, price in zip(grid_kw, recording.co2_eur_per_kwh or [0.0] * len(grid_kw), strict=True)
    )
    return hours * bill_eur, hours * co2_eur
