"""Who a key belongs to, judged in memory: the event loop waits for no disk to let a request in. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from heg.runtime.secrets import Secret
from heg.web.accounts.keys import KeyKind, key_hash
from heg.web.accounts.principals import Principal, principal_of
from heg.web.accounts.records import Account, Now, Session, Token
from heg.web.accounts.roles import FRESH, ROLES, SCOPES, STRANGER_SCOPES, Permission
from heg.web.accounts.rules import Rules


@dataclass(frozen=True, slots=True)
class Identity:
    """Who asks, and what it may do now. `session` is the session's hash, `token` the token's number."""

    account: Account
    permissions: frozenset[Permission]
    principal: Principal
    fresh: bool = False
    session: bytes | None = field(default=None, repr=False)
    token: int | None = None

    def may(self, permission: Permission) -> bool:
        """Tell whether this request may be answered now."""
        return permission in self.permissions and (self.fresh or permission not in FRESH or self.token is not None)

    def __str__(self) -> str:
        return self.account.name if self.token is None else f"{self.account.name}/token {self.token}"


@dataclass(frozen=True, slots=True)
class Standing:
    """What the file holds at one moment; made anew whenever it changes, never altered."""

    accounts: Mapping[int, Account] = field(default_factory=dict)
    sessions: Mapping[bytes, Session] = field(default_factory=dict, repr=False)
    tokens: Mapping[bytes, Token] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, accounts: Iterable[Account], sessions: Iterable[Session], tokens: Iterable[Token]) -> "Standing":
        """Put records where they are found by hash."""
        return cls(
            {one.id: one for one in accounts},
            {one.hash: one for one in sessions},
            {one.hash: one for one in tokens if not one.ended},
        )


@dataclass(slots=True)
class _Seen:
    """A session's ages on the monotonic clock."""

    created_s: float
    used_s: float
    fresh_s: float


class Watch:
    """Judges keys. Ages are monotonic from the first time a session is seen: a step of UTC ages nobody.

    Only what was before that is judged by labels, and the absolute end by either, whichever comes first.
    """

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._seen: dict[bytes, _Seen] = {}
        self._used: dict[bytes, int] = {}

    def who(self, standing: Standing, key: Secret, now: Now, *, uses: bool = True) -> Identity | None:
        """Return whose key this is, None for one that is unknown or at its end. `uses`: the session is in use by it."""
        if (session_hash := key_hash(KeyKind.SESSION, key)) is not None:
            return self._of_session(standing, session_hash, now, uses=uses)
        if (token_hash := key_hash(KeyKind.TOKEN, key)) is not None:
            return _of_token(standing, token_hash, now)
        return None

    def take_used(self) -> Mapping[bytes, int]:
        """Return when the sessions used since the last call were used last (UTC ms), to be marked in the file."""
        used, self._used = self._used, {}
        return used

    def keep_only(self, standing: Standing) -> None:
        """Forget sessions that are no more."""
        self._seen = {one: seen for one, seen in self._seen.items() if one in standing.sessions}
        self._used = {one: used_ms for one, used_ms in self._used.items() if one in standing.sessions}

    def _of_session(self, standing: Standing, session_hash: bytes, now: Now, *, uses: bool) -> Identity | None:
        session = standing.sessions.get(session_hash)
        account = None if session is None else standing.accounts.get(session.account)
        if session is None or account is None or not account.stands(now.utc_ms):
            return None
        seen = self._seen.get(session_hash)
        if seen is None:
            if not lives(session, now.utc_ms, self._rules):
                return None
            seen = self._seen[session_hash] = _first_seen(session, now)
        elif not self._goes_on(session, seen, now):
            return None
        if uses:
            seen.used_s = now.monotonic_s
            self._used[session_hash] = now.utc_ms
        fresh = now.monotonic_s - seen.fresh_s < self._rules.fresh_s
        return Identity(account, ROLES[account.role], principal_of(account), fresh=fresh, session=session_hash)

    def _goes_on(self, session: Session, seen: _Seen, now: Now) -> bool:
        rules = self._rules
        return (
            now.monotonic_s - seen.used_s < rules.idle_s
            and now.monotonic_s - seen.created_s < rules.absolute_s
            and now.utc_ms - session.created_ms < rules.absolute_s * 1000
        )


def lives(session: Session, utc_ms: int, rules: Rules) -> bool:
    """Tell by its labels whether a session goes on; one from the future was made by a clock that was wrong: it ends."""
    return (
        session.created_ms <= utc_ms + rules.clock_slack_ms
        and session.used_ms <= utc_ms + rules.clock_slack_ms
        and utc_ms - session.used_ms < rules.idle_s * 1000
        and utc_ms - session.created_ms < rules.absolute_s * 1000
    )


def _first_seen(session: Session, now: Now) -> _Seen:
    def at(label_ms: int) -> float:
        return now.monotonic_s - max(0, now.utc_ms - label_ms) / 1000

    return _Seen(at(session.created_ms), at(session.used_ms), at(session.fresh_ms))


def _of_token(standing: Standing, token_hash: bytes, now: Now) -> Identity | None:
    token = standing.tokens.get(token_hash)
    account = None if token is None else standing.accounts.get(token.account)
    if token is None or account is None or not account.stands(now.utc_ms) or now.utc_ms >= token.expires_ms:
        return None
    # What the person may do no more, the token may not either.
    most = SCOPES if token.stakeholder is None else STRANGER_SCOPES
    permissions = token.scopes & most & ROLES[account.role]
    return Identity(account, permissions, principal_of(account, token), token=token.id)
