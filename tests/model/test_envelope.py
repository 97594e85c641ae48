"""The envelope: what sources together leave, and what holds when one falls silent."""

from hypothesis import given
from hypothesis import strategies as st

from heg.model.envelope import (
    EnvelopeLimit,
    EnvelopeSource,
    RunningMean,
    SourceVoice,
    combine,
    overdue,
)

CONTRACT = EnvelopeLimit(EnvelopeSource.CONTRACT, -6.0, 6.0, 25.0)
DSO = EnvelopeLimit(EnvelopeSource.DSO, max_kw=4.2)


@st.composite
def limits(draw: st.DrawFn) -> EnvelopeLimit:
    low = draw(st.floats(-20, 20))
    return EnvelopeLimit(draw(st.sampled_from(EnvelopeSource)), low, low + draw(st.floats(0, 20)))


def test_no_source_no_say() -> None:
    envelope = combine([])
    assert (envelope.min_kw, envelope.max_kw) == (float("-inf"), float("inf"))
    assert envelope.min_source is envelope.max_source is None


def test_the_source_that_binds_is_named() -> None:
    envelope = combine([DSO, CONTRACT])
    assert (envelope.min_kw, envelope.max_kw, envelope.max_a_per_phase) == (-6.0, 4.2, 25.0)
    assert (envelope.min_source, envelope.max_source) == (EnvelopeSource.CONTRACT, EnvelopeSource.DSO)


def test_a_tube_that_contradicts_the_dso_gives_way() -> None:
    envelope = combine([EnvelopeLimit(EnvelopeSource.TUBE, 5.0, 9.0), DSO, CONTRACT])
    assert (envelope.min_kw, envelope.max_kw) == (4.2, 4.2)


@given(st.lists(limits(), max_size=6))
def test_a_later_limit_never_widens_and_the_interval_is_never_empty(several: list[EnvelopeLimit]) -> None:
    wider = combine(several)
    for index in range(len(several)):
        fewer = combine(several[:index] + several[index + 1 :])
        assert wider.max_kw - wider.min_kw <= fewer.max_kw - fewer.min_kw + 1e-9
    assert wider.min_kw <= wider.max_kw
    assert wider == combine(sorted(several, key=lambda limit: limit.source))


def test_silence_is_the_fail_safe_and_never_no_limit() -> None:
    never_heard = SourceVoice(DSO, max_age_s=60)
    assert never_heard.silent(0.0)
    assert never_heard.limit(0.0) == DSO
    heard = SourceVoice(DSO, 60, EnvelopeLimit(EnvelopeSource.DSO), heard_at_s=100.0)
    assert heard.limit(160.0).max_kw == float("inf")
    assert heard.limit(160.1) == DSO


def test_a_limit_is_overdue_after_its_reaction_time() -> None:
    assert not overdue(None, CONTRACT, 50.0)
    assert not overdue(40.0, CONTRACT, 50.0)
    assert overdue(39.9, CONTRACT, 50.0)


@given(st.lists(st.tuples(st.floats(0.1, 100), st.floats(-10, 10)), min_size=1, max_size=30), st.floats(1, 200))
def test_a_running_mean_is_the_mean_of_what_stood_in_its_window(
    samples: list[tuple[float, float]], window_s: float
) -> None:
    mean, now_s, stood = RunningMean(window_s), 0.0, []
    for seconds, kw in samples:
        mean = mean.add(now_s, kw)
        stood.append((now_s, now_s + seconds, kw))
        now_s += seconds
    mean = mean.add(now_s, 0.0)
    pieces = [(min(end, now_s) - max(start, now_s - window_s), kw) for start, end, kw in stood]
    inside = [(length, kw) for length, kw in pieces if length > 0]
    expected = sum(length * kw for length, kw in inside) / sum(length for length, _ in inside)
    assert abs((mean.kw(now_s) or 0.0) - expected) < 1e-6
