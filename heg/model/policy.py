"""Stakeholders and access policies (spec data-interface.md, Access policy). Anything not granted is denied."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

ANY_SERVICE = "*"


class Role(StrEnum):
    """The kinds of stakeholder of spec vocabulary.md."""

    CUSTOMER = "customer"
    DSO = "dso"
    SUPPLIER = "supplier"
    AGGREGATOR = "aggregator"
    SERVICE_PROVIDER = "service_provider"
    DATA_PROVIDER = "data_provider"


@dataclass(frozen=True, slots=True, order=True)
class Stakeholder:
    """Who owns an instance or asks for one; `name` tells two suppliers apart and is empty for the customer."""

    role: Role
    name: str = ""

    def __str__(self) -> str:
        return f"{self.role}:{self.name}" if self.name else str(self.role)


CUSTOMER = Stakeholder(Role.CUSTOMER)


class Right(StrEnum):
    """What a grant allows."""

    READ = "read"
    WRITE = "write"


@dataclass(frozen=True, slots=True)
class Grant:
    """One entry of a policy: a stakeholder's service may do this, no more often than every `min_delay_s` seconds."""

    stakeholder: Stakeholder
    service: str = ANY_SERVICE
    rights: frozenset[Right] = frozenset({Right.READ})
    min_delay_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Policy:
    """The owner's grants for an instance; the owner itself needs none.

    `given`: the owner gave it with the instance; otherwise it follows from the owner's standing rules.
    """

    grants: tuple[Grant, ...] = ()
    given: bool = False

    def naming(self, stakeholder: Stakeholder, service: str) -> tuple[Grant, ...]:
        """Return what is said of a service: the grants that name it, or else those for any of its stakeholder's.

        A grant without rights denies; nothing said is nothing granted.
        """
        mine = [grant for grant in self.grants if grant.stakeholder == stakeholder]
        exactly = tuple(grant for grant in mine if grant.service == service)
        return exactly or tuple(grant for grant in mine if grant.service == ANY_SERVICE)

    def grant_for(self, stakeholder: Stakeholder, service: str, right: Right) -> Grant | None:
        """Return the most generous grant (smallest delay) that covers this access, or None when it is denied."""
        return most_generous(self.naming(stakeholder, service), right)


def most_generous(grants: Iterable[Grant], right: Right) -> Grant | None:
    """Return the grant of a right with the smallest delay, or None."""
    covering = [grant for grant in grants if right in grant.rights]
    return min(covering, key=lambda grant: grant.min_delay_s, default=None)


OWNER_ONLY = Policy()
