"""What is in a storage, when its word is good, missing, impossible or stands still."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heg.model.capabilities import StorageCapability
from heg.model.plan import DegradationCode
from heg.services.planning.soc import SocKeeper

TEN_KWH = StorageCapability(10.0, -5.0, 5.0, round_trip_efficiency=1.0, reserve_share=0.1)


def keeper() -> SocKeeper:
    return SocKeeper("battery", TEN_KWH)


def after(kept: SocKeeper, minutes: int, soc: float | None, power_kw: float | None, start_s: float = 0.0) -> float:
    for step in range(minutes + 1):
        kept.see(start_s + 60.0 * step, soc, power_kw)
    return start_s + 60.0 * minutes


def test_a_fresh_reading_is_believed() -> None:
    kept = keeper()
    now_s = after(kept, 5, 0.55, -1.0)
    verdict = kept.judge(now_s, impossible=False)
    assert verdict.share == 0.55
    assert verdict.degradation is None


def test_a_storage_that_never_spoke_is_left_out() -> None:
    verdict = keeper().judge(0.0, impossible=False)
    assert verdict.share is None
    assert verdict.degradation is not None
    assert verdict.degradation.code is DegradationCode.SOC_UNKNOWN


def test_a_silent_one_is_reckoned_from_metered_energy_and_given_up_after_hours() -> None:
    kept = keeper()
    kept.see(0.0, 0.5, 2.0)
    now_s = after(kept, 60, None, 2.0, 60.0)
    verdict = kept.judge(now_s, impossible=False)
    assert verdict.share == pytest.approx(0.5 + 2.0 * (61 / 60) / 10.0)
    assert verdict.degradation is not None
    assert verdict.degradation.code is DegradationCode.SOC_UNKNOWN
    assert "70 %" in verdict.degradation.text
    now_s = after(kept, 7 * 60, None, 0.0, now_s)
    assert kept.judge(now_s, impossible=False).share is None


def test_an_impossible_reading_has_its_own_name() -> None:
    kept = keeper()
    kept.see(0.0, 0.5, 0.0)
    now_s = after(kept, 10, None, 0.0, 60.0)
    verdict = kept.judge(now_s, impossible=True)
    assert verdict.share == pytest.approx(0.5)
    assert verdict.degradation is not None
    assert verdict.degradation.code is DegradationCode.SOC_OUT_OF_BOUNDS


def test_a_reading_that_stands_still_while_energy_moves_is_frozen_until_it_moves() -> None:
    kept = keeper()
    now_s = after(kept, 10, 0.5, -2.0)
    assert kept.judge(now_s, impossible=False).degradation is None
    now_s = after(kept, 20, 0.5, -2.0, now_s)
    verdict = kept.judge(now_s, impossible=False)
    assert verdict.share == pytest.approx(0.4)
    assert verdict.degradation is not None
    assert verdict.degradation.code is DegradationCode.SOC_FROZEN
    assert "1.0 kWh were discharged" in verdict.degradation.text
    kept.see(now_s + 1.0, 0.39, -2.0)
    assert kept.judge(now_s + 1.0, impossible=False).share == 0.39


@pytest.mark.parametrize(("soc", "power_kw"), [(1.0, 0.5), (0.995, 0.5), (0.1, -0.5), (0.0, -0.5)])
def test_a_full_or_empty_storage_may_stand_still(soc: float, power_kw: float) -> None:
    kept = keeper()
    now_s = after(kept, 240, soc, power_kw)
    assert kept.judge(now_s, impossible=False).degradation is None


def test_what_flowed_while_nobody_measured_is_not_invented() -> None:
    kept = keeper()
    kept.see(0.0, 0.5, 3.0)
    kept.see(36_000.0, None, None)  # ten hours later: at most ten minutes of it are believed
    verdict = kept.judge(36_000.0, impossible=False)
    assert verdict.share is None
    kept.see(36_001.0, 0.5, 3.0)
    assert kept.judge(36_001.0, impossible=False).share == pytest.approx(0.55, abs=0.051)


@given(st.lists(st.tuples(st.none() | st.floats(0, 1), st.none() | st.floats(-20, 20)), max_size=60), st.booleans())
def test_whatever_comes_the_share_is_one_or_none_and_every_estimate_has_a_name(
    looks: list[tuple[float | None, float | None]], impossible: bool
) -> None:
    kept = keeper()
    for step, (soc, power_kw) in enumerate(looks):
        kept.see(300.0 * step, soc, power_kw)
        verdict = kept.judge(300.0 * step, impossible=impossible)
        assert verdict.share is None or 0.0 <= verdict.share <= 1.0
        if verdict.degradation is None:
            assert verdict.share == soc
        else:
            assert verdict.degradation.text.endswith(".")
