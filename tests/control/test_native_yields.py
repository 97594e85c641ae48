"""What a device does by itself sees no limit of the house: where that is left, powers are written instead."""

import itertools
import math
from pathlib import Path

import pytest

from heg.data.door import Outcome
from heg.model.instance import Location
from heg.model.leases import Claim, Claimant, Reason, ReasonCode
from heg.model.regimes import Regime, RegimeOrder
from heg.runtime.clock import Clock
from tests.control.gateway import Gateway, running, settings
from tests.control.house import House
from tests.support.stepped import stepped

BATTERY = Location("home", "battery")
LIMIT_KW = 11.0
BAND_KW = 0.1
SETTLED_S = 20.0
ALL = frozenset({Regime.HOLD, Regime.BALANCE, Regime.COVER, Regime.ABSORB})


async def by_hand(gateway: Gateway, regime: Regime) -> None:
    answer = await gateway.owner.command("command.manual", BATTERY, {"regime": str(regime), "valid_s": 3600.0})
    assert answer.outcome is Outcome.DONE


@stepped
async def test_a_hold_by_hand_gives_way_to_the_contract_and_comes_back(clock: Clock, tmp_path: Path) -> None:
    house = House(clock)
    battery = house.add_battery()
    house.load_kw = [1.0, 1.0, 1.0]
    async with running(house, tmp_path / "j") as gateway:
        await clock.sleep(5)
        await by_hand(gateway, Regime.HOLD)
        await clock.sleep(SETTLED_S)
        assert gateway.lease().native
        assert battery.power_kw == pytest.approx(0.0, abs=0.05)
        house.load_kw = [13.0 / 3] * 3
        await clock.sleep(SETTLED_S)
        assert house.grid_kw <= LIMIT_KW + BAND_KW
        assert battery.power_kw == pytest.approx(-2.0, abs=0.2), "no more than the contract needs"
        lease = gateway.lease()
        assert (lease.native, lease.owner, lease.regime) == (False, Claimant.MANUAL, Regime.HOLD)
        assert lease.reason.code is ReasonCode.ENVELOPE
        house.load_kw = [1.0, 1.0, 1.0]
        await clock.sleep(SETTLED_S)
        assert battery.power_kw == pytest.approx(0.0, abs=0.05)
        await clock.sleep(60.0)
        assert gateway.lease().native
        assert battery.power_kw == pytest.approx(0.0, abs=0.05)


@pytest.mark.parametrize(
    ("regime", "load_kw", "pv_kw"),
    [
        (Regime.HOLD, 13.0, 0.0),
        (Regime.HOLD, 0.0, 13.0),
        (Regime.ABSORB, 13.0, 0.0),
        (Regime.COVER, 0.0, 13.0),
        (Regime.BALANCE, 13.0, 0.0),
        (Regime.BALANCE, 0.0, 13.0),
    ],
)
@pytest.mark.parametrize("claimant", [Claimant.MANUAL, Claimant.PLAN])
def test_every_native_regime_keeps_the_contract(
    regime: Regime, load_kw: float, pv_kw: float, claimant: Claimant, tmp_path: Path
) -> None:
    @stepped
    async def told(clock: Clock) -> None:
        house = House(clock)
        house.add_battery(native=ALL)
        async with running(house, tmp_path / "j") as gateway:
            await clock.sleep(5)
            if claimant is Claimant.MANUAL:
                await by_hand(gateway, regime)
            else:
                why = Reason(ReasonCode.PLAN, "as planned")
                gateway.plan(Claim(claimant, why, 3600.0, order=RegimeOrder(regime)))
            house.load_kw, house.pv_kw = [load_kw / 3] * 3, pv_kw
            await clock.sleep(SETTLED_S)
            settled_s = clock.monotonic_s()
            await clock.sleep(120.0)
            outside = [kw for at_s, kw in house.grid_log if at_s >= settled_s and abs(kw) > LIMIT_KW + BAND_KW]
            assert outside == []

    told()


@stepped
async def test_a_claims_limit_on_a_native_balance_gives_way_too(clock: Clock, tmp_path: Path) -> None:
    house = House(clock)
    house.add_battery(native=ALL)
    house.load_kw = [13.0 / 3] * 3
    async with running(house, tmp_path / "j") as gateway:
        why = Reason(ReasonCode.PLAN, "kept for the evening")
        gateway.plan(Claim(Claimant.PLAN, why, 3600.0, min_kw=-0.5, order=RegimeOrder(Regime.BALANCE)))
        await clock.sleep(SETTLED_S)
        assert house.grid_kw <= LIMIT_KW + BAND_KW


@stepped
async def test_one_that_can_only_be_left_to_itself_is_not_told_a_power(clock: Clock, tmp_path: Path) -> None:
    house = House(clock)
    battery = house.add_battery(native=ALL, set_power=False)
    house.load_kw = [13.0 / 3] * 3
    async with running(house, tmp_path / "j") as gateway:
        await clock.sleep(5)
        await by_hand(gateway, Regime.HOLD)
        await clock.sleep(SETTLED_S)
        assert gateway.lease().native
        assert all(told is None or told.power_kw is None for _, _, told in battery.log)


@stepped
async def test_a_house_that_hovers_at_its_limit_does_not_wear_the_device(clock: Clock, tmp_path: Path) -> None:
    house = House(clock)
    battery = house.add_battery()
    house.load_kw = [LIMIT_KW / 3] * 3
    house.noise = lambda now_s: 0.4 * math.sin(now_s / 7.0)
    async with running(house, tmp_path / "j") as gateway:
        await clock.sleep(5)
        await by_hand(gateway, Regime.HOLD)
        await clock.sleep(600)
        kinds = [told.regime is None for _, what, told in battery.log if what == "apply" and told is not None]
        turns = sum(before != after for before, after in itertools.pairwise(kinds))
        assert turns <= 3, "one that is needed again and again stays with powers"


@pytest.mark.parametrize("age_s", [0.0, 1.0, 3.0])
@pytest.mark.parametrize("lag_s", [0.5, 2.0])
def test_a_native_balance_is_left_to_itself_where_nothing_may_be_exported(
    age_s: float, lag_s: float, tmp_path: Path
) -> None:
    @stepped
    async def told(clock: Clock) -> None:
        house = House(clock)
        battery = house.add_battery(native=ALL, lag_s=lag_s, response_lag_s=lag_s)
        house.meter.age_s = age_s
        async with running(house, tmp_path / "j", settings(max_export_kw=0.0)) as gateway:
            for number in range(60):
                house.load_kw = [(0.5, 3.0, 1.2, 4.5)[number % 4], 0.2, 0.3]
                await clock.sleep(11.3)
                assert gateway.lease().native
            assert battery.commands() == 1

    told()
