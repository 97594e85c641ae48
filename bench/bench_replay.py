"""Recorded homes lived through by rig and gateway over real sockets: what planning saves (see tests/support/replay.py).

Fourteen days of each home, a control cycle of 60 s, beside the same house without battery, with plain self-consumption
and with perfect foresight; the figures are the rig's counters. Takes a good part of an hour: only by name.
"""

import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from pathlib import Path

from bench.rows import Row
from heg.runtime.loops import SteppedTiming
from heg.runtime.loops import run as run_on_loop
from tests.support.replay import Bill, Home, Mode, Span, homes, replay

ONLY_BY_NAME = True
NOISY_SHARE = 0.85
OWN_SHARE = 0.80
_TIE_EUR = 0.005
"""Half a cent in two weeks is no difference: what the rounding of a counter may do."""


def run() -> list[Row]:
    """All homes, all modes; the days may be fewer for a quick look (HEG_REPLAY_DAYS)."""
    span = Span(days=float(os.environ.get("HEG_REPLAY_DAYS", "14")))
    found = [home for home in homes() if home.name.startswith(os.environ.get("HEG_REPLAY_HOME", ""))]
    if not found:
        print("replay: no recorded homes beside the project: nothing to measure", file=sys.stderr)
        return []
    bills = _bills(found, span)
    return [row for home in found for row in _rows(home.name, bills)]


def _bills(found: list[Home], span: Span) -> Mapping[tuple[str, Mode], Bill]:
    bills: dict[tuple[str, Mode], Bill] = {}
    jobs = list(product(found, Mode))
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for done in pool.map(_bill, *zip(*jobs, strict=True), [span] * len(jobs)):
            bills[done.home, done.mode] = done
            print(f"  {_said(done)} ({len(bills)} of {len(jobs)})", file=sys.stderr, flush=True)
    return bills


def _bill(home: Home, mode: Mode, span: Span) -> Bill:
    with tempfile.TemporaryDirectory() as folder:
        timing = SteppedTiming(span.start)
        return run_on_loop(lambda clock: replay(clock, Path(folder), home, mode, span), timing=timing)


def _rows(home: str, bills: Mapping[tuple[str, Mode], Bill]) -> Iterator[Row]:
    costs = {mode: bills[home, mode].cost_eur for mode in Mode}
    none, rule = costs[Mode.NO_BATTERY], costs[Mode.RULE]
    possible = none - costs[Mode.PERFECT]
    for mode in Mode:
        yield Row(f"{home} {mode}", costs[mode], "EUR", _note(bills[home, mode]), baseline=none)
    for mode, least in ((Mode.NOISY, NOISY_SHARE), (Mode.OWN, OWN_SHARE)):
        share = (none - costs[mode]) / possible if possible > 0 else 0.0
        yield Row(f"{home} {mode}: share of the perfect saving", share, "1", "", least, at_most=False)
        yield Row(f"{home} {mode}: dearer than the rule by", costs[mode] - rule, "EUR", "", _TIE_EUR)
        yield Row(f"{home} {mode}: dearer than no battery by", costs[mode] - none, "EUR", "", 0.0)
    yield Row(f"{home} rule: share of the perfect saving", (none - rule) / possible if possible > 0 else 0.0, "1")


def _note(bill: Bill) -> str:
    lacks = ", ".join(f"{code} {count}" for code, count in sorted(bill.degradations.items()))
    kept = f"kept {bill.kept_kwh:+.2f} kWh" if bill.mode is not Mode.NO_BATTERY else ""
    return "; ".join(part for part in (f"in {bill.import_kwh:.1f}, out {bill.export_kwh:.1f} kWh", kept, lacks) if part)


def _said(bill: Bill) -> str:
    return f"{bill.home} {bill.mode}: {bill.cost_eur:.2f} EUR"
