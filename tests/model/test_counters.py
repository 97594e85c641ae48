"""Counter algebra: what the registers of real meters do, and what it may never become."""

from hypothesis import given
from hypothesis import strategies as st

from heg.model.counters import CounterEvent, CounterReading, CounterRule, CounterState, CounterStep

RULE = CounterRule(max_kw=12.0)


def play(
    rule: CounterRule, *readings: tuple[float, float] | tuple[float, float, str]
) -> tuple[float, list[CounterEvent]]:
    state, steps = run(rule, [CounterReading(r[0], r[1], r[2] if len(r) > 2 else "m1") for r in readings])  # type: ignore[misc]
    return round(state.total_kwh, 6), [step.event for step in steps]


def run(rule: CounterRule, readings: list[CounterReading]) -> tuple[CounterState, list[CounterStep]]:
    state, steps = CounterState(rule), []
    for reading in readings:
        state, step = state.advance(reading)
        steps.append(step)
    return state, steps


def test_a_counter_that_counts() -> None:
    assert play(RULE, (1400.0, 0), (1400.05, 60), (1400.1, 120))[0] == 0.1


def test_the_first_reading_is_no_energy() -> None:
    assert play(RULE, (1400.0, 0)) == (0.0, [CounterEvent.STARTED])


def test_a_reset_is_named_and_is_no_spike_of_minus_1400_kwh() -> None:
    total, events = play(RULE, (1400.0, 0), (0.0, 60), (0.05, 120), (0.1, 180))
    assert total == 0.1
    assert events == [CounterEvent.STARTED, CounterEvent.REFUSED, CounterEvent.RESET, CounterEvent.NONE]


def test_one_zero_between_good_readings_is_noise_and_is_no_spike_of_plus_1400_kwh() -> None:
    total, events = play(RULE, (1400.0, 0), (0.0, 60), (1400.1, 120), (1400.15, 180))
    assert total == 0.15
    assert events[1:3] == [CounterEvent.REFUSED, CounterEvent.RECOVERED]


def test_a_jump_is_named_and_its_energy_never_booked() -> None:
    total, events = play(RULE, (10.0, 0), (1410.0, 60), (1410.1, 120), (1410.2, 180))
    assert (total, events[2]) == (0.2, CounterEvent.JUMPED)


def test_a_register_of_known_width_rolls_over() -> None:
    rule = CounterRule(max_kw=12.0, width_kwh=10_000.0)
    assert play(rule, (9999.95, 0), (0.05, 60)) == (0.1, [CounterEvent.STARTED, CounterEvent.ROLLED_OVER])


def test_a_fall_of_a_wide_register_that_is_no_roll_over_is_a_reset() -> None:
    rule = CounterRule(max_kw=12.0, width_kwh=10_000.0)
    assert play(rule, (5000.0, 0), (0.05, 60), (0.05, 120))[1][-1] == CounterEvent.RESET


def test_a_swapped_meter_is_named_and_counts_from_its_own_first_reading() -> None:
    total, events = play(RULE, (1400.0, 0, "m1"), (3.0, 60, "m2"), (3.1, 120, "m2"))
    assert (total, events[1]) == (0.1, CounterEvent.SWAPPED)


def test_what_flowed_in_a_gap_counts_and_the_gap_is_named() -> None:
    total, events = play(RULE, (100.0, 0), (120.0, 7200))
    assert (total, events[1]) == (20.0, CounterEvent.GAP)


def test_a_register_written_once_a_minute_is_believed_when_read_every_second() -> None:
    readings = [(100.0 + 0.2 * (second // 60), float(second)) for second in range(600)]
    total, events = play(RULE, *readings)
    assert total == 1.8
    assert set(events[1:]) == {CounterEvent.NONE}


def test_a_last_digit_that_flickers_counts_nothing_twice() -> None:
    assert play(RULE, (100.0, 0), (100.001, 1), (100.0, 2), (100.001, 3), (100.002, 4))[0] == 0.002


def test_figures_that_are_none_and_times_that_run_back_are_refused() -> None:
    total, events = play(RULE, (1.0, 10), (float("nan"), 11), (float("inf"), 12), (-1.0, 13), (1.01, 5))
    assert (total, set(events[1:])) == (0.0, {CounterEvent.REFUSED})


noise = st.one_of(st.floats(allow_nan=True, allow_infinity=True), st.floats(0, 2000))


@given(st.lists(st.tuples(noise, st.floats(0, 600), st.sampled_from(["m1", "m2"])), max_size=40))
def test_whatever_comes_no_step_is_negative_or_more_than_could_flow(rows: list[tuple[float, float, str]]) -> None:
    now_s, state, booked_kwh = 0.0, CounterState(RULE), 0.0
    for kwh, seconds, identity in rows:
        now_s += seconds
        state, step = state.advance(CounterReading(kwh, now_s, identity))
        assert step.delta_kwh >= 0.0
        booked_kwh += step.delta_kwh
    # The whole never exceeds what could have flowed, bursts and the forgiven allowance apart.
    assert booked_kwh <= RULE.max_kw * (now_s + RULE.burst_s * len(rows)) / 3600 + 0.02 * len(rows)
    assert state.total_kwh >= 0.0


@given(st.lists(st.tuples(st.floats(0.1, 600), st.floats(0, 12)), max_size=40), st.floats(0, 1e6), st.booleans())
def test_an_honest_meter_is_booked_to_its_last_digit(
    flows: list[tuple[float, float]], first_kwh: float, rolls: bool
) -> None:
    width_kwh = 1e6 if rolls else None
    rule = CounterRule(max_kw=12.0, width_kwh=width_kwh)
    now_s, flowed_kwh, readings = 0.0, 0.0, [CounterReading(first_kwh % 1e6, 0.0)]
    for seconds, kw in flows:
        now_s += seconds
        flowed_kwh += kw * seconds / 3600
        level = first_kwh + flowed_kwh
        readings.append(CounterReading(level % width_kwh if width_kwh else level, now_s))
    if not rolls:
        readings[0] = CounterReading(first_kwh, 0.0)
    assert abs(run(rule, readings)[0].total_kwh - flowed_kwh) < 0.001
