"""The messages of claim, login, people, tokens and audit log. What is decoded is bounded and strict."""

from typing import Annotated

import msgspec

from heg.web.accounts.roles import Permission, Role
from heg.web.endpoint import Asked, Wanted
from heg.web.messages import Message

Short = Annotated[str, msgspec.Meta(max_length=64)]
Password = Annotated[str, msgspec.Meta(max_length=1024)]
Days = Annotated[float, msgspec.Meta(gt=0, le=3660)]


class Claim(Asked, frozen=True):
    """A one-time code is used: a name (an owner's only) and the password that is to hold from now on."""

    code: Short
    password: Password
    name: Short = ""


class Login(Asked, frozen=True):
    """A name and its password."""

    name: Short
    password: Password


class Logout(Asked, frozen=True):
    """The end of this session, or of all of this person."""

    everywhere: bool = False


class NewPassword(Asked, frozen=True):
    """One's own password, before and after."""

    old: Password
    new: Password


class Invite(Asked, frozen=True):
    """A person to be; `days` gives the account an end."""

    name: Short
    role: Role
    days: Days | None = None


class ChangeAccount(Asked, frozen=True):
    """What a person is from now on."""

    role: Role
    enabled: bool = True
    days: Days | None = None


class NewToken(Asked, frozen=True):
    """A token to be; `stakeholder` such as dso:enel where it is another's."""

    label: Short
    scopes: Annotated[tuple[Permission, ...], msgspec.Meta(min_length=1, max_length=16)]
    days: Annotated[float, msgspec.Meta(gt=0, le=366)] = 90.0
    stakeholder: Short | None = None


class Numbered(Wanted, frozen=True):
    """Which account or token is meant."""

    id: Annotated[int, msgspec.Meta(ge=0, le=10**15, description="its id, a whole number")]


class LinesAfter(Wanted, frozen=True):
    """Where in the audit log reading goes on."""

    cursor: Annotated[int, msgspec.Meta(ge=0, le=10**15, description="next_cursor of the page before")] = 0


class SessionState(Message, frozen=True):
    """Whether there is an owner, whether the accounts are locked, and who asks; None when nobody is logged in.

    Without `login` this gateway asks nobody who they are, and the page may do what the permissions say.
    """

    claimed: bool
    locked: bool
    login: bool = True
    name: str | None = None
    role: Role | None = None
    permissions: tuple[Permission, ...] = ()
    fresh: bool = False


WITHOUT_LOGIN = SessionState(
    claimed=False,
    locked=False,
    login=False,
    permissions=(Permission.COMMAND, Permission.COMMISSION, Permission.CONFIGURE, Permission.READ),
)
"""What a gateway answers that asks for no login: whoever reaches it is the household."""


class Person(Message, frozen=True):
    """A person; `password` tells whether one was set."""

    id: int
    name: str
    role: Role
    enabled: bool
    password: bool
    created_utc: str
    until_utc: str | None
    sessions: int


class People(Message, frozen=True):
    """Everybody who may be let in."""

    accounts: tuple[Person, ...]


class OneTimeCode(Message, frozen=True):
    """A person and the code by which they set a password; shown this once."""

    account: Person
    code: str


class TokenInfo(Message, frozen=True):
    """A token without its key."""

    id: int
    label: str
    account: int
    scopes: tuple[Permission, ...]
    created_utc: str
    expires_utc: str
    stakeholder: str | None


class Tokens(Message, frozen=True):
    """The tokens that are good: one's own, an owner's view of all."""

    tokens: tuple[TokenInfo, ...]


class IssuedToken(Message, frozen=True):
    """A token that was made, with its key, shown this once."""

    token: TokenInfo
    key: str


class AuditLine(Message, frozen=True):
    """A line of the audit log."""

    seq: int
    time_utc: str
    kind: str
    who: str
    address: str
    outcome: str
    detail: str
    hash: str
    seal: str


class AuditPage(Message, frozen=True):
    """Lines in order; `next_cursor` asks for the page behind."""

    lines: tuple[AuditLine, ...]
    next_cursor: int | None


class AuditVerdict(Message, frozen=True):
    """Whether the audit log is what was written; `head` is to be noted elsewhere."""

    good: bool
    lines: int
    head: str
    first_altered: int | None
    why: str


class Ended(Message, frozen=True):
    """How many sessions ended."""

    sessions: int
