"""What the planner learnt later changes nothing where it is not asked for: the plans it made before are kept."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from heg.model.plan import SlotDecision
from heg.planner.plan import plan
from tests.planner.random_houses import sensible

KEPT: dict[str, Any] = json.loads(Path(__file__).with_name("plans_of_old.json").read_text())


@pytest.mark.parametrize("seed", sorted(KEPT))
def test_a_house_without_the_new_keys_gets_the_plan_it_got(seed: str) -> None:
    kept = KEPT[seed]
    made = plan(sensible(int(seed), 6 + int(seed) % 7))
    assert made.cost.total_eur == pytest.approx(kept["cost_eur"], abs=2e-6)
    assert made.grid_kw == pytest.approx(kept["grid_kw"], abs=2e-5)
    _same(made.ess, kept["ess"])
    _same(made.pev, kept["pev"])


def _same(decisions: Sequence[SlotDecision], kept: Sequence[tuple[str, float, float | None, str]]) -> None:
    assert [decision.order.regime for decision in decisions] == [regime for regime, *_ in kept]
    assert [decision.reason.code for decision in decisions] == [code for *_, code in kept]
    for decision, (_regime, power_kw, ends_at_soc, _code) in zip(decisions, kept, strict=True):
        assert decision.order.power_kw == pytest.approx(power_kw, abs=2e-5)
        assert decision.order.ends_at_soc == pytest.approx(ends_at_soc, abs=2e-5)
