"""Contracts with DSO and supplier over HTTP: the least rights they ask for, held against the owner's rules."""

from dataclasses import replace

from heg.data.door import Door
from heg.model.catalogue import CATALOGUE
from heg.model.policy import ANY_SERVICE
from heg.model.refusals import Refusal, RefusalCode, RefusedError
from heg.model.rights import Contract, ContractBook, Demand, PolicyBook, Rule, Scope, conflicts
from heg.runtime.clock import Clock
from heg.web.accounts.roles import Permission
from heg.web.endpoint import Answered, Call, Endpoint, Nothing, Nowhere, Wanted, ordering, reading
from heg.web.house import Home
from heg.web.messages import iso
from heg.web.rights_messages import (
    ContractInfo,
    ContractName,
    Contracts,
    DemandInfo,
    Ending,
    NewContract,
    changed_by,
    conflicts_at,
    contracts_of,
    of_version,
    policies_of,
    stakeholder_of,
)

_LONGEST_CHANGE = 2_000


class NamedContract(Wanted, frozen=True):
    """A contract's name."""

    name: ContractName


class ContractsApi:
    """Handlers of the contracts. They are written through the door of whoever calls, which checks them."""

    def __init__(self, clock: Clock, home: Home) -> None:
        self._clock = clock
        self._home = home

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Return the rows."""
        needs, path = Permission.POLICIES, "/api/v1/contracts"
        return (
            reading(path, needs, "the least rights of DSO and supplier", self._contracts, Contracts, Nowhere),
            ordering(path, needs, "add or replace a contract", self._add, Contracts, Nowhere, NewContract),
            ordering(
                f"{path}/{{name}}/remove", needs, "end a contract", self._remove, Contracts, NamedContract, Ending
            ),
        )

    async def _contracts(self, call: Call[Nowhere, Nothing]) -> Answered:
        return self._told(call.door)

    async def _add(self, call: Call[Nowhere, NewContract]) -> Answered:
        asked = call.body
        contract = Contract(
            asked.name,
            stakeholder_of(asked.stakeholder),
            tuple(
                Demand(Scope(one.variable, one.device, one.part), frozenset(one.rights), one.min_delay_s)
                for one in asked.demands
            ),
            asked.since,
            asked.until,
        )
        by, address = changed_by(call)
        before = of_version(contracts_of(call.door, self._home), asked.version)
        policies = policies_of(call.door, self._home)
        granted = _granting(policies, contract, by, address) if asked.grant else policies
        if granted == policies:
            return self._put(call.door, before.with_contract(contract, by, address, forced=asked.insist))
        unmet = conflicts((contract,), granted.rules, tuple(CATALOGUE))
        if unmet and not asked.insist:
            expected = "rules that do not deny what is granted with the contract"
            raise RefusedError(Refusal(RefusalCode.CONFLICT, expected, str(unmet[0]), "change that rule, or insist"))
        # The contract first: what is wrong with it is found before a rule is written for it.
        agreed = before.with_contract(contract, by, address, forced=True)
        self._put(call.door, agreed)
        receipt = call.door.write("policy", self._home.here, granted)
        if receipt.refusal is not None:
            undone = replace(before, version=agreed.version + 1, by=by, address=address, change="taken back")
            self._put(call.door, undone)
            raise RefusedError(receipt.refusal)
        return self._told(call.door)

    async def _remove(self, call: Call[NamedContract, Ending]) -> Answered:
        before = of_version(contracts_of(call.door, self._home), call.body.version)
        book = before.without(call.wanted.name, *changed_by(call))
        if book is None:
            raise RefusedError(Refusal(RefusalCode.UNKNOWN_VARIABLE, "the name of a contract", call.wanted.name))
        return self._put(call.door, book)

    def _put(self, door: Door, book: ContractBook) -> Contracts:
        receipt = door.write("contract.rights", self._home.here, book)
        if receipt.refusal is not None:
            raise RefusedError(receipt.refusal)
        return self._told(door)

    def _told(self, door: Door) -> Contracts:
        book, now = contracts_of(door, self._home), self._clock.utc()
        return Contracts(
            version=book.version,
            contracts=tuple(
                ContractInfo(
                    name=one.name,
                    stakeholder=str(one.stakeholder),
                    demands=tuple(map(_demand_info, one.demands)),
                    since=None if one.since is None else iso(one.since),
                    until=None if one.until is None else iso(one.until),
                    holds=one.holds(now),
                )
                for one in book.contracts
            ),
            conflicts=conflicts_at(now, book.contracts, policies_of(door, self._home)),
            change=book.change,
            by=book.by,
        )


def _granting(book: PolicyBook, contract: Contract, by: str, address: str) -> PolicyBook:
    """Return the rules with those that a contract needs, as one change; nothing that was granted is taken away."""
    granted = book
    changes = []
    for demand in contract.demands:
        rule = Rule(0, contract.stakeholder, ANY_SERVICE, demand.scope, demand.rights, demand.min_delay_s)
        same = next((one for one in granted.rules if one.key == rule.key), None)
        if same is not None:
            often = min(same.min_delay_s, rule.min_delay_s) if same.rights else rule.min_delay_s
            rule = replace(rule, rights=same.rights | rule.rights, min_delay_s=often)
        if same is None or replace(rule, number=same.number) != same:
            granted = granted.with_rule(rule, by, address)
            changes.append(granted.change)
    if not changes:
        return book
    change = f"for contract {contract.name}: {'; '.join(changes)}"
    return replace(granted, version=book.version + 1, change=change[:_LONGEST_CHANGE])


def _demand_info(demand: Demand) -> DemandInfo:
    return DemandInfo(
        variable=demand.scope.variable,
        device=demand.scope.device,
        part=demand.scope.part,
        rights=tuple(sorted(demand.rights)),
        min_delay_s=demand.min_delay_s,
        text=str(demand),
    )
