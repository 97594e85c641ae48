"""Data access control: who may do what with which series (spec data-interface.md, Access policy).

The owner needs no grant; anybody else needs one in the policy in force, and keeps its minimum delay between accesses.
Anything not granted is denied, and the requester is told so.
"""

from dataclasses import dataclass

from heg.model.instance import Location
from heg.model.policy import CUSTOMER, Grant, Policy, Right, Role, Stakeholder, most_generous
from heg.model.refusals import Refusal, RefusalCode
from heg.model.rights import Rule, policy_of

OWNERS_ALONE = frozenset({"policy", "contract.rights", "erasure", "command.erase"})
"""Nobody but their owner writes these, whatever was granted: who could, would grant the rest to himself."""

_BRINGS: dict[Role, tuple[str, ...]] = {
    Role.CUSTOMER: ("",),
    Role.DSO: ("limit.", "profile.", "price.", "setpoint."),
    Role.SUPPLIER: ("price.", "profile.", "co2."),
    Role.AGGREGATOR: ("price.", "profile."),
    Role.SERVICE_PROVIDER: ("profile.",),
    Role.DATA_PROVIDER: ("weather.", "price.", "profile.", "co2."),
}
"""Which variables a stakeholder may bring as their owner: its prices, signals, forecasts, never the house's data."""


class Principal:
    """Who asks: one object per admitted service, compared by identity, so that nobody can make an equal one.

    `standing` are rules that hold for the customer's series as long as the owner's own rules do not speak of this
    service: what comes with a role that the owner gave.
    """

    __slots__ = ("service", "stakeholder", "standing")

    def __init__(self, stakeholder: Stakeholder, service: str, standing: tuple[Rule, ...] = ()) -> None:
        self.stakeholder = stakeholder
        self.service = service
        self.standing = standing

    def __str__(self) -> str:
        return f"{self.stakeholder}/{self.service}"


@dataclass(frozen=True, slots=True)
class Access:
    """What access control must know of a series: whose it is, and the policy in force.

    `written` is False for a series nobody has written yet.
    """

    variable: str
    location: Location
    owner: Stakeholder
    policy: Policy
    written: bool = True


class AccessControl:
    """Checks policy, then time since the last access, for every call.

    Delays are counted in memory: after a restart each service may look at each series once more, no more than that.
    """

    def __init__(self) -> None:
        self._last: dict[tuple[Stakeholder, str, str, Location | None, Right], float] = {}

    def refusal(self, who: Principal, access: Access, right: Right, now_s: float) -> Refusal | None:
        """Return why this access is denied; None when it is granted (and then counts as the last access)."""
        if who.stakeholder == access.owner:
            return None
        grant = _grant(who, access, right)
        if grant is None:
            return _not_granted(who, access.variable, right)
        return self._too_soon(who, access, right, grant, now_s)

    def min_delay_s(self, who: Principal, access: Access, right: Right) -> float | None:
        """Return the delay a principal must keep on this series, 0 for the owner, None when it has no access."""
        if who.stakeholder == access.owner:
            return 0.0
        grant = _grant(who, access, right)
        return None if grant is None else grant.min_delay_s

    def _too_soon(self, who: Principal, access: Access, right: Right, grant: Grant, now_s: float) -> Refusal | None:
        if grant.min_delay_s <= 0:
            return None
        # All places nobody has written share one delay: made-up places must not fill the memory.
        # By name: a service that is admitted anew has had its look already. A series that has just begun, perhaps by
        # the access before, is counted with those that had not.
        nowhere = (who.stakeholder, who.service, access.variable, None, right)
        key = (*nowhere[:3], access.location, right) if access.written else nowhere
        last_s = self._last.get(key, self._last.get(nowhere))
        if last_s is not None and now_s - last_s < grant.min_delay_s:
            wait_s = grant.min_delay_s - (now_s - last_s)
            return Refusal(
                RefusalCode.TOO_SOON,
                f"{grant.min_delay_s:g} s between accesses to {access.variable}",
                f"{now_s - last_s:.1f} s",
                f"ask again in {wait_s:.1f} s",
            )
        self._last[key] = now_s
        return None


def may_bring(stakeholder: Stakeholder, variable: str) -> bool:
    """Tell whether a stakeholder may start a series of this variable as its owner."""
    return variable.startswith(_BRINGS[stakeholder.role])


def owner_of_new(stakeholder: Stakeholder, variable: str) -> Stakeholder:
    """Return whose a series nobody has written yet becomes: the writer's if it may bring it, else the customer's."""
    return stakeholder if may_bring(stakeholder, variable) else CUSTOMER


def _grant(who: Principal, access: Access, right: Right) -> Grant | None:
    if right is Right.WRITE and access.variable in OWNERS_ALONE:
        return None
    said = access.policy.naming(who.stakeholder, who.service)
    if not said and who.standing and access.owner == CUSTOMER and not access.policy.given:
        said = policy_of(who.standing, access.variable, access.location).naming(who.stakeholder, who.service)
    return most_generous(said, right)


def _not_granted(who: Principal, variable: str, right: Right) -> Refusal:
    return Refusal(
        RefusalCode.NOT_GRANTED,
        f"a grant to {right} {variable}",
        f"{who} without one",
        "the owner grants it in the policy",
    )
