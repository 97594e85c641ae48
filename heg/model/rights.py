"""The owner's standing rules and the contracts they are judged against (spec data-interface.md, Access policy).

A rule says what one stakeholder may do with a scope of variables and places. Where several rules speak of the same
stakeholder the narrowest decides, so that a rule without rights takes a part out of a wider one. Pure.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from heg.model.instance import ANY, Location
from heg.model.policy import ANY_SERVICE, OWNER_ONLY, Grant, Policy, Right, Stakeholder, most_generous

_FAMILY = ".*"
_NEVER_A_NAME = "\0"
"""Stands for every device, part and service that no rule names."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Variables (`power.active`, the family `power.*`, or `*`) at places: device and part, or `*` for any.

    An empty device is the unit itself, an empty part the device as a whole.
    """

    variable: str = ANY
    device: str = ANY
    part: str = ANY

    def covers(self, variable: str, location: Location) -> bool:
        """Tell whether a series lies in this scope."""
        return self.names(variable) and self.device in (ANY, location.device) and self.part in (ANY, location.part)

    def names(self, variable: str) -> bool:
        """Tell whether a variable lies in this scope."""
        pattern = self.variable
        if pattern.endswith(_FAMILY):
            return variable.startswith(pattern[: -len(ANY)])
        return pattern in (ANY, variable)

    @property
    def exact(self) -> bool:
        """True for a single series."""
        return ANY not in (self.variable[-1:], self.device, self.part)

    @property
    def narrowness(self) -> tuple[int, bool, bool]:
        """How narrow it is: by variable first, then by device, then by part."""
        if self.variable == ANY:
            named = 0
        elif self.variable.endswith(_FAMILY):
            named = len(self.variable) - len(ANY)
        else:
            named = 1_000
        return named, self.device != ANY, self.part != ANY

    def __str__(self) -> str:
        return f"{self.variable} at {self.device or 'the unit'}" + (f"/{self.part}" if self.part else "")


EVERYTHING = Scope()


@dataclass(frozen=True, slots=True)
class Rule:
    """One standing rule of the owner. Without rights it denies; `number` is its name for as long as it stands."""

    number: int
    stakeholder: Stakeholder
    service: str = ANY_SERVICE
    scope: Scope = EVERYTHING
    rights: frozenset[Right] = frozenset({Right.READ})
    min_delay_s: float = 0.0

    @property
    def says(self) -> Grant:
        """The rule as a grant within its scope."""
        return Grant(self.stakeholder, self.service, self.rights, self.min_delay_s)

    @property
    def key(self) -> tuple[Stakeholder, str, Scope]:
        """Of whom and what it speaks: a second rule of the same replaces it."""
        return self.stakeholder, self.service, self.scope

    @property
    def weight(self) -> tuple[tuple[int, bool, bool], bool]:
        """Among rules that speak of the same access the heaviest decides."""
        return self.scope.narrowness, self.service != ANY_SERVICE

    def __str__(self) -> str:
        may = f"may {' and '.join(sorted(self.rights))}" if self.rights else "may not touch"
        often = f", every {self.min_delay_s:g} s at most" if self.rights and self.min_delay_s > 0 else ""
        return f"{self.stakeholder}/{self.service} {may} {self.scope}{often}"


@dataclass(frozen=True, slots=True)
class PolicyBook:
    """Variable `policy` at the unit: all standing rules, whole with each change, who made it and what it was.

    `forced`: the owner knows that it goes against a contract and wants it nevertheless.
    """

    version: int = 0
    rules: tuple[Rule, ...] = ()
    by: str = ""
    address: str = ""
    change: str = ""
    forced: bool = False
    last_number: int = 0

    def with_rule(self, rule: Rule, by: str, address: str = "", *, forced: bool = False) -> "PolicyBook":
        """Return the next version with a rule more, or in place of the one that spoke of the same."""
        same = next((one for one in self.rules if one.key == rule.key), None)
        number = self.last_number + 1 if same is None else same.number
        numbered = replace(rule, number=number)
        left = tuple(one for one in self.rules if one is not same)
        change = f"rule {number}: {numbered}" + ("" if same is None else f"; before: {same}")
        last = max(self.last_number, number)
        return PolicyBook(self.version + 1, (*left, numbered), by, address, change, forced, last)

    def without(self, number: int, by: str, address: str = "", *, forced: bool = False) -> "PolicyBook | None":
        """Return the next version without a rule; None where there is none of this number."""
        gone = next((one for one in self.rules if one.number == number), None)
        if gone is None:
            return None
        left = tuple(one for one in self.rules if one is not gone)
        change = f"rule {number} removed: {gone}"
        return PolicyBook(self.version + 1, left, by, address, change, forced, self.last_number)


@dataclass(frozen=True, slots=True)
class Demand:
    """What a contract asks for: these rights within a scope, at least every `min_delay_s` seconds."""

    scope: Scope
    rights: frozenset[Right] = frozenset({Right.READ})
    min_delay_s: float = 0.0

    def __str__(self) -> str:
        often = f" every {self.min_delay_s:g} s" if self.min_delay_s > 0 else ""
        return f"{' and '.join(sorted(self.rights))} {self.scope}{often}"


@dataclass(frozen=True, slots=True)
class Contract:
    """The minimum rights of a stakeholder, by name; `since` and `until` bound when it holds."""

    name: str
    stakeholder: Stakeholder
    demands: tuple[Demand, ...]
    since: datetime | None = None
    until: datetime | None = None

    def holds(self, now: datetime) -> bool:
        """Tell whether it holds now."""
        return (self.since is None or self.since <= now) and not self.over(now)

    def over(self, now: datetime) -> bool:
        """Tell whether it has ended."""
        return self.until is not None and self.until <= now


@dataclass(frozen=True, slots=True)
class ContractBook:
    """Variable `contract.rights` at the unit: all contracts, whole with each change, who made it and what it was."""

    version: int = 0
    contracts: tuple[Contract, ...] = ()
    by: str = ""
    address: str = ""
    change: str = ""
    forced: bool = False

    def with_contract(self, contract: Contract, by: str, address: str = "", *, forced: bool = False) -> "ContractBook":
        """Return the next version with a contract more, or in place of the one of its name."""
        left = tuple(one for one in self.contracts if one.name != contract.name)
        asks = "; ".join(map(str, contract.demands))
        change = f"contract {contract.name}: {contract.stakeholder} must be able to {asks}"
        return ContractBook(self.version + 1, (*left, contract), by, address, change, forced)

    def without(self, name: str, by: str, address: str = "") -> "ContractBook | None":
        """Return the next version without a contract; None where there is none of this name."""
        left = tuple(one for one in self.contracts if one.name != name)
        if len(left) == len(self.contracts):
            return None
        return ContractBook(self.version + 1, left, by, address, f"contract {name} removed")


@dataclass(frozen=True, slots=True)
class Conflict:
    """A contract's demand that the rules do not meet, and the rule that stands in its way (None: nothing is said)."""

    contract: str
    stakeholder: Stakeholder
    demand: Demand
    rule: Rule | None

    def __str__(self) -> str:
        why = "no rule grants it" if self.rule is None else f"rule {self.rule.number} says: {self.rule}"
        return f"contract {self.contract}: {self.stakeholder} must be able to {self.demand}, but {why}"


def policy_of(rules: Iterable[Rule], variable: str, location: Location) -> Policy:
    """Return the policy that standing rules put in force for a series."""
    speaking = [rule for rule in rules if rule.scope.covers(variable, location)]
    if not speaking:
        return OWNER_ONLY
    named = dict.fromkeys((rule.stakeholder, rule.service) for rule in speaking)
    deciding = (_deciding(speaking, stakeholder, service) for stakeholder, service in named)
    grants = tuple(
        Grant(rule.stakeholder, service, rule.rights, rule.min_delay_s)
        for (_, service), rule in zip(named, deciding, strict=True)
        if rule is not None
    )
    return Policy(grants)


def conflicts(contracts: Iterable[Contract], rules: Sequence[Rule], variables: Sequence[str]) -> tuple[Conflict, ...]:
    """Return which demands of contracts the rules do not meet, over the variables of a catalogue; each at most once."""
    found = []
    for contract in contracts:
        cuts = _cuts([one for one in rules if one.stakeholder == contract.stakeholder], variables)
        for demand in contract.demands:
            unmet = _unmet(cuts, demand)
            if unmet is not None:
                found.append(Conflict(contract.name, contract.stakeholder, demand, unmet.rule))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Unmet:
    rule: Rule | None


def _cuts(rules: Iterable[Rule], variables: Iterable[str]) -> Sequence[tuple[Sequence[Rule], Sequence[str]]]:
    """Return the rules that speak of a variable, heaviest first, with all variables of which the same ones speak."""
    heaviest_first = sorted(rules, key=_weight, reverse=True)
    cuts: dict[tuple[int, ...], tuple[list[Rule], list[str]]] = {}
    for variable in variables:
        speaking = [rule for rule in heaviest_first if rule.scope.names(variable)]
        cuts.setdefault(tuple(rule.number for rule in speaking), (speaking, []))[1].append(variable)
    return tuple(cuts.values())


def _unmet(cuts: Iterable[tuple[Sequence[Rule], Sequence[str]]], demand: Demand) -> _Unmet | None:
    """Return a rule (None in it: silence) that decides somewhere within a demand and grants less than it asks.

    What decides is constant on the pieces into which the rules' scopes cut the demand's. A rule decides somewhere if
    and only if it decides at a point of the demand that lies in no narrower scope than its own: one such point for each
    rule that grants too little, and one for silence, are enough to try.
    """
    for speaking, variables in cuts:
        if (variable := next(filter(demand.scope.names, variables), None)) is None:
            continue
        for rule, scope, service in _suspects(speaking, demand):
            if _decider(speaking, variable, _point(demand.scope, scope), service) is rule:
                return _Unmet(rule)
    return None


def _suspects(rules: Iterable[Rule], demand: Demand) -> Iterator[tuple[Rule | None, Scope, str]]:
    yield None, EVERYTHING, _NEVER_A_NAME
    for rule in rules:
        scope = rule.scope
        overlaps = _meet(scope.device, demand.scope.device) and _meet(scope.part, demand.scope.part)
        if overlaps and not _meets(rule, demand):
            yield rule, scope, _NEVER_A_NAME if rule.service == ANY_SERVICE else rule.service


def _decider(heaviest_first: Iterable[Rule], variable: str, place: Location, service: str) -> Rule | None:
    for rule in heaviest_first:
        if rule.service in (service, ANY_SERVICE) and rule.scope.covers(variable, place):
            return rule
    return None


def _point(one: Scope, other: Scope) -> Location:
    def named(first: str, second: str) -> str:
        found = first if first != ANY else second
        return _NEVER_A_NAME if found == ANY else found

    return Location(_NEVER_A_NAME, named(one.device, other.device), named(one.part, other.part))


def _meet(one: str, other: str) -> bool:
    return ANY in (one, other) or one == other


def _deciding(rules: Iterable[Rule], stakeholder: Stakeholder, service: str) -> Rule | None:
    mine = (rule for rule in rules if rule.stakeholder == stakeholder and rule.service in (service, ANY_SERVICE))
    return max(mine, key=_weight, default=None)


def _weight(rule: Rule) -> tuple[tuple[int, bool, bool], bool]:
    return rule.weight


def _meets(rule: Rule, demand: Demand) -> bool:
    for right in demand.rights:
        grant = most_generous((rule.says,), right)
        if grant is None or grant.min_delay_s > demand.min_delay_s:
            return False
    return True
