"""When a plan is due and why."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heg.model.envelope import Envelope
from heg.services.planning.triggers import GAP_S, Band, BandWatch, Cause, Seen, Triggers, bounds_of

NOON = datetime(2024, 8, 9, 12, tzinfo=UTC)
QUIET = Seen(NOON, envelope=(-10.0, 17.0))


def planned(seen: Seen = QUIET, *, good: bool = True) -> Triggers:
    triggers = Triggers()
    assert triggers.due(seen, 0.0) is Cause.START
    triggers.planned(seen, 0.0, good=good)
    return triggers


def test_nothing_is_due_while_nothing_happens() -> None:
    assert planned().due(QUIET, 10_000.0) is None


@pytest.mark.parametrize(
    ("now", "cause"),
    [
        (replace(QUIET, slot=NOON + timedelta(minutes=15)), Cause.SLOT),
        (replace(QUIET, slot=NOON - timedelta(hours=3)), Cause.SLOT),
        (replace(QUIET, steps=1), Cause.CLOCK),
        (replace(QUIET, asked=1), Cause.ASKED),
        (replace(QUIET, vehicles=(("charger", "now"),)), Cause.VEHICLE),
        (replace(QUIET, devices=frozenset({("battery", "")})), Cause.DEVICES),
        (replace(QUIET, envelope=(-10.0, 4.2)), Cause.ENVELOPE),
        (replace(QUIET, envelope=(-math.inf, 17.0)), Cause.ENVELOPE),
        (replace(QUIET, words=3), Cause.PRICES),
        (replace(QUIET, outside=True), Cause.BAND),
    ],
)
def test_each_happening_is_answered_after_its_gap_and_never_lost(now: Seen, cause: Cause) -> None:
    triggers = planned()
    if GAP_S[cause] > 0:
        assert triggers.due(now, GAP_S[cause] - 0.1) is None
    assert triggers.due(now, GAP_S[cause]) is cause
    triggers.planned(replace(now, outside=False), GAP_S[cause], good=True)
    assert triggers.due(replace(now, outside=False), 1e5) is None


def test_hands_off_matters_when_it_is_lifted() -> None:
    released = replace(QUIET, hands_off=True)
    assert planned().due(released, 1e4) is None
    assert planned(released).due(QUIET, 1e4) is Cause.HANDS_OFF


def test_what_came_and_went_costs_nothing() -> None:
    triggers = planned()
    assert triggers.due(replace(QUIET, envelope=(-10.0, 4.0)), 1.0) is None
    assert triggers.due(QUIET, 1000.0) is None


def test_a_trembling_limit_is_the_same_limit() -> None:
    assert planned().due(replace(QUIET, envelope=(-10.05, 17.3)), 1e4) is None


def test_a_plan_that_could_not_be_made_is_tried_again() -> None:
    triggers = planned(good=False)
    assert triggers.due(QUIET, 59.0) is None
    assert triggers.due(QUIET, 60.0) is Cause.AGAIN


def test_no_envelope_is_no_limit() -> None:
    assert bounds_of(None) == (-math.inf, math.inf)
    assert bounds_of(Envelope(-1.0, 2.0)) == (-1.0, 2.0)


@given(st.lists(st.tuples(st.floats(0.1, 400), st.sets(st.sampled_from(["words", "steps", "outside"]))), max_size=80))
def test_however_much_happens_plans_keep_their_gap(happenings: list[tuple[float, set[str]]]) -> None:
    triggers, seen, now_s, made_s = planned(), QUIET, 0.0, 0.0
    for passed_s, what in happenings:
        now_s += passed_s
        seen = replace(
            seen,
            words=seen.words + ("words" in what),
            steps=seen.steps + ("steps" in what),
            outside="outside" in what,
        )
        if (cause := triggers.due(seen, now_s)) is not None:
            assert now_s - made_s >= GAP_S[cause]
            triggers.planned(seen, now_s, good=True)
            made_s = now_s


BAND = Band(0.5, 1.5)


def looks(watch: BandWatch, mean_kw: float | None, from_s: float, until_s: float) -> bool:
    found = False
    for at_s in range(int(from_s), int(until_s) + 1, 2):
        found = watch.see(float(at_s), mean_kw, float(at_s), BAND)
    return found


def test_a_house_outside_its_band_for_five_minutes_counts() -> None:
    watch = BandWatch(900.0)
    assert not looks(watch, 3.0, 0, 400)
    assert looks(watch, 3.0, 402, 460)
    watch.restart()
    assert not looks(watch, 3.0, 462, 480)


def test_a_short_peak_or_a_little_too_much_does_not() -> None:
    watch = BandWatch(900.0)
    assert not looks(watch, 3.0, 0, 400)
    assert not looks(watch, 1.7, 402, 500)
    assert not looks(watch, 3.0, 502, 700)
    assert not looks(watch, None, 702, 710)
    assert not looks(watch, 3.0, 712, 900)
    assert not watch.see(2000.0, 3.0, 900.0, None)
