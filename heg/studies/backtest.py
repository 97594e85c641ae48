"""What a battery would have saved a home: its recording lived through without one, by the rule, and by the planner.

All runs begin with an empty battery, meet the same filled recording, and have what is left in the battery at the end
taken off their cost at one price per kWh. Pure but for what it tells of its progress.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TypeAlias

from heg.model.plan import Objective, Site, StorageInputs
from heg.studies.bill import Bill
from heg.studies.closed_loop import Foresight, Lead, Outcome, Recording, Terms, idle, live, planned, self_consumption
from heg.studies.foresight import own, perfect, with_noisy_sun

LEFT_SHARE = 0.9
"""What is left in a battery is worth this share of the mean import price of the span."""

LEAST_SAVING_EUR = 1e-6
HOURS_A_YEAR = 8766.0


class RunName(StrEnum):
    """The four ways in which the recording is lived through."""

    NO_BATTERY = "no_battery"
    RULE = "rule"
    EBR = "ebr"
    EBR_PERFECT = "ebr_perfect"


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """What is asked: which slots of the recording, with which battery, planned how far ahead and with which forecasts.

    `noise_seed` None: production is expected from its own past; else the true one with seeded errors.
    """

    recording: Recording
    battery: StorageInputs
    first: int
    slots: int
    horizon: int
    site: Site = field(default_factory=Site)
    terms: Terms = field(default_factory=Terms)
    noise_seed: int | None = None

    @property
    def span(self) -> range:
        """The slots that are lived."""
        return range(self.first, self.first + self.slots)

    @property
    def left_eur_per_kwh(self) -> float:
        """What a kWh that is left in the battery counts, the same for every run."""
        prices = self.recording.import_eur_per_kwh[self.first : self.first + self.slots]
        return LEFT_SHARE * sum(prices) / len(prices)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One way through the recording; `daily_eur` is the bill of each day of the span, nothing taken off."""

    outcome: Outcome
    daily_eur: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Backtested:
    """The four runs of a study."""

    study: Study
    runs: dict[RunName, Run]

    def cost_eur(self, name: RunName) -> float:
        """Return what the energy of a run cost, what is left in its battery taken off."""
        return self.runs[name].outcome.valued_eur(self.study.left_eur_per_kwh)

    def counted_eur(self, name: RunName) -> float:
        """Return what the plans were to make least: the cost, the CO2's, or both."""
        terms, outcome = self.study.terms, self.runs[name].outcome
        co2_eur = outcome.co2_eur if terms.counts_co2 else 0.0
        return co2_eur + (0.0 if terms.objective is Objective.CO2 else self.cost_eur(name))

    def saving_eur(self, name: RunName) -> float:
        """Return what a run saves beside no battery, in what was to be made least."""
        return self.counted_eur(RunName.NO_BATTERY) - self.counted_eur(name)

    @property
    def share_of_perfect_saving(self) -> float | None:
        """What our forecasts save of what perfect ones save; None where there is nothing to save."""
        perfect_eur = self.saving_eur(RunName.EBR_PERFECT)
        return self.saving_eur(RunName.EBR) / perfect_eur if perfect_eur > LEAST_SAVING_EUR else None

    @property
    def years(self) -> float:
        """Length of the span."""
        return self.study.slots * self.study.recording.slot_minutes / 60.0 / HOURS_A_YEAR

    def cycles(self, name: RunName) -> float:
        """Return how often the battery was emptied: kWh discharged at its terminals over its capacity."""
        return self.runs[name].outcome.discharged_kwh / self.study.battery.capacity_kwh


Progress: TypeAlias = Callable[[int], None]
"""Is told of so many more slots that were lived."""


def lived(study: Study, name: RunName, progress: Progress | None = None, *, foresight: Foresight | None = None) -> Run:
    """Return one run of the study; `foresight` stands in for `expected(study)` where that was made elsewhere."""
    a_day = 24 * 60 // study.recording.slot_minutes
    daily_eur = [0.0] * -(-study.slots // a_day)

    def tell(slot: int, _grid_kw: float, cost_eur: float) -> None:
        daily_eur[(slot - study.first) // a_day] += cost_eur
        if progress is not None:
            progress(1)

    battery = replace(study.battery, soc_kwh=0.0)
    bill = Bill(study.terms.tariff, study.recording.slot_minutes)
    lead = _lead(study, battery, name, bill, foresight)
    outcome = live(study.recording, battery, lead, study.span, limits_kw=study.terms.limits_kw, tell=tell, bill=bill)
    return Run(outcome=outcome, daily_eur=tuple(daily_eur))


def _lead(study: Study, battery: StorageInputs, name: RunName, bill: Bill, foresight: Foresight | None) -> Lead:
    if name is RunName.NO_BATTERY:
        return idle
    if name is RunName.RULE:
        return self_consumption
    seen = perfect(study.recording) if name is RunName.EBR_PERFECT else foresight or expected(study)
    return planned(study.recording, battery, seen, study.horizon, study.terms, bill)


def expected(study: Study) -> Foresight:
    """Return what our forecasts say; it does not depend on what the battery does."""
    if study.noise_seed is None:
        return own(study.recording, study.site)
    return with_noisy_sun(study.recording, own(study.recording, study.site, sun=False), study.noise_seed)


def cumulative_saving_eur(found: Backtested, name: RunName) -> Sequence[float]:
    """Return what the bill is less than without a battery, up to each day of the span."""
    total, sums = 0.0, []
    pairs = zip(found.runs[RunName.NO_BATTERY].daily_eur, found.runs[name].daily_eur, strict=True)
    for without_eur, with_eur in pairs:
        total += without_eur - with_eur
        sums.append(total)
    return sums
