"""The table of spec ebr.md, row by row, and each *never*."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heg.model.regimes import GridBand, Regime, RegimeOrder, StorageNow, limits_kw, permitted_kw, power_kw, wanted_kw

BATTERY = StorageNow(-5.0, 5.0, soc=0.5, capacity_kwh=10.0, reserve_share=0.1)

loads = st.floats(-20, 20)
shares = st.floats(0, 1)


@st.composite
def storages(draw: st.DrawFn) -> StorageNow:
    return StorageNow(
        min_rate_kw=-draw(st.floats(0, 10)),
        max_rate_kw=draw(st.floats(0, 10)),
        soc=draw(shares),
        capacity_kwh=draw(st.floats(0, 100)),
        reserve_share=draw(shares),
        round_trip_efficiency=draw(st.floats(0.5, 1)),
    )


@st.composite
def orders(draw: st.DrawFn) -> RegimeOrder:
    low, width = draw(st.floats(-10, 10)), draw(st.floats(0, 10))
    return RegimeOrder(
        draw(st.sampled_from(Regime)),
        draw(st.floats(0, 10)),
        draw(st.one_of(st.none(), st.just(GridBand(low, low + width)))),
        draw(st.one_of(st.none(), shares)),
    )


@pytest.mark.parametrize(
    ("regime", "load_kw", "expected_kw"),
    [
        (Regime.HOLD, 2.0, 0.0),
        (Regime.HOLD, -2.0, 0.0),
        (Regime.BALANCE, 2.0, -2.0),
        (Regime.BALANCE, -2.0, 2.0),
        (Regime.COVER, 2.0, -2.0),
        (Regime.COVER, -2.0, 0.0),
        (Regime.ABSORB, 2.0, 0.0),
        (Regime.ABSORB, -2.0, 2.0),
        (Regime.CHARGE, 2.0, 3.0),
        (Regime.CHARGE, -2.0, 3.0),
        (Regime.CHARGE, -4.0, 4.0),
        (Regime.DISCHARGE, 2.0, -3.0),
        (Regime.DISCHARGE, -4.0, -3.0),
        (Regime.LIMIT, 2.0, -1.0),
        (Regime.LIMIT, 0.5, 0.0),
        (Regime.LIMIT, -2.0, 1.5),
    ],
)
def test_each_row_of_the_table(regime: Regime, load_kw: float, expected_kw: float) -> None:
    order = RegimeOrder(regime, power_kw=3.0, band=GridBand(-0.5, 1.0))
    assert power_kw(order, load_kw, BATTERY) == pytest.approx(expected_kw)


@given(orders(), loads, storages())
def test_a_regime_never_does_what_it_never_does(order: RegimeOrder, load_kw: float, storage: StorageNow) -> None:
    kw = power_kw(order, load_kw, storage)
    grid_kw = load_kw + kw
    hair = 1e-9
    match order.regime:
        case Regime.HOLD:
            assert kw == 0
        case Regime.BALANCE:
            assert kw <= hair or grid_kw <= hair, "imports to charge"
            assert kw >= -hair or grid_kw >= -hair, "exports to discharge"
        case Regime.COVER:
            assert kw <= 0
            assert kw >= -hair or grid_kw >= -hair, "exports"
        case Regime.ABSORB:
            assert kw >= 0
            assert kw <= hair or grid_kw <= hair, "imports"
        case Regime.CHARGE:
            assert kw >= 0
        case Regime.DISCHARGE:
            assert kw <= 0
        case Regime.LIMIT:
            band = order.band
            low_kw, high_kw = limits_kw(order, storage)
            if band is not None and grid_kw > band.high_kw + hair:
                assert kw == pytest.approx(low_kw), "above the band while it could discharge"
            if band is not None and grid_kw < band.low_kw - hair:
                assert kw == pytest.approx(high_kw), "below the band while it could charge"


@given(orders(), loads, storages(), st.floats(0.1, 3600))
def test_the_power_keeps_rates_reserve_and_capacity(
    order: RegimeOrder, load_kw: float, storage: StorageNow, period_s: float
) -> None:
    kw = power_kw(order, load_kw, storage, period_s)
    assert storage.min_rate_kw <= kw <= storage.max_rate_kw
    one_way = math.sqrt(storage.round_trip_efficiency)
    stored_kwh = kw * period_s / 3600 * (one_way if kw > 0 else 1 / one_way)
    after_kwh = storage.soc * storage.capacity_kwh + stored_kwh
    if kw < 0:
        assert after_kwh >= storage.reserve_share * storage.capacity_kwh - 1e-9
    assert after_kwh <= storage.capacity_kwh + 1e-9


def test_what_a_regime_never_does_bounds_it_whatever_is_measured() -> None:
    assert permitted_kw(RegimeOrder(Regime.HOLD)) == (0.0, 0.0)
    for charges in (Regime.ABSORB, Regime.CHARGE):
        assert limits_kw(RegimeOrder(charges), BATTERY) == (0.0, 5.0)
    for discharges in (Regime.COVER, Regime.DISCHARGE):
        assert limits_kw(RegimeOrder(discharges), BATTERY) == (-5.0, 0.0)
    for both in (Regime.BALANCE, Regime.LIMIT):
        assert limits_kw(RegimeOrder(both), BATTERY) == (-5.0, 5.0)


@given(st.sampled_from(Regime), loads, storages(), shares)
def test_a_regime_ends_at_its_soc(regime: Regime, load_kw: float, storage: StorageNow, ends_at: float) -> None:
    kw = power_kw(RegimeOrder(regime, 3.0, GridBand(-1, 1), ends_at), load_kw, storage)
    if regime in (Regime.CHARGE, Regime.ABSORB) and storage.soc >= ends_at:
        assert kw == 0
    if regime not in (Regime.CHARGE, Regime.ABSORB) and storage.soc <= ends_at:
        assert kw >= 0


@given(orders(), loads)
def test_without_limits_the_law_is_the_wish(order: RegimeOrder, load_kw: float) -> None:
    endless = StorageNow(-1e6, 1e6, 0.5, 1e9)
    assert power_kw(RegimeOrder(order.regime, order.power_kw, order.band), load_kw, endless) == pytest.approx(
        wanted_kw(order, load_kw), abs=1e-9
    )


def test_a_soc_outside_its_bounds_stops_nothing_but_the_wrong_direction() -> None:
    below = StorageNow(-5, 5, soc=0.02, capacity_kwh=10, reserve_share=0.1)
    assert below.interval_kw(1) == (0.0, 5.0)
    assert StorageNow(-5, 5, soc=1.05, capacity_kwh=10).interval_kw(1) == (-5.0, 0.0)
