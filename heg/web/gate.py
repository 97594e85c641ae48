"""Who asks, by the key a request brings, and whether they may. Between the guard and the handlers."""

import logging
from http import HTTPStatus
from typing import TYPE_CHECKING

from aiohttp import web

from heg.data.door import Door
from heg.model.policy import CUSTOMER
from heg.runtime.secrets import Secret
from heg.web.accounts.chain import Kind, Note
from heg.web.accounts.principals import Doors
from heg.web.accounts.records import Client, DeskError, Reason, Refused
from heg.web.accounts.roles import Permission
from heg.web.accounts.standing import Identity
from heg.web.accounts.throttle import network_of
from heg.web.endpoint import Cookie, Endpoint, Open
from heg.web.guard import Denied, Fault
from heg.web.messages import Problem
from heg.web.tls.names import address_of

if TYPE_CHECKING:  # without a login nothing of accounts is loaded
    from heg.web.accounts.desk import AccountsDesk

logger = logging.getLogger(__name__)

SESSION_COOKIE = "__Host-heg-session"
DEVICE_COOKIE = "__Host-heg-device"
"""`__Host-`: the browser takes them from this host only, over TLS or loopback only, and sends them nowhere else."""
SESSION_COOKIE_S = 30 * 86_400
_BEARER = "Bearer "
_LONGEST_SHOWN = 200
_IDENTITY: web.RequestKey[Identity] = web.RequestKey("identity", Identity)
_STATUS = {
    Reason.WRONG: HTTPStatus.UNAUTHORIZED,
    Reason.BAD_CODE: HTTPStatus.UNAUTHORIZED,
    Reason.TOO_MANY: HTTPStatus.TOO_MANY_REQUESTS,
    Reason.BUSY: HTTPStatus.SERVICE_UNAVAILABLE,
    Reason.LOCKED: HTTPStatus.SERVICE_UNAVAILABLE,
    Reason.NOT_ALLOWED: HTTPStatus.FORBIDDEN,
    Reason.NOT_FRESH: HTTPStatus.FORBIDDEN,
    Reason.UNKNOWN: HTTPStatus.NOT_FOUND,
    Reason.NAME_TAKEN: HTTPStatus.CONFLICT,
    Reason.LAST_OWNER: HTTPStatus.CONFLICT,
    Reason.CLAIMED: HTTPStatus.CONFLICT,
}


class Gate:
    """Lets requests in by their keys; `open_paths` are the page's own files."""

    def __init__(self, desk: "AccountsDesk", doors: Doors) -> None:
        self.desk = desk
        self._doors = doors

    def meet(self, request: web.Request) -> None:
        """See by its key who asks: `identity_of` is known from then on."""
        identity = self._identify(request)
        if identity is not None:
            request[_IDENTITY] = identity

    async def admit(self, request: web.Request, endpoint: Endpoint | None) -> Denied | None:
        """Judge a request of somebody who was met, for an endpoint (None: there is none); None lets it in."""
        identity = identity_of(request)
        if endpoint is not None and endpoint.needs is Open.TO_ANYBODY:
            return None
        if identity is None:
            return denied_for(self._unknown())
        if endpoint is None:
            return None  # nothing is there, and whoever is logged in may know
        refused = self._judge(identity, endpoint)
        if refused is None:
            return None
        await self.desk.refused(str(identity), client_of(request), refused)
        return denied_for(refused)

    def _judge(self, identity: Identity, endpoint: Endpoint) -> Refused | None:
        needs = endpoint.needs
        if isinstance(needs, Open):
            # What concerns only whoever is logged in: a token's is somebody else's session.
            if identity.session is None and needs is not Open.TO_ANY_KEY:
                return Refused(Reason.NOT_ALLOWED, "somebody who is logged in", "a token can't")
        elif needs not in identity.permissions:
            return Refused(Reason.NOT_ALLOWED, f"somebody who may {needs}", "ask the owner")
        elif not identity.may(needs) or (endpoint.fresh and not (identity.fresh or identity.token is not None)):
            return Refused(Reason.NOT_FRESH, "the password, given in the last ten minutes", "give it again")
        if endpoint.household and identity.principal.stakeholder != CUSTOMER:
            return Refused(Reason.NOT_ALLOWED, "somebody of the household", "ask for /api/v1/history")
        return None

    async def note(self, request: web.Request, endpoint: Endpoint, status: int) -> None:
        """Write an order down after its answer: who gave it, from where, and how it ended."""
        identity = identity_of(request)
        body = (await request.read())[:_LONGEST_SHOWN].decode("utf-8", "replace")
        who = "nobody" if identity is None else str(identity)
        outcome = "done" if status < HTTPStatus.BAD_REQUEST else f"refused {status}"
        detail = f"{endpoint.path.rpartition('/')[2]} {body}"
        try:
            await self.desk.note_command(Note(Kind.COMMAND, who, client_of(request).address, outcome, detail))
        except DeskError as error:
            # It was carried out: whoever gave it is told so, and the log of the gateway keeps what this one could not.
            logger.error("a command of %s could not be written down: %s", who, error.refused)

    async def renew(self, request: web.Request) -> Cookie | None:
        """Return the cookie of a session whose key is to be another from now on."""
        who = identity_of(request)
        key = None if who is None else await self.desk.renewed(who)
        return None if key is None else Cookie(SESSION_COOKIE, key.reveal(), SESSION_COOKIE_S)

    def door_of(self, request: web.Request) -> Door | None:
        """Return the door of whoever asks, unless they are the household, whose door the page has anyway."""
        identity = identity_of(request)
        if identity is None or identity.principal.stakeholder == CUSTOMER:
            return None
        return self._doors.door_of(identity.principal)

    def still_admits(self, request: web.Request) -> bool:
        """Tell whether a request that goes on (the live stream) would still be let in; that is no use of a session."""
        now, before = self._identify(request, uses=False), identity_of(request)
        return now is not None and before is not None and now.principal == before.principal and now.may(Permission.READ)

    def _identify(self, request: web.Request, *, uses: bool = True) -> Identity | None:
        bearer = request.headers.get("Authorization", "")
        if bearer.startswith(_BEARER):
            return self.desk.who(Secret(bearer.removeprefix(_BEARER).strip()), uses=uses)
        key = request.cookies.get(SESSION_COOKIE)
        if key is None or _said_twice(request, SESSION_COOKIE):
            return None
        return self.desk.who(Secret(key), uses=uses)

    def _unknown(self) -> Refused:
        if self.desk.locked:
            return Refused(Reason.LOCKED, "a whole accounts file", "at the console: heg accounts recover")
        if not self.desk.claimed:
            return Refused(Reason.UNCLAIMED, "a gateway with an owner", "at the console: heg claim-code")
        return Refused(Reason.WRONG, "a login, or a token as Authorization: Bearer", "log in")


def identity_of(request: web.Request) -> Identity | None:
    """Return who asks, where the gate let somebody in."""
    return request.get(_IDENTITY)


def asker_of(request: web.Request) -> str:
    """Return whose budget a request is taken from: the session, the token, or where it comes from."""
    identity = identity_of(request)
    if identity is None:
        return f"address {network_of(request.remote or 'unknown')}"
    if identity.session is None:
        return f"token {identity.token}"
    return f"session {identity.session.hex()}"


def client_of(request: web.Request) -> Client:
    """Return where a request comes from: the socket's peer, never what a header claims."""
    key = request.cookies.get(DEVICE_COOKIE)
    remote = request.remote or "unknown"
    address = address_of(remote)  # one of IPv4 reads the same by whichever socket it came
    return Client(remote if address is None else str(address), None if key is None else Secret(key))


def _said_twice(request: web.Request, name: str) -> bool:
    """Tell whether a cookie came twice: one of them was planted, and nobody knows which."""
    crumbs = (crumb for line in request.headers.getall("Cookie", ()) for crumb in line.split(";"))
    return sum(crumb.partition("=")[0].strip() == name for crumb in crumbs) > 1


def denied_for(refused: Refused) -> Denied:
    """Make the answer of a refusal."""
    problem = Problem(reason=refused.reason, expected=refused.expected, mend=refused.mend)
    status = _STATUS.get(refused.reason, HTTPStatus.BAD_REQUEST)
    if refused.reason is Reason.UNCLAIMED:
        status = HTTPStatus.UNAUTHORIZED
    return Denied(status, Fault.ACCESS, problem, retry_after_s=refused.wait_s)
