"""When a market is asked, played minute by minute."""

from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from drivers.feeds.market.schedule import Schedule
from drivers.feeds.publication import midnight

BERLIN = ZoneInfo("Europe/Berlin")
MORNING = datetime(2026, 6, 10, 4, tzinfo=UTC)


def asked(
    known_until: Callable[[datetime], datetime],
    *,
    start: datetime = MORNING,
    hours: float = 24,
    calls_per_day: int = 48,
    fails: Callable[[datetime], bool] = lambda _: False,
) -> list[str]:
    """The local times at which the schedule asks, looked at each minute."""
    schedule = Schedule(BERLIN, time(13), calls_per_day=calls_per_day)
    times = []
    known = known_until(start)
    for minute in range(int(hours * 60)):
        now = start + timedelta(minutes=minute)
        if not schedule.due(now, minute * 60.0, max(known, now)):
            continue
        schedule.asked(now)
        times.append(f"{now.astimezone(BERLIN):%H:%M}")
        if fails(now):
            schedule.failed(minute * 60.0)
        else:
            schedule.answered()
            known = known_until(now)
    return times


def published_at(local: str) -> Callable[[datetime], datetime]:
    def known_until(now: datetime) -> datetime:
        there = f"{now.astimezone(BERLIN):%H:%M}" >= local
        return midnight(now, BERLIN, days=2 if there else 1)

    return known_until


def test_a_day_that_is_known_asks_once_for_the_next() -> None:
    assert asked(published_at("13:05")) == ["13:05"]


def test_late_publication_is_asked_for_at_stated_times_not_each_minute() -> None:
    assert asked(published_at("17:30")) == ["13:05", "13:15", "13:30", "14:00", "15:00", "16:00", "18:00"]


def test_tomorrow_that_never_comes_is_asked_for_nine_times() -> None:
    assert len(asked(published_at("99:99"), hours=17)) == 9


def test_a_house_that_knows_nothing_asks_at_once_and_then_each_hour() -> None:
    times = asked(lambda now: now, hours=6)
    assert times == ["06:00", "07:00", "08:00", "09:00", "10:00", "11:00"]


def test_failures_back_off_to_an_hour_and_the_day_has_a_budget() -> None:
    times = asked(lambda now: now, fails=lambda _: True, hours=8)
    assert times == [
        "06:00",
        "06:01",
        "06:03",
        "06:08",
        "06:18",
        "06:38",
        "07:18",
        "08:18",
        *(f"{h:02}:18" for h in range(9, 14)),
    ]
    assert len(asked(lambda now: now, fails=lambda _: True, hours=17, calls_per_day=5)) == 5


def test_the_budget_is_new_each_local_day() -> None:
    assert len(asked(lambda now: now, fails=lambda _: True, hours=24, calls_per_day=5)) == 10


@pytest.mark.parametrize("day", [datetime(2026, 3, 29, tzinfo=UTC), datetime(2026, 10, 25, tzinfo=UTC)])
def test_days_of_23_and_25_hours(day: datetime) -> None:
    assert asked(published_at("13:05"), start=day, hours=20) == ["13:05"]


def test_a_clock_that_is_set_back_does_not_silence_it() -> None:
    schedule = Schedule(BERLIN, time(13), calls_per_day=48)
    schedule.asked(MORNING)
    schedule.answered()
    before = MORNING - timedelta(days=7)
    assert schedule.due(before, 60.0, before)
