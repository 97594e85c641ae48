"""Several storages as one, and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heg.model.capabilities import StorageCapability
from heg.model.regimes import Regime, RegimeOrder
from heg.services.planning.storages import Member, apportioned, member, together

SMALL = StorageCapability(5.0, -2.0, 2.5, round_trip_efficiency=0.8, reserve_share=0.1)
LARGE = StorageCapability(15.0, -6.0, 5.0, round_trip_efficiency=0.9)


def one(name: str, capability: StorageCapability, soc: float, *, trusted: bool = True) -> Member:
    return member(name, capability, soc, trusted=trusted, charge_limit_kw=None, discharge_limit_kw=None)


def test_the_sum_has_capacity_rates_energy_and_reserve_of_all() -> None:
    ess = together((one("a", SMALL, 0.2), one("b", LARGE, 0.6)), wear_eur_per_kwh=0.02)
    assert ess is not None
    assert (ess.capacity_kwh, ess.min_rate_kw, ess.max_rate_kw) == (20.0, -8.0, 7.5)
    assert ess.soc_kwh == pytest.approx(0.2 * 5 + 0.6 * 15)
    assert ess.reserve_kwh == pytest.approx(0.5)
    assert ess.round_trip_efficiency == pytest.approx((5 * 0.8 + 15 * 0.9) / 20)
    assert ess.wear_eur_per_kwh == 0.02
    assert together(()) is None


def test_what_a_storage_can_do_now_narrows_its_rates() -> None:
    limited = member("a", SMALL, 0.5, trusted=True, charge_limit_kw=1.0, discharge_limit_kw=99.0)
    assert (limited.charge_kw, limited.discharge_kw) == (1.0, 2.0)


def test_each_gets_its_part_by_rate_and_the_same_regime() -> None:
    members = (one("a", SMALL, 0.5), one("b", LARGE, 0.5))
    charging = apportioned(RegimeOrder(Regime.CHARGE, 3.0, ends_at_soc=0.9), members)
    assert charging["a"] == RegimeOrder(Regime.CHARGE, 1.0, ends_at_soc=0.9)
    assert charging["b"] == RegimeOrder(Regime.CHARGE, 2.0, ends_at_soc=0.9)
    discharging = apportioned(RegimeOrder(Regime.DISCHARGE, 4.0), members)
    assert (discharging["a"].power_kw, discharging["b"].power_kw) == (1.0, 3.0)


def test_no_order_ends_at_a_state_of_charge_that_is_only_reckoned() -> None:
    members = (one("a", SMALL, 0.5, trusted=False), one("b", LARGE, 0.5))
    orders = apportioned(RegimeOrder(Regime.COVER, ends_at_soc=0.3), members)
    assert (orders["a"].ends_at_soc, orders["b"].ends_at_soc) == (None, 0.3)


@given(
    st.lists(
        st.builds(
            lambda kwh, low, high, soc: one(f"{kwh}{low}{high}", StorageCapability(kwh, -low, high), soc),
            st.floats(0.1, 100),
            st.floats(0, 50),
            st.floats(0, 50),
            st.floats(0, 1),
        ),
        min_size=1,
        max_size=4,
        unique_by=lambda built: built.name,
    ),
    st.sampled_from([Regime.CHARGE, Regime.DISCHARGE]),
    st.floats(0, 1),
)
def test_the_parts_add_up_and_nobody_is_asked_for_more_than_its_rate(
    members: list[Member], regime: Regime, share: float
) -> None:
    rates = {one.name: one.discharge_kw if regime is Regime.DISCHARGE else one.charge_kw for one in members}
    wanted_kw = share * sum(rates.values())
    orders = apportioned(RegimeOrder(regime, wanted_kw), members)
    assert sum(order.power_kw for order in orders.values()) == pytest.approx(wanted_kw, abs=0.002 * len(members))
    assert all(order.power_kw <= rates[name] + 0.001 for name, order in orders.items())
