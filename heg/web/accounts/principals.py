"""How people and tokens ask the data interface: each by a door of its own, so that policies and delays hold for them.

- Owner, user and viewer are the household: the customer of the data interface. What each may do, the role says.
- An installer is a service provider of its own name. The standing rules below come with the role that the owner gave
  and end with the account; where the owner's own rules speak of this installer, they decide.
- A token stands for its person, by the same door. One that was made for another stakeholder (a grid operator, an
  aggregator) asks as that one: it sees what the owner's policy grants, no oftener than its delay.

Doors are kept by principal, not by login or token: a second token gives no second helping of a delayed value.
"""

from dataclasses import dataclass
from typing import Protocol

from heg.data.door import Door
from heg.model.policy import CUSTOMER, Right, Stakeholder
from heg.model.policy import Role as StakeholderRole
from heg.model.rights import EVERYTHING, Rule, Scope
from heg.web.accounts.records import Account, Token
from heg.web.accounts.roles import Role

INSTALLER_SERVICE = "installer"


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks, as the data interface knows it."""

    stakeholder: Stakeholder
    service: str


def principal_of(account: Account, token: Token | None = None) -> Principal:
    """Return as whom a person, or a token of theirs, asks the data interface."""
    if token is not None and token.stakeholder is not None:
        return Principal(token.stakeholder, "token")
    if account.role is Role.INSTALLER:
        return Principal(Stakeholder(StakeholderRole.SERVICE_PROVIDER, account.name), INSTALLER_SERVICE)
    return Principal(CUSTOMER, f"person.{account.name}")


def standing_rules(who: Principal) -> tuple[Rule, ...]:
    """Return the rules that come with a role; the household needs none, and another stakeholder's token has none."""
    if who.stakeholder.role is not StakeholderRole.SERVICE_PROVIDER or who.service != INSTALLER_SERVICE:
        return ()
    reads, writes = frozenset({Right.READ}), frozenset({Right.READ, Right.WRITE})
    scopes = ((EVERYTHING, reads), *((Scope(command), writes) for command in _INSTALLERS_COMMANDS))
    return tuple(
        Rule(-number, who.stakeholder, who.service, scope, rights) for number, (scope, rights) in enumerate(scopes, 1)
    )


_INSTALLERS_COMMANDS = (
    "command.configuration.*",
    "command.device.*",
    "command.hands_off",
    "command.manual",
    "command.plan",
    "command.scan",
    "command.try",
    "configuration.draft",
)


class Admit(Protocol):
    """Makes the door of a principal."""

    def __call__(self, stakeholder: Stakeholder, service: str, standing: tuple[Rule, ...] = ()) -> Door:
        """Admit a service of a stakeholder."""


class Doors:
    """The doors of the web's principals, each admitted once."""

    def __init__(self, admit: Admit) -> None:
        self._admit = admit
        self._doors: dict[Principal, Door] = {}

    def door_of(self, who: Principal) -> Door:
        """Return the door of a principal, the same one each time."""
        door = self._doors.get(who)
        if door is None:
            door = self._doors[who] = self._admit(who.stakeholder, who.service, standing_rules(who))
        return door
