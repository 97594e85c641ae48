"""The house alone may leave the envelope: the owner is told, after the limit's own time and not before."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from heg.control.exceeded import LimitWatch
from heg.model.envelope import EnvelopeLimit, EnvelopeSource
from heg.runtime.clock import Clock
from tests.control.gateway import running, settings
from tests.control.house import House
from tests.support.stepped import stepped

CONTRACT = EnvelopeLimit(EnvelopeSource.CONTRACT, -5.0, 6.0, 25.0, text="supply contract")
QUARTER_HOUR = EnvelopeLimit(EnvelopeSource.UTILITY, max_kw=4.0, averaging_s=900.0, reaction_s=30.0, text="threshold")


def said(limits: list[EnvelopeLimit], powers: list[tuple[float, float]], amperes: float = 0.0) -> list[str | None]:
    watch, now_s, answers = LimitWatch(), 0.0, []
    for kw, seconds in powers:
        for _ in range(int(seconds)):
            answers.append(watch.see(limits, kw, [amperes], now_s))
            now_s += 1.0
    return answers


def test_a_peak_shorter_than_the_reaction_time_is_nobodys_business() -> None:
    assert set(said([CONTRACT], [(5.0, 20), (8.0, 10), (5.0, 20), (8.0, 10)])) == {None}


def test_what_lasts_is_told_with_its_limit_and_its_size_and_ends() -> None:
    answers = said([CONTRACT], [(5.0, 20), (8.0, 30), (5.0, 5)])
    first = next(index for index, answer in enumerate(answers) if answer)
    assert first == 20 + 11
    assert answers[first] == "supply contract is exceeded: 8.00 kW import. The house alone draws or feeds too much."
    assert answers[-5:] == [None] * 5


def test_export_and_amperes_count_too() -> None:
    assert "7.00 kW export" in str(said([CONTRACT], [(-7.0, 20)])[-1])
    assert "26.0 A on one phase" in str(said([CONTRACT], [(1.0, 20)], amperes=-26.0)[-1])


def test_a_limit_on_the_mean_forgives_a_peak_that_the_mean_carries() -> None:
    assert set(said([QUARTER_HOUR], [(2.0, 900), (9.0, 200), (2.0, 100)])) == {None}
    assert said([QUARTER_HOUR], [(2.0, 900), (9.0, 400)])[-1] is not None


def test_without_a_meter_nothing_is_said() -> None:
    watch = LimitWatch()
    for second in range(60):
        assert watch.see([CONTRACT], 9.0 if second < 5 else None, [], float(second)) is None


@given(st.lists(st.tuples(st.floats(-20, 20), st.integers(1, 40)), max_size=12))
def test_inside_all_limits_nothing_is_ever_said(powers: list[tuple[float, int]]) -> None:
    inside = [(min(max(kw, -5.0), 4.0), float(seconds)) for kw, seconds in powers]
    assert set(said([CONTRACT, QUARTER_HOUR], inside)) <= {None}


@stepped
async def test_the_owner_is_told_when_the_house_alone_exceeds_its_contract(clock: Clock, tmp_path: Path) -> None:
    house = House(clock)
    house.add_battery()
    house.load_kw = [4.0, 4.0, 4.0]
    async with running(house, tmp_path / "j", settings(max_import_kw=5.0)) as gateway:
        await clock.sleep(40)
        assert house.grid_kw > 6.0, "the battery gives all it can"
        assert any("5 kW import" in alarm and "is exceeded" in alarm for alarm in gateway.alarms())
        house.load_kw = [2.0, 2.0, 2.0]
        await clock.sleep(20)
        assert gateway.alarms() == []
