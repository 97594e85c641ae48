"""Claim, login, people, tokens and audit log under /api/v1: they decode, ask the desk, and encode."""

from datetime import UTC, datetime
from typing import TypeVar

import msgspec
from aiohttp import web

from heg.model.policy import Role as StakeholderRole
from heg.model.policy import Stakeholder
from heg.runtime.secrets import Secret
from heg.web.accounts.chain import Line
from heg.web.accounts.desk import AccountsDesk
from heg.web.accounts.inspection import written
from heg.web.accounts.people import Invited, TokenWish
from heg.web.accounts.records import Account, Admitted, Reason, Refused, Token
from heg.web.accounts.roles import Permission
from heg.web.accounts.rules import DAY_S
from heg.web.accounts.standing import Identity
from heg.web.gate import DEVICE_COOKIE, SESSION_COOKIE, client_of, denied_for, identity_of
from heg.web.guard import Denied, Fault
from heg.web.login_messages import (
    Asked,
    AuditLine,
    AuditPage,
    AuditVerdict,
    ChangeAccount,
    Claim,
    Ended,
    Invite,
    IssuedToken,
    Login,
    Logout,
    NewPassword,
    NewToken,
    Nothing,
    OneTimeCode,
    People,
    Person,
    SessionState,
    TokenInfo,
    Tokens,
)
from heg.web.messages import Message, Problem, encode, iso

_A = TypeVar("_A", bound=Asked)
_PAGE_LINES = 500
_SESSION_COOKIE_S = 30 * 86_400
_DEVICE_COOKIE_S = 180 * 86_400


class DeniedError(Exception):
    """A handler refuses; the server answers and counts it."""

    def __init__(self, denied: Denied) -> None:
        super().__init__(denied.problem.reason)
        self.denied = denied


class LoginApi:
    """Handlers over the accounts desk. Who may, the gate has said; the core says it again."""

    def __init__(self, desk: AccountsDesk) -> None:
        self._desk = desk

    def add_routes(self, routes: web.UrlDispatcher) -> None:
        """Put the handlers under their paths."""
        routes.add_get("/api/v1/session", self._session)
        routes.add_post("/api/v1/session", self._login)
        routes.add_post("/api/v1/session/end", self._logout)
        routes.add_post("/api/v1/claim", self._claim)
        routes.add_post("/api/v1/password", self._password)
        routes.add_get("/api/v1/accounts", self._accounts)
        routes.add_post("/api/v1/accounts", self._invite)
        routes.add_post("/api/v1/accounts/{id}", self._change)
        routes.add_post("/api/v1/accounts/{id}/reset", self._reset)
        routes.add_post("/api/v1/accounts/{id}/remove", self._remove)
        routes.add_get("/api/v1/tokens", self._tokens)
        routes.add_post("/api/v1/tokens", self._issue)
        routes.add_post("/api/v1/tokens/{id}/revoke", self._revoke)
        routes.add_get("/api/v1/audit", self._audit)
        routes.add_get("/api/v1/audit/verdict", self._verdict)

    # sessions

    async def _session(self, request: web.Request) -> web.Response:
        return _json(self._state(identity_of(request)))

    async def _login(self, request: web.Request) -> web.Response:
        asked = await _read(request, Login)
        before = identity_of(request)
        found = await self._desk.login(asked.name, Secret(asked.password), client_of(request), instead_of=before)
        return self._admitted(found)

    async def _claim(self, request: web.Request) -> web.Response:
        asked = await _read(request, Claim)
        code, password = Secret(asked.code), Secret(asked.password)
        return self._admitted(await self._desk.redeem(code, asked.name, password, client_of(request)))

    async def _password(self, request: web.Request) -> web.Response:
        asked = await _read(request, NewPassword)
        who = _somebody(request)
        old, new = Secret(asked.old), Secret(asked.new)
        return self._admitted(await self._desk.change_password(who, old, new, client_of(request)))

    async def _logout(self, request: web.Request) -> web.Response:
        asked = await _read(request, Logout)
        who, client = _somebody(request), client_of(request)
        ended = 1
        if asked.everywhere:
            ended = await self._desk.logout_everywhere(who, client)
        else:
            await self._desk.logout(who, client)
        response = _json(Ended(sessions=ended))
        _set_cookie(response, SESSION_COOKIE, "", 0)
        return response

    def _admitted(self, found: Admitted | Refused) -> web.Response:
        admitted = _good(found)
        response = _json(self._state(self._desk.who(admitted.session_key)))
        _set_cookie(response, SESSION_COOKIE, admitted.session_key.reveal(), _SESSION_COOKIE_S)
        _set_cookie(response, DEVICE_COOKIE, admitted.device_key.reveal(), _DEVICE_COOKIE_S)
        return response

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

    async def _accounts(self, _request: web.Request) -> web.Response:
        people = sorted(self._desk.standing().accounts.values(), key=lambda one: one.name)
        return _json(People(accounts=tuple(map(self._person, people))))

    async def _invite(self, request: web.Request) -> web.Response:
        asked = await _read(request, Invite)
        who, client = _somebody(request), client_of(request)
        return self._invited(_good(await self._desk.invite(who, asked.name, asked.role, client, days=asked.days)))

    async def _reset(self, request: web.Request) -> web.Response:
        await _read(request, Nothing)
        return self._invited(_good(await self._desk.reset(_somebody(request), _number(request), client_of(request))))

    async def _change(self, request: web.Request) -> web.Response:
        asked = await _read(request, ChangeAccount)
        who, client = _somebody(request), client_of(request)
        number, role, enabled = _number(request), asked.role, asked.enabled
        found = await self._desk.change(who, number, role, client, enabled=enabled, days=asked.days)
        return _json(self._person(_good(found)))

    async def _remove(self, request: web.Request) -> web.Response:
        await _read(request, Nothing)
        _good(await self._desk.remove(_somebody(request), _number(request), client_of(request)) or Nothing())
        return await self._accounts(request)

    def _invited(self, invited: Invited) -> web.Response:
        return _json(OneTimeCode(account=self._person(invited.account), code=invited.code.reveal()))

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

    async def _tokens(self, request: web.Request) -> web.Response:
        who = _somebody(request)
        tokens = sorted(self._desk.standing().tokens.values(), key=lambda one: one.id)
        every = Permission.ACCOUNTS in who.permissions
        return _json(Tokens(tokens=tuple(_token(one) for one in tokens if every or one.account == who.account.id)))

    async def _issue(self, request: web.Request) -> web.Response:
        asked = await _read(request, NewToken)
        other = None if asked.stakeholder is None else _stakeholder(asked.stakeholder)
        wish = TokenWish(asked.label, frozenset(asked.scopes), asked.days * DAY_S, other)
        issued = _good(await self._desk.issue_token(_somebody(request), wish, client_of(request)))
        return _json(IssuedToken(token=_token(issued.token), key=issued.key.reveal()))

    async def _revoke(self, request: web.Request) -> web.Response:
        await _read(request, Nothing)
        who, client = _somebody(request), client_of(request)
        _good(await self._desk.revoke_token(who, _number(request), client) or Nothing())
        return await self._tokens(request)

    # the audit log

    async def _audit(self, request: web.Request) -> web.Response:
        after = _whole(request.query.get("after", "0"))
        lines = _good(await self._desk.lines(after, _PAGE_LINES))
        next_after = lines[-1].seq if len(lines) == _PAGE_LINES else None
        return _json(AuditPage(lines=tuple(map(_line, lines)), next_after=next_after))

    async def _verdict(self, _request: web.Request) -> web.Response:
        found = _good(await self._desk.verify())
        altered, why = found.first_altered, found.why
        return _json(
            AuditVerdict(good=found.good, lines=found.lines, head=written(found.head), first_altered=altered, why=why)
        )


_G = TypeVar("_G")


def _good(found: _G | Refused) -> _G:
    if isinstance(found, Refused):
        raise DeniedError(denied_for(found))
    return found


async def _read(request: web.Request, kind: type[_A]) -> _A:
    try:
        return msgspec.json.decode(await request.read() or b"{}", type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        # The library's words name fields and types, never values.
        problem = Problem(
            reason=Fault.BAD_REQUEST, expected="a JSON object as docs/integrators/api.md says", came=str(error)
        )
        raise DeniedError(Denied(400, Fault.BAD_REQUEST, problem)) from None


def _somebody(request: web.Request) -> Identity:
    who = identity_of(request)
    if who is None:
        raise DeniedError(denied_for(Refused(Reason.NOT_ALLOWED, "a login")))
    return who


def _number(request: web.Request) -> int:
    return _whole(request.match_info["id"])


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 15):
        raise DeniedError(denied_for(Refused(Reason.OUT_OF_RANGE, "a whole number")))
    return int(text)


def _stakeholder(text: str) -> Stakeholder:
    role, _, name = text.partition(":")
    try:
        return Stakeholder(StakeholderRole(role), name)
    except ValueError:
        raise DeniedError(denied_for(Refused(Reason.OUT_OF_RANGE, "a stakeholder such as dso:enel"))) from None


def _set_cookie(response: web.Response, name: str, value: str, max_age_s: int) -> None:
    response.set_cookie(name, value, max_age=max_age_s, path="/", secure=True, httponly=True, samesite="Strict")


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


def _json(message: Message) -> web.Response:
    headers = {"Content-Type": "application/json", "Cache-Control": "no-store"}
    return web.Response(body=encode(message), headers=headers)
