"""The house's books: whatever is switched, ordered or limited, energy adds up to the nanojoule."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hil.house.battery import Battery, BatteryConfig, Order
from hil.house.house import Constant, House, HouseConfig
from hil.house.producer import ProducerConfig

powers = st.floats(-8.0, 8.0)
actions = st.lists(
    st.tuples(
        st.sampled_from(["load", "sun", "order", "own", "limit", "reserve", "cut", "reactive"]),
        st.floats(0.0, 6.0),
        powers,
        st.integers(1, 400),
    ),
    max_size=25,
)


class Changeable:
    """A weather a test turns by hand."""

    def __init__(self) -> None:
        self.demand = 0.5
        self.sun = 2.0

    def demand_kw(self, at_s: float) -> float:
        return self.demand

    def sun_kw(self, at_s: float) -> float:
        return self.sun


def told(battery: Battery, what: str, amount: float, power_kw: float) -> None:
    orders = {"order": Order(power_kw), "own": Order(None, -amount, amount), "cut": Order(1.0, connected=False)}
    if what in orders:
        battery.command(orders[what])
    elif what == "reserve":
        battery.reserve = amount / 8
    elif what == "reactive":
        battery.reactive_kvar = power_kw


def played(config: HouseConfig, script: list[tuple[str, float, float, int]]) -> House:
    weather = Changeable()
    house = House(config, weather)
    for what, amount, power_kw, steps in script:
        for battery in house.batteries.values():
            told(battery, what, amount, power_kw)
        if what == "load":
            house.switch("oven", amount, phase=1 + steps % 3)
        elif what == "sun":
            weather.sun, weather.demand = amount, abs(power_kw)
        elif what == "limit":
            house.producers["pv"].limit = amount / 6
        for _ in range(steps):
            house.step()
    return house


@settings(max_examples=60, deadline=None)
@given(actions, st.sampled_from([0.1, 0.25, 1.0]), st.floats(0.5, 1.0), st.floats(0.0, 5.0), st.floats(0.0, 3.0))
def test_energy_adds_up_exactly(script, step_s, efficiency, lag_s, dead_time_s):
    built = BatteryConfig(
        capacity_kwh=0.8, round_trip_efficiency=efficiency, lag_s=lag_s, dead_time_s=dead_time_s, initial_soc=0.4
    )
    config = HouseConfig(
        step_s=step_s,
        batteries={"one": built, "two": BatteryConfig(capacity_kwh=0.3, phase_shares=(1.0, 0.0, 0.0))},
        producers={"pv": ProducerConfig(lag_s=lag_s, phase_shares=(0.0, 1.0, 0.0))},
    )
    house = played(config, script)
    assert house.imbalance_nanojoule() == 0
    books = house.grid.books
    assert sum(books.imported_phases) - sum(books.exported_phases) == books.imported - books.exported
    for name, battery in house.batteries.items():
        before = round(config.batteries[name].initial_soc * config.batteries[name].capacity_kwh * 3.6e15)
        kept = battery.charged_nanojoule - battery.discharged_nanojoule - battery.lost_nanojoule
        assert kept == battery.stored_nanojoule - before
        assert battery.lost_nanojoule >= 0
        assert 0.0 <= battery.soc <= 1.0
        assert -battery.config.max_discharge_kw - 1e-6 <= battery.power_kw <= battery.config.max_charge_kw + 1e-6
    producer = house.producers["pv"]
    assert 0 <= producer.power_milliwatt <= producer.available_milliwatt


def test_what_happens_does_not_depend_on_who_looks():
    watched, alone = (House(HouseConfig(), Constant(1.3, 0.4)) for _ in range(2))
    for tick in range(1, 4000):
        watched.advance_to(tick * 0.037)
    alone.advance_to(3999 * 0.037)
    assert watched.grid == alone.grid
    assert watched.batteries["battery"].stored_nanojoule == alone.batteries["battery"].stored_nanojoule


def test_round_trip_loses_what_the_efficiency_says():
    built = BatteryConfig(capacity_kwh=10, round_trip_efficiency=0.81, standby_kw=0.0, lag_s=0.0, dead_time_s=0.0)
    house = House(HouseConfig(batteries={"battery": built}, producers={}), Constant(0.0))
    battery = house.batteries["battery"]
    start = battery.stored_nanojoule
    battery.command(Order(2.0))
    house.advance_to(3600)
    battery.command(Order(-2.0))
    while battery.stored_nanojoule > start:
        house.step()
    assert battery.discharged_nanojoule / battery.charged_nanojoule == pytest.approx(0.81, abs=1e-3)


def test_it_never_goes_below_its_reserve_and_tapers_on_the_way():
    built = BatteryConfig(capacity_kwh=2, initial_soc=0.2, reserve=0.1, standby_kw=0.0)
    house = House(HouseConfig(batteries={"battery": built}, producers={}), Constant(0.0))
    battery = house.batteries["battery"]
    battery.command(Order(-5.0))
    house.advance_to(60)
    assert battery.power_kw < -4
    house.advance_to(7200)
    assert battery.soc == pytest.approx(0.1, abs=1e-5)
    assert battery.power_kw == 0.0


def test_it_fills_up_slower_and_slower_and_stops_when_full():
    built = BatteryConfig(capacity_kwh=2, initial_soc=0.9, standby_kw=0.0)
    house = House(HouseConfig(batteries={"battery": built}, producers={}), Constant(0.0))
    battery = house.batteries["battery"]
    battery.command(Order(5.0))
    seen = []
    for second in range(0, 3600, 60):
        house.advance_to(second)
        seen.append(battery.power_kw)
    assert seen[1] > 4.0
    assert seen[6] < 2.0
    assert battery.soc == pytest.approx(1.0, abs=1e-5)
    assert battery.power_kw == 0.0


@pytest.mark.parametrize("lag_s", [0.0, 1.0, 2.0, 5.0])
def test_an_order_is_followed_after_the_dead_time_with_the_lag(lag_s):
    built = BatteryConfig(lag_s=lag_s, dead_time_s=1.0, self_consumption=False)
    house = House(HouseConfig(step_s=0.05, batteries={"battery": built}, producers={}), Constant(0.0))
    battery = house.batteries["battery"]
    house.advance_to(10)
    battery.command(Order(3.0))
    house.advance_to(10.9)
    assert battery.power_kw == 0.0
    house.advance_to(11.0 + lag_s + 0.05)
    if lag_s:
        assert battery.power_kw == pytest.approx(3.0 * 0.632, rel=0.08)
    else:
        assert battery.power_kw == 3.0
    house.advance_to(11.0 + 5 * lag_s + 0.1)
    assert battery.power_kw == pytest.approx(3.0, rel=0.01)


def test_left_alone_it_keeps_the_connection_point_at_zero():
    house = House(HouseConfig(), Constant(1.0, 3.0))
    house.advance_to(20)
    assert house.grid_kw == pytest.approx(0.0, abs=0.01)
    assert house.batteries_kw == pytest.approx(2.0, abs=0.01)
    house.switch("oven", 3.0, phase=1)
    house.advance_to(30)
    assert house.grid_kw == pytest.approx(0.0, abs=0.01)
    house.switch("oven", 0.0)
    house.advance_to(40)
    assert house.batteries_kw == pytest.approx(2.0, abs=0.01)


def test_two_storages_share_the_work_without_fighting():
    config = HouseConfig(batteries={"one": BatteryConfig(), "two": BatteryConfig()})
    house = House(config, Constant(3.0, 0.0))
    house.advance_to(30)
    assert house.grid_kw == pytest.approx(0.0, abs=0.01)
    assert house.batteries["one"].power_kw == pytest.approx(house.batteries["two"].power_kw, abs=0.01)


def test_a_meter_may_look_back():
    house = House(HouseConfig(batteries={}, producers={}), Constant(1.0))
    house.advance_to(10)
    house.switch("oven", 2.0)
    house.advance_to(12)
    assert house.seen_before(3.0).total_milliwatt == 1_000_000
    assert house.seen_before(1.0).total_milliwatt == 3_000_000
    assert house.seen_before(100.0).at_us <= house.seen_before(3.0).at_us


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        (BatteryConfig, {"capacity_kwh": 0}),
        (BatteryConfig, {"round_trip_efficiency": 90}),
        (ProducerConfig, {"rated_kw": 5, "apparent_kva": 4}),
        (HouseConfig, {"step_s": 0}),
    ],
)
def test_what_cannot_be_built_is_refused(kind, wrong):
    with pytest.raises(ValueError, match="expected"):
        kind(**wrong)
