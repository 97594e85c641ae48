"""Loop lag: percentiles, and that a blocked loop is seen."""

from __future__ import annotations

import asyncio
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heg.runtime.clock import Clock
from heg.runtime.lag import LagMeter, LagReport, summarise
from heg.runtime.loops import RealTiming, ScaledTiming, Timing, run
from tests.support.stepped import START_UTC, stepped


@given(st.lists(st.floats(0, 1e6), min_size=1))
def test_percentiles_are_measured_values_in_order(late_ms: list[float]) -> None:
    report = summarise(late_ms)
    assert report.p50_ms <= report.p99_ms <= report.max_ms == max(late_ms)
    assert {report.p50_ms, report.p99_ms} <= set(late_ms)


@stepped
async def test_a_stepped_loop_has_no_lag(clock: Clock) -> None:
    reports: list[LagReport] = []
    meter = asyncio.ensure_future(LagMeter(clock, reports.append, interval_s=1.0, wakes=10).run())
    await clock.sleep(25)
    meter.cancel()
    assert [(report.max_ms, report.wakes) for report in reports] == [(0.0, 10), (0.0, 10)]


@pytest.mark.parametrize("timing", [RealTiming(), ScaledTiming(60.0, START_UTC, 0.0)])
def test_a_blocked_loop_shows_in_real_milliseconds(timing: Timing) -> None:
    async def main(clock: Clock) -> LagReport:
        reports: asyncio.Queue[LagReport] = asyncio.Queue()
        meter = asyncio.ensure_future(LagMeter(clock, reports.put_nowait, interval_s=0.005, wakes=4).run())
        await asyncio.sleep(0)
        time.sleep(0.06)  # noqa: ASYNC251 - blocking the loop is the point
        report = await reports.get()
        meter.cancel()
        return report

    report = run(main, timing=timing)
    assert 50.0 <= report.max_ms < 5_000.0
