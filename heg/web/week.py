"""The days ahead as messages: what the house will need and produce, with bands. Pure reading of the image."""

from heg.data.door import Door
from heg.model.plan import ExpectedEnergy, Week, WeekSpan
from heg.runtime.clock import Clock
from heg.web.house import Home
from heg.web.lacks import as_lacks
from heg.web.messages import bounded, iso
from heg.web.plan_messages import DayAhead, Energy, WeekAhead, WeekState

ENOUGH_DAYS = 3.0
"""A house that is known for less is mostly a guess: people are told so in place of figures."""


def week_state(door: Door, clock: Clock, home: Home) -> WeekState:
    """Return what was last said of the days ahead."""
    newest = door.latest("week", home.here)
    if newest is None or not isinstance(newest.value, Week):
        return WeekState(planning=home.planning, week=None)
    week = newest.value
    return WeekState(
        planning=home.planning,
        week=WeekAhead(
            revision=newest.sequence,
            age_s=max(0, int(newest.age_s(clock.monotonic_s()))),
            known_days=week.known_days,
            enough=week.known_days >= ENOUGH_DAYS,
            days=tuple(map(_day, week.days)),
            lacks=as_lacks(week.degradations),
        ),
    )


def _day(day: WeekSpan) -> DayAhead:
    return DayAhead(
        start_utc=iso(day.start),
        hours=round(day.hours, 2),
        demand=_energy(day.demand),
        production=None if day.production is None else _energy(day.production),
    )


def _energy(told: ExpectedEnergy) -> Energy:
    kwh, low_kwh, high_kwh = (round(bounded(one) or 0.0, 2) for one in (told.kwh, told.low_kwh, told.high_kwh))
    return Energy(kwh=kwh, low_kwh=low_kwh, high_kwh=high_kwh)
