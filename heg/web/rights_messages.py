"""Rules, contracts and conflicts as messages, and what their endpoints share."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any, TypeVar

from msgspec import Meta

from heg.data.door import Door
from heg.model.catalogue import CATALOGUE
from heg.model.instance import ANY
from heg.model.policy import ANY_SERVICE, Right, Stakeholder
from heg.model.policy import Role as StakeholderRole
from heg.model.refusals import Refusal, RefusalCode, RefusedError
from heg.model.rights import Conflict, Contract, ContractBook, PolicyBook, Rule, conflicts
from heg.web.endpoint import Asked, Call
from heg.web.house import Home
from heg.web.messages import Message
from heg.web.spans import Moment
from heg.web.value_messages import PlaceName

_LOCAL = "this machine"
_MOST_DEMANDS = 32
_STAKEHOLDER = "a stakeholder with a name, such as dso:north"
StakeholderName = Annotated[str, Meta(max_length=64, description=_STAKEHOLDER)]
ContractName = Annotated[str, Meta(max_length=32, description="a name such as grid-2026")]
Pattern = Annotated[str, Meta(max_length=64, description="a variable, a family such as power.*, or *")]
Delay = Annotated[float, Meta(ge=0, description="seconds, 0 to 366 days")]
Rights = Annotated[tuple[Right, ...], Meta(max_length=2, description="read, write, both, or none to deny")]
Insist = Annotated[bool, Meta(description="true: even against a contract")]
Version = Annotated[int, Meta(ge=0, description="the version that is changed; without it, whichever is in force")]


class RuleInfo(Message, frozen=True):
    """A rule, with a sentence that says it. `device` "" is the unit itself; `number` below 0: it comes with a role."""

    number: int
    stakeholder: str
    service: str
    variable: str
    device: str
    part: str
    rights: tuple[Right, ...]
    min_delay_s: float
    text: str


class ConflictInfo(Message, frozen=True):
    """What a contract asks for and the rules do not grant; `rule` stands in its way, null where none speaks of it."""

    contract: str
    stakeholder: str
    demand: str
    rule: int | None
    text: str


class Policies(Message, frozen=True):
    """The owner's rules in force, those that come with roles, and the contracts they do not meet.

    `change` and `by` tell the last change.
    """

    version: int
    rules: tuple[RuleInfo, ...]
    of_roles: tuple[RuleInfo, ...]
    conflicts: tuple[ConflictInfo, ...]
    change: str
    by: str
    changed_utc: str | None


class GrantInfo(Message, frozen=True):
    """What a stakeholder's service may do with a series."""

    stakeholder: str
    service: str
    rights: tuple[Right, ...]
    min_delay_s: float


class SeriesPolicy(Message, frozen=True):
    """Who else may do what with a series; `given`: said with its value, not by rules."""

    variable: str
    device: str
    part: str
    owner: str
    given: bool
    grants: tuple[GrantInfo, ...]


class NewRule(Asked, frozen=True):
    """A rule; one of the same stakeholder, service and scope is replaced."""

    stakeholder: StakeholderName
    service: Annotated[str, Meta(max_length=64, description="a service's name, or * for any")] = ANY_SERVICE
    variable: Pattern = ANY
    device: PlaceName = ANY
    part: PlaceName = ANY
    rights: Rights = (Right.READ,)
    min_delay_s: Delay = 0.0
    insist: Insist = False
    version: Version | None = None


class Removal(Asked, frozen=True):
    """That a rule is to go."""

    insist: Insist = False
    version: Version | None = None


class DemandInfo(Message, frozen=True):
    """What a contract asks for within a scope, with a sentence that says it."""

    variable: str
    device: str
    part: str
    rights: tuple[Right, ...]
    min_delay_s: float
    text: str


class ContractInfo(Message, frozen=True):
    """A contract; `holds` tells whether it does now."""

    name: str
    stakeholder: str
    demands: tuple[DemandInfo, ...]
    since: str | None
    until: str | None
    holds: bool


class Contracts(Message, frozen=True):
    """All contracts, and what of those that hold the rules do not meet. `change` and `by` tell the last change."""

    version: int
    contracts: tuple[ContractInfo, ...]
    conflicts: tuple[ConflictInfo, ...]
    change: str
    by: str


class NewDemand(Asked, frozen=True):
    """What a contract asks for: at least these rights, at least this often."""

    variable: Pattern
    device: PlaceName = ANY
    part: PlaceName = ANY
    rights: Rights = (Right.READ,)
    min_delay_s: Delay = 0.0


class NewContract(Asked, frozen=True):
    """A contract; one of the same name is replaced. `grant`: add the rules it needs with it, as far as none denies."""

    name: ContractName
    stakeholder: StakeholderName
    demands: Annotated[tuple[NewDemand, ...], Meta(min_length=1, max_length=_MOST_DEMANDS)]
    since: Moment | None = None
    until: Moment | None = None
    grant: Annotated[bool, Meta(description="true: add a rule for each of its demands")] = False
    insist: Insist = False
    version: Version | None = None


class Ending(Asked, frozen=True):
    """That a contract is to go."""

    version: Version | None = None


_Book = TypeVar("_Book", PolicyBook, ContractBook)


def rule_info(rule: Rule) -> RuleInfo:
    """Make the message of a rule."""
    return RuleInfo(
        number=rule.number,
        stakeholder=str(rule.stakeholder),
        service=rule.service,
        variable=rule.scope.variable,
        device=rule.scope.device,
        part=rule.scope.part,
        rights=tuple(sorted(rule.rights)),
        min_delay_s=rule.min_delay_s,
        text=str(rule),
    )


def policies_of(door: Door, home: Home) -> PolicyBook:
    """Return the rules in force, as a door shows them."""
    newest = door.latest("policy", home.here)
    return newest.value if newest is not None and isinstance(newest.value, PolicyBook) else PolicyBook()


def contracts_of(door: Door, home: Home) -> ContractBook:
    """Return the contracts, as a door shows them."""
    newest = door.latest("contract.rights", home.here)
    return newest.value if newest is not None and isinstance(newest.value, ContractBook) else ContractBook()


def conflicts_at(now: datetime, contracts: Iterable[Contract], policies: PolicyBook) -> tuple[ConflictInfo, ...]:
    """Return what the rules do not grant of the contracts that hold now."""
    holding = [one for one in contracts if one.holds(now)]
    return tuple(map(_conflict_info, conflicts(holding, policies.rules, tuple(CATALOGUE))))


def stakeholder_of(text: str) -> Stakeholder:
    """Read a stakeholder as it is written, `dso:north`. Raises `RefusedError`; what name is good the door says."""
    role, colon, name = text.partition(":")
    try:
        if colon:
            return Stakeholder(StakeholderRole(role), name)
    except ValueError:
        pass
    raise RefusedError(Refusal(RefusalCode.WRONG_TYPE, _STAKEHOLDER, text[:64]))


def of_version(book: _Book, version: int | None) -> _Book:
    """Return a book if it is the one that is to be changed. Raises `RefusedError`."""
    if version is None or version == book.version:
        return book
    refusal = Refusal(RefusalCode.CONFLICT, f"a change of version {book.version}", f"of {version}", "read it again")
    raise RefusedError(refusal)


def changed_by(call: Call[Any, Any]) -> tuple[str, str]:
    """Return who makes a change, and from where, as the audit log is to say it."""
    return call.name or _LOCAL, call.client.address


def _conflict_info(conflict: Conflict) -> ConflictInfo:
    return ConflictInfo(
        contract=conflict.contract,
        stakeholder=str(conflict.stakeholder),
        demand=str(conflict.demand),
        rule=None if conflict.rule is None else conflict.rule.number,
        text=str(conflict),
    )
