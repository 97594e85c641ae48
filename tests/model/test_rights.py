"""Standing rules and contracts: the narrowest rule decides, and a contract that is not met is found."""

from datetime import UTC, datetime
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heg.model.instance import Location
from heg.model.policy import CUSTOMER, OWNER_ONLY, Policy, Right, Role, Stakeholder, most_generous
from heg.model.rights import Contract, ContractBook, Demand, PolicyBook, Rule, Scope, conflicts, policy_of

NORTH = Stakeholder(Role.DSO, "north")
VOLT = Stakeholder(Role.SUPPLIER, "volt")
READ, WRITE = frozenset({Right.READ}), frozenset({Right.WRITE})
METER, BATTERY = Location("home", "meter"), Location("home", "battery")
VARIABLES = ("power.active", "power.reactive", "soc")
DEVICES, PARTS = ("", "meter", "battery", "nobody-names-it"), ("", "phase.a", "nor-it")


def reads(
    rules: tuple[Rule, ...], variable: str, place: Location, who: Stakeholder = NORTH, service: str = "x"
) -> bool:
    return policy_of(rules, variable, place).grant_for(who, service, Right.READ) is not None


def test_the_narrowest_rule_decides() -> None:
    rules = (
        Rule(1, NORTH),
        Rule(2, NORTH, scope=Scope("power.*"), rights=frozenset()),
        Rule(3, NORTH, scope=Scope("power.active", "meter"), min_delay_s=900.0),
        Rule(4, NORTH, "billing", Scope("power.active", "meter"), frozenset()),
    )
    assert reads(rules, "soc", BATTERY)
    assert not reads(rules, "power.reactive", METER)
    assert not reads(rules, "power.active", BATTERY)
    assert reads(rules, "power.active", METER)
    assert not reads(rules, "power.active", METER, service="billing")
    assert not reads(rules, "soc", BATTERY, VOLT)
    found = policy_of(rules, "power.active", METER).grant_for(NORTH, "x", Right.READ)
    assert found is not None
    assert found.min_delay_s == 900.0
    assert policy_of((), "soc", BATTERY) is OWNER_ONLY


def test_a_book_tells_each_change_in_words() -> None:
    book = PolicyBook().with_rule(Rule(0, NORTH, scope=Scope("power.active", "meter", ""), min_delay_s=900.0), "anna")
    assert (book.version, book.by) == (1, "anna")
    assert book.change == "rule 1: dso:north/* may read power.active at meter, every 900 s at most"
    again = book.with_rule(Rule(0, NORTH, scope=Scope("power.active", "meter", ""), min_delay_s=60.0), "bert")
    assert (again.version, [rule.number for rule in again.rules]) == (2, [1])
    assert again.change.endswith("before: dso:north/* may read power.active at meter, every 900 s at most")
    assert again.without(7, "anna") is None
    gone = again.without(1, "anna")
    assert gone is not None
    assert (gone.rules, gone.last_number) == ((), 1)
    assert [rule.number for rule in gone.with_rule(Rule(0, VOLT), "anna").rules] == [2]


def test_a_contract_that_nothing_grants_and_one_that_a_rule_takes_apart() -> None:
    contract = Contract("grid", NORTH, (Demand(Scope("power.active", "meter"), READ, 900.0),))
    assert [str(one) for one in conflicts((contract,), (), VARIABLES)] == [
        "contract grid: dso:north must be able to read power.active at meter/* every 900 s, but no rule grants it"
    ]
    grants = Rule(1, NORTH, scope=Scope("power.*"), min_delay_s=60.0)
    assert conflicts((contract,), (grants,), VARIABLES) == ()
    slow = Rule(2, NORTH, scope=Scope("power.active", "meter", "phase.a"), min_delay_s=3600.0)
    (found,) = conflicts((contract,), (grants, slow), VARIABLES)
    assert found.rule == slow
    service = Rule(3, NORTH, "billing", Scope("power.active"), frozenset())
    (found,) = conflicts((contract,), (grants, service), VARIABLES)
    assert found.rule == service
    covered = Rule(4, NORTH, scope=Scope("power.*"), rights=frozenset())
    assert conflicts((contract,), (Rule(1, NORTH, scope=Scope("power.active")), covered), VARIABLES) == ()


@pytest.mark.parametrize(("now", "holds"), [(0, False), (5, True), (10, False)])
def test_a_contract_holds_from_since_until_until(now: int, holds: bool) -> None:
    times = [datetime(2026, 1, 1, hour, tzinfo=UTC) for hour in range(11)]
    assert Contract("c", NORTH, (), times[5], times[10]).holds(times[now]) is holds


def test_a_contract_replaces_the_one_of_its_name() -> None:
    book = ContractBook().with_contract(Contract("grid", NORTH, (Demand(Scope("soc")),)), "anna")
    book = book.with_contract(Contract("grid", VOLT, (Demand(Scope("soc")),)), "anna")
    assert [one.stakeholder for one in book.contracts] == [VOLT]
    assert book.without("other", "anna") is None
    assert book.change == "contract grid: supplier:volt must be able to read soc at */*"


scopes = st.builds(
    Scope,
    st.sampled_from(["*", "power.*", "power.active", "soc"]),
    st.sampled_from(["*", "", "meter", "battery"]),
    st.sampled_from(["*", "", "phase.a"]),
)
asks = st.sampled_from([READ, WRITE, READ | WRITE])
rights = st.sampled_from([frozenset(), READ, WRITE, READ | WRITE])
delays = st.sampled_from([0.0, 60.0, 900.0])
rules_ = st.lists(
    st.tuples(st.sampled_from(["*", "metering"]), scopes, rights, delays), max_size=6, unique_by=lambda one: one[:2]
).map(
    lambda given: tuple(
        Rule(number, NORTH, service, scope, may, delay_s)
        for number, (service, scope, may, delay_s) in enumerate(given, 1)
    )
)


@given(rules_, scopes, asks, delays)
def test_a_demand_is_met_exactly_where_every_access_it_asks_for_is_granted(
    rules: tuple[Rule, ...], scope: Scope, asked: frozenset[Right], delay_s: float
) -> None:
    demand = Demand(scope, asked, delay_s)

    def granted(policy: Policy, service: str, right: Right) -> bool:
        grant = policy.grant_for(NORTH, service, right)
        return grant is not None and grant.min_delay_s <= delay_s

    met = all(
        granted(policy_of(rules, variable, Location("home", device, part)), service, right)
        for variable, device, part, service, right in product(VARIABLES, DEVICES, PARTS, ("metering", "other"), asked)
        if scope.covers(variable, Location("home", device, part))
    )
    assert (not conflicts((Contract("c", NORTH, (demand,)),), rules, VARIABLES)) == met


@given(rules_, st.sampled_from(VARIABLES), st.sampled_from(DEVICES), st.sampled_from(PARTS))
def test_a_policy_grants_what_the_heaviest_rule_says(
    rules: tuple[Rule, ...], variable: str, device: str, part: str
) -> None:
    place = Location("home", device, part)
    policy = policy_of(rules, variable, place)
    for service, right in product(("metering", "other"), Right):
        speaking = [one for one in rules if one.scope.covers(variable, place) and one.service in (service, "*")]
        heaviest = max(speaking, key=lambda one: one.weight, default=None)
        expected = None if heaviest is None else most_generous((heaviest.says,), right)
        found = policy.grant_for(NORTH, service, right)
        assert (found is None) == (expected is None)
        assert found is None or expected is None or found.min_delay_s == expected.min_delay_s
    assert policy.grant_for(CUSTOMER, "x", Right.READ) is None
