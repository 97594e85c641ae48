"""Deciding who is shed of many appliances: what it takes of the control cycle, and of an answer to the utility."""

from time import perf_counter

from bench.rows import Row, percentile
from heg.model.appliances import Importance
from heg.model.shedding import ShedBook, Sheddable, SheddingRules, decide

PROMISE_MS = 5.0
"""The issue's figure for 160 appliances; the paper's is 20 ms for the whole command."""
_TIMES = 300


def run() -> list[Row]:
    """A fleet of all three kinds, of which a good part has to go; then a look at which nobody is told anything."""
    return [row for size in (160, 320) for row in _rows(size)]


def _rows(size: int) -> list[Row]:
    fleet = [
        Sheddable(f"a{at}", list(Importance)[at % 3], on=True, since_s=-1e6, kw=0.05 + at % 7 / 2) for at in range(size)
    ]
    rules = SheddingRules()
    over_kw = sum(one.kw for one in fleet) / 3
    going, quiet = [], []
    for _ in range(_TIMES):
        begun = perf_counter()
        decision = decide(fleet, over_kw, 0.0, ShedBook(), rules)
        going.append((perf_counter() - begun) * 1e3)
        begun = perf_counter()
        decide(fleet, -1.0, 10.0, decision.book, rules)
        quiet.append((perf_counter() - begun) * 1e3)
    return [
        Row(f"shedding a third of {size} appliances, p99", percentile(going, 0.99), "ms", limit=PROMISE_MS),
        Row(f"a look at {size} appliances with a third shed, p99", percentile(quiet, 0.99), "ms", limit=PROMISE_MS),
    ]
