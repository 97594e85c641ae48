"""Data access control: who may do what with which series (spec data-interface.md, Access policy).

The owner needs no grant; anybody else needs one in the policy in force, and keeps its minimum delay between accesses.
Anything not granted is denied, and the requester is told so.
"""

from dataclasses import dataclass

from heg.model.policy import CUSTOMER, Grant, Policy, Right, Role, Stakeholder
from heg.model.refusals import Refusal, RefusalCode

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
    """Who asks: one object per admitted service, compared by identity, so that nobody can make an equal one."""

    __slots__ = ("service", "stakeholder")

    def __init__(self, stakeholder: Stakeholder, service: str) -> None:
        self.stakeholder = stakeholder
        self.service = service

    def __str__(self) -> str:
        return f"{self.stakeholder}/{self.service}"


@dataclass(frozen=True, slots=True)
class Access:
    """What access control must know of a series: whose it is, and the policy in force."""

    variable: str
    owner: Stakeholder
    policy: Policy


class AccessControl:
    """Checks policy, then time since the last access, for every call."""

    def __init__(self) -> None:
        self._last: dict[tuple[Principal, object, Right], float] = {}

    def refusal(self, who: Principal, series: object, access: Access, right: Right, now_s: float) -> Refusal | None:
        """Return why this access is denied; None when it is granted (and then counts as the last access).

        `series` is the key under which the delay is counted.
        """
        if who.stakeholder == access.owner:
            return None
        grant = access.policy.grant_for(who.stakeholder, who.service, right)
        if grant is None:
            return _not_granted(who, access.variable, right)
        return self._too_soon(who, series, access.variable, right, grant, now_s)

    def min_delay_s(self, who: Principal, access: Access, right: Right) -> float | None:
        """Return the delay a principal must keep on this series, 0 for the owner, None when it has no access."""
        if who.stakeholder == access.owner:
            return 0.0
        grant = access.policy.grant_for(who.stakeholder, who.service, right)
        return None if grant is None else grant.min_delay_s

    def _too_soon(
        self, who: Principal, series: object, variable: str, right: Right, grant: Grant, now_s: float
    ) -> Refusal | None:
        if grant.min_delay_s <= 0:
            return None
        key = (who, series, right)
        last_s = self._last.get(key)
        if last_s is not None and now_s - last_s < grant.min_delay_s:
            wait_s = grant.min_delay_s - (now_s - last_s)
            return Refusal(
                RefusalCode.TOO_SOON,
                f"{grant.min_delay_s:g} s between accesses to {variable}",
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


def _not_granted(who: Principal, variable: str, right: Right) -> Refusal:
    return Refusal(
        RefusalCode.NOT_GRANTED,
        f"a grant to {right} {variable}",
        f"{who} without one",
        "the owner grants it in the policy",
    )
