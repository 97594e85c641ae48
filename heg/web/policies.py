"""What others may see or order, over HTTP: the owner's standing rules, and what follows from them for one series."""

from typing import TYPE_CHECKING, Annotated

from msgspec import Meta

from heg.data.door import Door
from heg.model.instance import Location
from heg.model.policy import CUSTOMER
from heg.model.refusals import Refusal, RefusalCode, RefusedError
from heg.model.rights import PolicyBook, Rule, Scope, policy_of
from heg.runtime.clock import Clock
from heg.web.accounts.principals import principal_of, standing_rules
from heg.web.accounts.roles import Permission
from heg.web.endpoint import Answered, Call, Endpoint, Nothing, Nowhere, Wanted, ordering, reading
from heg.web.house import Home
from heg.web.messages import iso
from heg.web.rights_messages import (
    GrantInfo,
    NewRule,
    Policies,
    Removal,
    SeriesPolicy,
    changed_by,
    conflicts_at,
    contracts_of,
    of_version,
    policies_of,
    rule_info,
    stakeholder_of,
)
from heg.web.value_messages import PlaceName, VariableName

if TYPE_CHECKING:  # without a login nothing of accounts is loaded
    from heg.web.accounts.desk import AccountsDesk


class OneSeries(Wanted, frozen=True):
    """A series."""

    variable: VariableName
    device: PlaceName = ""
    part: PlaceName = ""


class Numbered(Wanted, frozen=True):
    """A rule's number."""

    number: Annotated[int, Meta(ge=1, description="a rule's number")]


class PoliciesApi:
    """Handlers of the rules. They are written through the door of whoever calls, which checks them."""

    def __init__(self, clock: Clock, home: Home, desk: "AccountsDesk | None") -> None:
        self._clock = clock
        self._home = home
        self._desk = desk

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Return the rows."""
        needs, path = Permission.POLICIES, "/api/v1/policies"
        return (
            reading(path, needs, "what others may see or order", self._policies, Policies, Nowhere),
            reading(f"{path}/series", needs, "who may do what with one series", self._series, SeriesPolicy, OneSeries),
            ordering(path, needs, "add or replace a rule", self._add, Policies, Nowhere, NewRule),
            ordering(f"{path}/{{number}}/remove", needs, "remove a rule", self._remove, Policies, Numbered, Removal),
        )

    async def _policies(self, call: Call[Nowhere, Nothing]) -> Answered:
        return self._told(call.door)

    async def _series(self, call: Call[OneSeries, Nothing]) -> Answered:
        wanted = call.wanted
        place = Location(self._home.unit, wanted.device, wanted.part)
        newest = call.door.latest(wanted.variable, place)
        policy = None if newest is None else newest.policy
        if newest is None or (newest.owner == CUSTOMER and not newest.policy.given):
            # By the rules in force: the newest value may be older than their last change.
            policy = policy_of(policies_of(call.door, self._home).rules, wanted.variable, place)
        return SeriesPolicy(
            variable=wanted.variable,
            device=wanted.device,
            part=wanted.part,
            owner=str(CUSTOMER if newest is None else newest.owner),
            given=policy is not None and policy.given,
            grants=tuple(
                GrantInfo(
                    stakeholder=str(one.stakeholder),
                    service=one.service,
                    rights=tuple(sorted(one.rights)),
                    min_delay_s=one.min_delay_s,
                )
                for one in (() if policy is None else policy.grants)
            ),
        )

    async def _add(self, call: Call[Nowhere, NewRule]) -> Answered:
        asked = call.body
        rule = Rule(
            0,
            stakeholder_of(asked.stakeholder),
            asked.service,
            Scope(asked.variable, asked.device, asked.part),
            frozenset(asked.rights),
            asked.min_delay_s,
        )
        before = of_version(policies_of(call.door, self._home), asked.version)
        return self._put(call.door, before.with_rule(rule, *changed_by(call), forced=asked.insist))

    async def _remove(self, call: Call[Numbered, Removal]) -> Answered:
        before = of_version(policies_of(call.door, self._home), call.body.version)
        book = before.without(call.wanted.number, *changed_by(call), forced=call.body.insist)
        if book is None:
            came = str(call.wanted.number)
            raise RefusedError(Refusal(RefusalCode.UNKNOWN_VARIABLE, "the number of a rule in force", came))
        return self._put(call.door, book)

    def _put(self, door: Door, book: PolicyBook) -> Policies:
        receipt = door.write("policy", self._home.here, book)
        if receipt.refusal is not None:
            raise RefusedError(receipt.refusal)
        return self._told(door)

    def _told(self, door: Door) -> Policies:
        newest = door.latest("policy", self._home.here)
        book = policies_of(door, self._home)
        return Policies(
            version=book.version,
            rules=tuple(map(rule_info, book.rules)),
            of_roles=tuple(map(rule_info, self._of_roles())),
            conflicts=conflicts_at(self._clock.utc(), contracts_of(door, self._home).contracts, book),
            change=book.change,
            by=book.by,
            changed_utc=None if newest is None else iso(newest.time),
        )

    def _of_roles(self) -> tuple[Rule, ...]:
        accounts = () if self._desk is None else tuple(self._desk.standing().accounts.values())
        return tuple(rule for account in accounts for rule in standing_rules(principal_of(account)))
