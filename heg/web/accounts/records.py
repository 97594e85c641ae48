"""What the accounts file holds, as frozen values. Hashes of secrets stay out of every repr."""

from dataclasses import dataclass, field
from enum import StrEnum

from heg.model.policy import Stakeholder
from heg.runtime.secrets import Secret
from heg.web.accounts.roles import Permission, Role


@dataclass(frozen=True, slots=True)
class Now:
    """One instant twice: UTC in milliseconds labels what is kept, monotonic seconds age what is in memory."""

    utc_ms: int
    monotonic_s: float


@dataclass(frozen=True, slots=True)
class Client:
    """Where a request comes from: its address, and the device key its browser brought, if any."""

    address: str
    device_key: Secret | None = None


CONSOLE = Client("console")
"""Whoever may read the accounts file anyway."""


@dataclass(frozen=True, slots=True)
class Account:
    """A person. `password` is the encoded hash, empty until set; `until_ms` ends a guest's account (UTC)."""

    id: int
    name: str
    role: Role
    created_ms: int
    password: str = field(default="", repr=False)
    until_ms: int | None = None
    enabled: bool = True

    def stands(self, utc_ms: int) -> bool:
        """Tell whether the person may act now."""
        return self.enabled and (self.until_ms is None or utc_ms < self.until_ms)


@dataclass(frozen=True, slots=True)
class Session:
    """A login. `fresh_ms` is when its password was last given; the key is kept only as its hash."""

    hash: bytes = field(repr=False)
    account: int
    created_ms: int
    used_ms: int
    fresh_ms: int
    address: str


@dataclass(frozen=True, slots=True)
class Token:
    """A key for a program, on behalf of a person, or of another stakeholder whose policies then hold."""

    id: int
    hash: bytes = field(repr=False)
    account: int
    label: str
    scopes: frozenset[Permission]
    created_ms: int
    expires_ms: int
    stakeholder: Stakeholder | None = None
    ended: bool = False


class Purpose(StrEnum):
    """What a one-time code is for."""

    CLAIM = "claim"
    RECOVER = "recover"
    INVITE = "invite"


@dataclass(frozen=True, slots=True)
class Code:
    """A one-time code as it is kept: whoever has it sets the password of `account` (None: the owner to be)."""

    hash: bytes = field(repr=False)
    purpose: Purpose
    account: int | None
    expires_ms: int


class Reason(StrEnum):
    """Why access was refused; each is counted and audited under this name."""

    WRONG = "wrong_credentials"
    TOO_MANY = "too_many_tries"
    BUSY = "busy"
    BAD_CODE = "bad_code"
    WEAK_PASSWORD = "weak_password"  # noqa: S105 - a name
    BAD_NAME = "bad_name"
    NAME_TAKEN = "name_taken"
    CLAIMED = "claimed"
    UNCLAIMED = "unclaimed"
    LOCKED = "accounts_locked"
    NOT_ALLOWED = "not_allowed"
    NOT_FRESH = "password_needed"
    UNKNOWN = "unknown"
    LAST_OWNER = "last_owner"
    OUT_OF_RANGE = "out_of_range"


@dataclass(frozen=True, slots=True)
class Refused:
    """Why not, what was expected, how to mend it; `wait_s` when time alone mends it."""

    reason: Reason
    expected: str
    mend: str = ""
    wait_s: float = 0.0

    def __str__(self) -> str:
        return f"{self.reason}: expected {self.expected}" + (f"; {self.mend}" if self.mend else "")


class DeskError(Exception):
    """The accounts file could not be used; `refused` is what the asker is told."""

    def __init__(self, refused: Refused) -> None:
        super().__init__(str(refused))
        self.refused = refused


@dataclass(frozen=True, slots=True)
class Admitted:
    """A login that succeeded: the session's key and the browser's device key, each shown this once."""

    account: Account
    session_key: Secret
    device_key: Secret


@dataclass(frozen=True, slots=True)
class Issued:
    """A token that was made: its key is shown this once."""

    token: Token
    key: Secret
