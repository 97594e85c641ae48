"""Shedding: who goes and who comes back, in a small house of which the meter is asked each second."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from heg.model.appliances import Importance
from heg.model.shedding import ALWAYS_ROOM, ShedBook, Sheddable, SheddingRules, decide, reachable_kw

OPTIONAL, FLEXIBLE, MUST_RUN = Importance.OPTIONAL, Importance.FLEXIBLE, Importance.MUST_RUN
LONG_AGO = -1e6
RULES = SheddingRules()
FUSE = SheddingRules(reaches=MUST_RUN, urgent=True)
"""Wires in danger."""


def one(name: str, importance: Importance = FLEXIBLE, kw: float = 1.0, *, on: bool = True) -> Sheddable:
    return Sheddable(name, importance, on, LONG_AGO, kw, min_on_s=300.0, min_off_s=300.0, settle_s=20.0)


@dataclass
class House:
    """Appliances that follow what they are told after a while, and a meter that shows all they draw."""

    appliances: dict[str, Sheddable]
    rules: SheddingRules = RULES
    limit_kw: float = math.inf
    base_kw: float = 0.0
    lag_s: float = 3.0
    now_s: float = 0.0
    book: ShedBook = field(default_factory=ShedBook)
    told: list[tuple[float, str, bool]] = field(default_factory=list)
    coming: list[tuple[float, str, bool]] = field(default_factory=list)
    missing_kw: float = 0.0

    @classmethod
    def of(cls, *appliances: Sheddable, rules: SheddingRules = RULES, limit_kw: float = math.inf) -> House:
        return cls({each.name: each for each in appliances}, rules, limit_kw)

    @property
    def grid_kw(self) -> float:
        return self.base_kw + math.fsum(each.kw for each in self.appliances.values() if each.on)

    @property
    def on(self) -> set[str]:
        return {each.name for each in self.appliances.values() if each.on}

    def step(self) -> None:
        for due in [due for due in self.coming if due[0] <= self.now_s]:
            self.coming.remove(due)
            if self.appliances[due[1]].on is not due[2]:
                self.appliances[due[1]] = replace(self.appliances[due[1]], on=due[2], since_s=self.now_s)
        over_kw = -ALWAYS_ROOM if math.isinf(self.limit_kw) else self.grid_kw - self.limit_kw
        decision = decide(self.appliances.values(), over_kw, self.now_s, self.book, self.rules)
        self.book, self.missing_kw = decision.book, decision.missing_kw
        for name, on in (*((name, False) for name in decision.shed), *((name, True) for name in decision.back)):
            self.told.append((self.now_s, name, on))
            self.coming.append((self.now_s + self.lag_s, name, on))
        self.now_s += 1.0

    def run(self, seconds: float) -> House:
        for _ in range(int(seconds)):
            self.step()
        return self


def test_the_least_important_goes_first_and_nobody_in_vain() -> None:
    house = House.of(one("lamp", OPTIONAL, 0.2), one("tank", FLEXIBLE, 2.0), one("sauna", OPTIONAL, 3.0), limit_kw=2.5)
    house.step()
    assert [name for _, name, _ in house.told] == ["sauna"]  # the lamp would not have been enough, nor needed besides
    assert house.run(200).on == {"lamp", "tank"}


def test_must_run_is_not_for_the_utility_and_says_what_is_missing() -> None:
    house = House.of(one("heating", MUST_RUN, 2.0), one("tank", FLEXIBLE, 1.0), limit_kw=1.5)
    assert house.run(30).on == {"heating"}
    assert house.missing_kw == pytest.approx(0.5)


def test_must_run_goes_when_wires_are_in_danger_and_nothing_else_is_left() -> None:
    fresh = replace(one("tank", FLEXIBLE, 1.0), since_s=-10.0)
    house = House.of(one("heating", MUST_RUN, 2.0), fresh, rules=FUSE, limit_kw=2.0)
    assert house.run(10).on == {"heating"}, "a minimum on time gives way before what must run"
    house.limit_kw = 1.0
    assert house.run(10).on == set()


def test_what_was_told_is_given_time_to_show_before_more_is_told() -> None:
    house = House.of(one("a", OPTIONAL), one("b", OPTIONAL), one("c", OPTIONAL), limit_kw=2.5)
    house.lag_s = 15.0
    assert len(house.run(60).told) == 1


def test_whoever_does_not_obey_is_replaced() -> None:
    house = House.of(one("a", OPTIONAL), one("b", OPTIONAL), limit_kw=1.5)
    house.lag_s = 1e6
    assert [name for _, name, _ in house.run(15).told] == ["a"]
    assert [name for _, name, _ in house.run(15).told] == ["a", "b"]


def test_nobody_whose_draw_is_not_known_makes_room_for_others() -> None:
    """It would go in vain, come back, and go again, for ever."""
    house = House.of(one("heating", MUST_RUN, 3.5), one("a", OPTIONAL, 0.0), one("b", FLEXIBLE, 0.0), rules=FUSE)
    house.limit_kw = 3.0
    house.run(4000)
    told = len(house.told)
    assert len(house.run(4000).told) == told


def test_they_come_back_in_order_when_there_is_room_for_a_while() -> None:
    house = House.of(one("lamp", OPTIONAL), one("tank"), one("boiler"), limit_kw=0.5)
    house.run(30)
    assert house.on == set()
    house.limit_kw = 1.1
    assert house.run(600).on == set(), "without margin nobody comes back"
    house.limit_kw = 1.3
    assert house.run(200).on == {"boiler"}  # as important as the tank, and shed in the same moment: by name
    house.limit_kw = 2.3
    assert house.run(200).on == {"boiler", "tank"}
    house.limit_kw = 3.3
    assert house.run(200).on == {"boiler", "tank", "lamp"}


def test_all_come_back_a_few_at_a_time_when_the_bound_is_gone() -> None:
    house = House.of(*(one(f"a{at:03}", kw=0.1) for at in range(160)), limit_kw=0.05).run(400)
    assert house.on == set()
    house.limit_kw, house.told = math.inf, []
    house.run(60)
    assert len(house.on) == 160
    by_second = [len(list(group)) for _, group in itertools.groupby(house.told, key=lambda told: told[0])]
    assert max(by_second) <= RULES.most_back


def test_a_small_one_uses_the_room_that_the_first_in_order_has_not_and_makes_way_for_it() -> None:
    house = House.of(one("lamp", OPTIONAL, 0.5), one("tank", FLEXIBLE, 2.0), limit_kw=0.4).run(400)
    house.limit_kw = 1.0
    assert house.run(400).on == {"lamp"}
    house.limit_kw = 2.25
    assert house.run(600).on == {"tank"}


def test_nobody_makes_way_for_one_that_works_although_it_was_shed() -> None:
    """Somebody pressed its button: what it draws is in what the meter shows already."""
    house = House.of(one("lamp", OPTIONAL, 2.0, on=False), one("tank", FLEXIBLE, 2.0), limit_kw=0.4).run(400)
    for name in ("lamp", "tank"):
        house.appliances[name] = replace(house.appliances[name], on=True, since_s=house.now_s)
    house.limit_kw, house.told = 4.3, []
    house.run(4000)
    assert house.on == {"lamp", "tank"}
    assert [(name, on) for _, name, on in house.told] == [("tank", True)]


def test_turns_go_round_among_equals() -> None:
    house = House.of(one("a"), one("b"), one("c"), limit_kw=2.5)
    out = dict.fromkeys("abc", 0)
    for _ in range(12 * 3600):
        house.step()
        for name in "abc":
            out[name] += name not in house.on
    assert min(out.values()) > 0.75 * max(out.values()), out
    assert len(house.told) < 2 * 12 * 3600 / RULES.turn_s + 10


def test_a_return_that_was_in_vain_waits_longer_each_time() -> None:
    liar = replace(one("liar", OPTIONAL, 1.0), min_on_s=0.0, min_off_s=0.0)
    house = House.of(liar, limit_kw=1.5)
    house.base_kw = 0.3
    back = []
    for _ in range(3 * 3600):
        house.base_kw = 1.0 if "liar" in house.on else 0.2  # draws more than it says
        house.step()
    back = [at for at, _, on in house.told if on]
    gaps = [later - earlier for earlier, later in itertools.pairwise(back)]
    assert gaps == sorted(gaps)
    assert gaps[-1] > 900.0


def test_whoever_is_in_other_hands_is_left_alone_and_its_turn_is_not_forgotten() -> None:
    house = House.of(one("a"), one("b"), limit_kw=1.5).run(10)
    assert house.book.shed == {"a"}
    house.appliances["a"] = replace(house.appliances["a"], permitted=False)
    house.run(5)
    assert house.book.shed == set()
    house.appliances["a"] = replace(house.appliances["a"], permitted=True, on=True, since_s=LONG_AGO)
    assert house.run(3).book.shed == {"b"}, "it had its turn"


def test_what_is_reachable_counts_those_that_may_go() -> None:
    fleet = [one("a", OPTIONAL, 1.0), one("b", MUST_RUN, 2.0), one("c", kw=0.0), one("d", on=False)]
    assert reachable_kw(fleet, ShedBook(), 0.0, RULES) == pytest.approx(1.0 + RULES.unknown_kw)
    assert reachable_kw(fleet, ShedBook(), 0.0, FUSE) == pytest.approx(3.0 + RULES.unknown_kw)


def test_a_run_that_finds_some_shed_goes_on_with_them() -> None:
    house = House.of(one("a", on=False), one("b"), limit_kw=5.0)
    house.book = ShedBook.resumed({"a": -1000.0})
    assert house.run(100).on == {"a", "b"}


# Whatever the house is like.

_APPLIANCE = st.builds(
    Sheddable,
    name=st.just(""),
    importance=st.sampled_from(Importance),
    on=st.booleans(),
    since_s=st.floats(-2000, 0),
    kw=st.sampled_from([0.0, 0.1, 0.5, 1.0, 2.0, 3.5]),
    permitted=st.booleans(),
    min_on_s=st.sampled_from([0.0, 60.0, 600.0]),
    min_off_s=st.sampled_from([60.0, 600.0]),
    settle_s=st.sampled_from([5.0, 90.0]),
)
_FLEET = st.lists(_APPLIANCE, max_size=25).map(
    lambda found: tuple(replace(each, name=f"a{at}") for at, each in enumerate(found))
)
_RULES = st.sampled_from([RULES, FUSE, replace(RULES, reaches=OPTIONAL), replace(RULES, turn_s=300.0)])


@given(_FLEET, st.floats(0.05, 60.0), _RULES)
def test_no_more_important_one_goes_while_lesser_ones_would_do(
    fleet: tuple[Sheddable, ...], over_kw: float, rules: SheddingRules
) -> None:
    decision = decide(fleet, over_kw, 0.0, ShedBook(), rules)
    shed = [each for each in fleet if each.name in decision.shed]
    assert all(each.on and each.permitted for each in shed)
    could = [each for each in fleet if reachable_kw([each], ShedBook(), 0.0, rules) > 0]
    for each in shed:
        assert each in could
        lesser = [other for other in could if _order(other) < _order(each)]
        if each.importance is MUST_RUN:
            lesser = [other for other in could if other.importance is not MUST_RUN]
        if rules.urgent and each.importance is not MUST_RUN:
            lesser = [other for other in lesser if -other.since_s >= other.min_on_s]
        assert reachable_kw(lesser, ShedBook(), 0.0, rules) < over_kw
    reached = reachable_kw(shed, ShedBook(), 0.0, rules)
    assert decision.missing_kw == pytest.approx(max(0.0, over_kw - reached))
    if decision.missing_kw > rules.tolerance_kw:
        assert len(shed) == len(could), "something is missing only when everybody went"
    for each in shed:
        rest = reachable_kw([other for other in shed if other is not each], ShedBook(), 0.0, rules)
        assert rest < over_kw - rules.tolerance_kw, "nobody goes in vain"


@given(_FLEET, st.floats(0.0, 12.0), st.lists(st.floats(0.0, 3000.0), min_size=25, max_size=25))
def test_they_come_back_the_most_important_first_and_never_more_than_there_is_room_for(
    fleet: tuple[Sheddable, ...], room_kw: float, shed_for_s: list[float]
) -> None:
    shed = {each.name: -for_s for each, for_s in zip(fleet, shed_for_s, strict=False) if each.permitted and not each.on}
    book = replace(ShedBook.resumed(shed), room_since_s=-1e4, told_s=-1e4)
    decision = decide(fleet, -room_kw, 0.0, book, RULES)
    assert set(decision.back) <= shed.keys()
    could = [each for each in fleet if each.name in shed and each.min_off_s <= -max(each.since_s, shed[each.name])]
    left_kw = room_kw - RULES.margin_kw
    came = 0
    for each in sorted(could, key=lambda each: (-_order(each), shed[each.name], each.name)):
        fits = came < RULES.most_back and _draws_kw(each) <= left_kw
        assert (each.name in decision.back) is fits, each
        if fits:
            came, left_kw = came + 1, left_kw - _draws_kw(each)
    assert len(decision.back) == came


@settings(max_examples=60, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(
    st.lists(_APPLIANCE, min_size=1, max_size=8).map(
        lambda found: [replace(each, name=f"a{at}", kw=max(each.kw, 0.1)) for at, each in enumerate(found)]
    ),
    st.floats(0.0, 12.0),
    st.floats(0.0, 3.0),
    st.sampled_from([1.0, 30.0, 200.0]),
    _RULES,
)
def test_no_more_is_drawn_than_asked_once_all_had_their_time_or_all_have_gone_that_may(
    fleet: list[Sheddable], limit_kw: float, base_kw: float, lag_s: float, rules: SheddingRules
) -> None:
    house = House.of(*(replace(each, settle_s=lag_s + 5.0) for each in fleet), rules=replace(rules, turn_s=math.inf))
    house.limit_kw, house.base_kw, house.lag_s = limit_kw, base_kw, lag_s
    house.run(4000)
    for _ in range(600):
        house.step()
        left = reachable_kw(house.appliances.values(), house.book, house.now_s, rules)
        assert house.grid_kw <= limit_kw + rules.tolerance_kw or left == 0.0, house.on


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 8), st.integers(1, 25), st.integers(1, 3))
def test_among_equals_nobody_goes_twice_before_everybody_went_once(size: int, episodes: int, many: int) -> None:
    many = min(many, size - 1)
    house = House.of(*(replace(one(f"a{at}"), min_on_s=60.0, min_off_s=60.0) for at in range(size)))
    for _ in range(episodes):
        house.limit_kw = size - many + 0.5 - 0.1
        house.run(30)
        house.limit_kw = math.inf
        house.run(200)
        assert len(house.on) == size
    went = [sum(name == f"a{at}" and not on for _, name, on in house.told) for at in range(size)]
    assert sum(went) == episodes * many
    assert max(went) - min(went) <= 1


def _draws_kw(each: Sheddable) -> float:
    return each.kw or RULES.unknown_kw


def _order(each: Sheddable) -> int:
    return [OPTIONAL, FLEXIBLE, MUST_RUN].index(each.importance)


@settings(max_examples=40, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(
    st.lists(_APPLIANCE, min_size=1, max_size=8).map(
        lambda found: [replace(each, name=f"a{at}", permitted=True) for at, each in enumerate(found)]
    ),
    st.lists(st.tuples(st.floats(-3, 8), st.integers(1, 900)), min_size=1, max_size=8),
    st.lists(st.floats(0, 3), min_size=1, max_size=8),
    st.sampled_from([1.0, 30.0, 200.0]),
    _RULES,
)
def test_times_are_kept_it_does_not_flap_and_all_come_back(
    fleet: list[Sheddable],
    limits: list[tuple[float, int]],
    bases: list[float],
    lag_s: float,
    rules: SheddingRules,
) -> None:
    house = House.of(*(replace(each, settle_s=lag_s + 5.0) for each in fleet), rules=rules)
    house.lag_s = lag_s
    were_on = house.on
    for (limit_kw, seconds), base_kw in zip(limits, itertools.cycle(bases)):
        house.limit_kw, house.base_kw = limit_kw, base_kw
        house.run(seconds)
    for name, each in house.appliances.items():
        mine = [(at, on) for at, other, on in house.told if other == name]
        assert [on for _, on in mine] == [at % 2 == 1 for at in range(len(mine))], "off and on by turns"
        for (earlier, was), (later, _) in itertools.pairwise(mine):
            assert later - earlier >= (0.0 if was and rules.urgent else each.min_on_s if was else each.min_off_s)
    # A bound that stays, with a load that stays: sooner or later nobody is told anything any more.
    house.rules = replace(rules, turn_s=math.inf)
    house.run(4000)
    before = len(house.told)
    house.run(2500)
    assert len(house.told) == before
    house.limit_kw = math.inf
    assert house.run(600 + lag_s + 200).on >= were_on
    assert not house.book.shed
