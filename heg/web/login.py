"""Claim, login, people, tokens and audit log under /api/v1: they decode, ask the desk, and encode."""

from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from typing import Any, TypeVar

from heg.model.policy import Role as StakeholderRole
from heg.model.policy import Stakeholder
from heg.runtime.secrets import Secret
from heg.web.accounts.chain import Head, Line, as_json
from heg.web.accounts.desk import AccountsDesk
from heg.web.accounts.inspection import export_head, written
from heg.web.accounts.people import Invited, TokenWish
from heg.web.accounts.records import Account, Admitted, Reason, Refused, Token
from heg.web.accounts.roles import Permission
from heg.web.accounts.rules import DAY_S
from heg.web.accounts.standing import Identity
from heg.web.asking import DeniedError
from heg.web.endpoint import (
    Answered,
    Call,
    Cookie,
    Download,
    Endpoint,
    Nothing,
    Nowhere,
    Open,
    Reply,
    ordering,
    reading,
)
from heg.web.gate import DEVICE_COOKIE, SESSION_COOKIE, SESSION_COOKIE_S, denied_for
from heg.web.login_messages import (
    AuditLine,
    AuditPage,
    AuditVerdict,
    ChangeAccount,
    Claim,
    Ended,
    Invite,
    IssuedToken,
    LinesAfter,
    Login,
    Logout,
    NewPassword,
    NewToken,
    Numbered,
    OneTimeCode,
    People,
    Person,
    SessionState,
    TokenInfo,
    Tokens,
)
from heg.web.messages import iso
from heg.web.session import SESSION
from heg.web.tables import JSON_LINES

_PAGE_LINES = 500
_DEVICE_COOKIE_S = 180 * 86_400


class LoginApi:
    """Handlers over the accounts desk. Who may, the gate has said; the core says it again."""

    def __init__(self, desk: AccountsDesk) -> None:
        self._desk = desk

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Return the rows."""
        return (*self._of_sessions(), *self._of_people(), *self._of_tokens(), *self._of_the_audit_log())

    # sessions

    def _of_sessions(self) -> tuple[Endpoint, ...]:
        anybody, any_login = Open.TO_ANYBODY, Open.TO_ANY_LOGIN
        path = SESSION
        return (
            reading(path, anybody, "whether there is an owner, and who asks", self._session, SessionState, Nowhere),
            ordering(path, anybody, "log in", self._login, SessionState, Nowhere, Login),
            ordering(
                f"{path}/end",
                Open.TO_ANY_KEY,
                "log out, here or everywhere; a token ends itself",
                self._logout,
                Ended,
                Nowhere,
                Logout,
            ),
            ordering("/api/v1/claim", anybody, "use a one-time code", self._claim, SessionState, Nowhere, Claim),
            ordering(
                "/api/v1/password",
                any_login,
                "one's own new password",
                self._password,
                SessionState,
                Nowhere,
                NewPassword,
            ),
        )

    async def _session(self, call: Call[Nowhere, Nothing]) -> Answered:
        return self._state(call.who)

    async def _login(self, call: Call[Nowhere, Login]) -> Answered:
        password = Secret(call.body.password)
        return self._admitted(await self._desk.login(call.body.name, password, call.client, instead_of=call.who))

    async def _claim(self, call: Call[Nowhere, Claim]) -> Answered:
        code, password = Secret(call.body.code), Secret(call.body.password)
        return self._admitted(await self._desk.redeem(code, call.body.name, password, call.client))

    async def _password(self, call: Call[Nowhere, NewPassword]) -> Answered:
        old, new = Secret(call.body.old), Secret(call.body.new)
        return self._admitted(await self._desk.change_password(_somebody(call), old, new, call.client))

    async def _logout(self, call: Call[Nowhere, Logout]) -> Answered:
        who, ended = _somebody(call), 1
        if call.body.everywhere:
            if who.session is None:
                raise DeniedError(denied_for(Refused(Reason.NOT_ALLOWED, "somebody who is logged in", "a token can't")))
            ended = await self._desk.logout_everywhere(who, call.client)
        else:
            await self._desk.logout(who, call.client)
        return Reply(Ended(sessions=ended), cookies=(Cookie(SESSION_COOKIE, "", 0),))

    def _admitted(self, found: Admitted | Refused) -> Reply:
        admitted = _good(found)
        return Reply(
            self._state(self._desk.who(admitted.session_key)),
            cookies=(
                Cookie(SESSION_COOKIE, admitted.session_key.reveal(), SESSION_COOKIE_S),
                Cookie(DEVICE_COOKIE, admitted.device_key.reveal(), _DEVICE_COOKIE_S),
            ),
        )

    def _state(self, who: Identity | None) -> SessionState:
        claimed, locked = self._desk.claimed, bool(self._desk.locked)
        if who is None:
            return SessionState(claimed=claimed, locked=locked)
        return SessionState(
            claimed=claimed,
            locked=locked,
            name=who.account.name,
            role=who.account.role,
            permissions=tuple(sorted(who.permissions)),
            fresh=who.fresh,
        )

    # people

    def _of_people(self) -> tuple[Endpoint, ...]:
        needs, path = Permission.ACCOUNTS, "/api/v1/accounts"
        one = f"{path}/{{id}}"
        return (
            reading(path, needs, "everybody who may be let in", self._accounts, People, Nowhere),
            ordering(path, needs, "invite somebody", self._invite, OneTimeCode, Nowhere, Invite),
            ordering(one, needs, "what somebody is from now on", self._change, Person, Numbered, ChangeAccount),
            ordering(
                f"{one}/reset", needs, "a code for somebody's new password", self._reset, OneTimeCode, Numbered, Nothing
            ),
            ordering(f"{one}/remove", needs, "somebody is let in no more", self._remove, People, Numbered, Nothing),
        )

    async def _accounts(self, _call: Call[Nowhere, Nothing]) -> Answered:
        return self._people()

    async def _invite(self, call: Call[Nowhere, Invite]) -> Answered:
        asked = call.body
        found = await self._desk.invite(_somebody(call), asked.name, asked.role, call.client, days=asked.days)
        return self._invited(_good(found))

    async def _reset(self, call: Call[Numbered, Nothing]) -> Answered:
        return self._invited(_good(await self._desk.reset(_somebody(call), call.wanted.id, call.client)))

    async def _change(self, call: Call[Numbered, ChangeAccount]) -> Answered:
        asked, number = call.body, call.wanted.id
        found = await self._desk.change(
            _somebody(call), number, asked.role, call.client, enabled=asked.enabled, days=asked.days
        )
        return self._person(_good(found))

    async def _remove(self, call: Call[Numbered, Nothing]) -> Answered:
        _good(await self._desk.remove(_somebody(call), call.wanted.id, call.client) or Nothing())
        return self._people()

    def _people(self) -> People:
        people = sorted(self._desk.standing().accounts.values(), key=lambda one: one.name)
        return People(accounts=tuple(map(self._person, people)))

    def _invited(self, invited: Invited) -> OneTimeCode:
        return OneTimeCode(account=self._person(invited.account), code=invited.code.reveal())

    def _person(self, account: Account) -> Person:
        sessions = sum(one.account == account.id for one in self._desk.standing().sessions.values())
        return Person(
            id=account.id,
            name=account.name,
            role=account.role,
            enabled=account.enabled,
            password=bool(account.password),
            created_utc=_utc(account.created_ms),
            until_utc=None if account.until_ms is None else _utc(account.until_ms),
            sessions=sessions,
        )

    # tokens

    def _of_tokens(self) -> tuple[Endpoint, ...]:
        needs, path = Permission.TOKENS, "/api/v1/tokens"
        return (
            reading(path, needs, "one's own tokens, an owner's view of all", self._tokens, Tokens, Nowhere),
            ordering(path, needs, "make a token", self._issue, IssuedToken, Nowhere, NewToken),
            ordering(f"{path}/{{id}}/revoke", needs, "end a token", self._revoke, Tokens, Numbered, Nothing),
        )

    async def _tokens(self, call: Call[Nowhere, Nothing]) -> Answered:
        return self._tokens_of(_somebody(call))

    async def _issue(self, call: Call[Nowhere, NewToken]) -> Answered:
        asked = call.body
        other = None if asked.stakeholder is None else _stakeholder(asked.stakeholder)
        wish = TokenWish(asked.label, frozenset(asked.scopes), asked.days * DAY_S, other)
        issued = _good(await self._desk.issue_token(_somebody(call), wish, call.client))
        return IssuedToken(token=_token(issued.token), key=issued.key.reveal())

    async def _revoke(self, call: Call[Numbered, Nothing]) -> Answered:
        who = _somebody(call)
        _good(await self._desk.revoke_token(who, call.wanted.id, call.client) or Nothing())
        return self._tokens_of(who)

    def _tokens_of(self, who: Identity) -> Tokens:
        tokens = sorted(self._desk.standing().tokens.values(), key=lambda one: one.id)
        every = Permission.ACCOUNTS in who.permissions
        return Tokens(tokens=tuple(_token(one) for one in tokens if every or one.account == who.account.id))

    # the audit log

    def _of_the_audit_log(self) -> tuple[Endpoint, ...]:
        needs, path = Permission.AUDIT, "/api/v1/audit"
        return (
            reading(path, needs, "lines of the audit log", self._audit, AuditPage, LinesAfter),
            reading(f"{path}/export", needs, "all of it, a line each", self._export, JSON_LINES, Nowhere),
            reading(f"{path}/verdict", needs, "whether it is what was written", self._verdict, AuditVerdict, Nowhere),
        )

    async def _audit(self, call: Call[LinesAfter, Nothing]) -> Answered:
        lines = _good(await self._desk.lines(call.wanted.cursor, _PAGE_LINES))
        next_cursor = lines[-1].seq if len(lines) == _PAGE_LINES else None
        return AuditPage(lines=tuple(map(_line, lines)), next_cursor=next_cursor)

    async def _export(self, _call: Call[Nowhere, Nothing]) -> Answered:
        base, head = _good(await self._desk.edges())
        return Download(self._all_lines(base, head), JSON_LINES, "audit.jsonl")

    async def _all_lines(self, base: Head, head: Head) -> AsyncGenerator[bytes, None]:
        yield export_head(base, head).encode() + b"\n"
        last = base.seq
        while last < head.seq and (lines := _good(await self._desk.lines(last, _PAGE_LINES))):
            yield b"".join(as_json(line).encode("utf-8", "replace") + b"\n" for line in lines if line.seq <= head.seq)
            last = lines[-1].seq

    async def _verdict(self, _call: Call[Nowhere, Nothing]) -> Answered:
        found = _good(await self._desk.verify())
        altered, why = found.first_altered, found.why
        return AuditVerdict(
            good=found.good, lines=found.lines, head=written(found.head), first_altered=altered, why=why
        )


_G = TypeVar("_G")


def _good(found: _G | Refused) -> _G:
    if isinstance(found, Refused):
        raise DeniedError(denied_for(found))
    return found


def _somebody(call: Call[Any, Any]) -> Identity:
    if call.who is None:
        raise DeniedError(denied_for(Refused(Reason.NOT_ALLOWED, "a login")))
    return call.who


def _stakeholder(text: str) -> Stakeholder:
    role, _, name = text.partition(":")
    try:
        return Stakeholder(StakeholderRole(role), name)
    except ValueError:
        raise DeniedError(denied_for(Refused(Reason.OUT_OF_RANGE, "a stakeholder such as dso:enel"))) from None


def _token(token: Token) -> TokenInfo:
    return TokenInfo(
        id=token.id,
        label=token.label,
        account=token.account,
        scopes=tuple(sorted(token.scopes)),
        created_utc=_utc(token.created_ms),
        expires_utc=_utc(token.expires_ms),
        stakeholder=None if token.stakeholder is None else str(token.stakeholder),
    )


def _line(line: Line) -> AuditLine:
    return AuditLine(
        seq=line.seq,
        time_utc=_utc(line.time_ms),
        kind=line.kind,
        who=line.who,
        address=line.address,
        outcome=line.outcome,
        detail=line.detail,
        hash=line.hash.hex(),
        seal=line.seal.hex(),
    )


def _utc(ms: int) -> str:
    return iso(datetime.fromtimestamp(ms / 1000, UTC))
