"""Stakeholders and access policies (spec data-interface.md, Access policy). Anything not granted is denied."""

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
    """The owner's grants for an instance; the owner itself needs none."""

    grants: tuple[Grant, ...] = ()

    def grant_for(self, stakeholder: Stakeholder, service: str, right: Right) -> Grant | None:
        """Return the most generous grant (smallest delay) that covers this access, or None when it is denied."""
        covering = [
            grant
            for grant in self.grants
            if grant.stakeholder == stakeholder and grant.service in (service, ANY_SERVICE) and right in grant.rights
        ]
        return min(covering, key=lambda grant: grant.min_delay_s, default=None)


OWNER_ONLY = Policy()
