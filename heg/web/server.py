"""The web server: aiohttp behind the guard. `run()` is one supervised task; nothing of it outlives that task."""

import asyncio
import contextlib
import logging
import socket
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from http import HTTPStatus
from typing import TYPE_CHECKING

from aiohttp import web

from heg.data.door import Door
from heg.model.refusals import RefusedError
from heg.runtime.clock import Clock, real_span
from heg.web.accounts.records import DeskError
from heg.web.answering import denied_as, hand, refused, respond
from heg.web.api import Api
from heg.web.appliances import AppliancesApi
from heg.web.asking import DeniedError, read_body, read_wanted
from heg.web.assets import Asset, load_assets
from heg.web.budget import Budgets
from heg.web.certificate_api import CertificateApi
from heg.web.commands import CommandsApi
from heg.web.configuration import ConfigurationApi
from heg.web.connection import Care, Connection
from heg.web.contracts import ContractsApi
from heg.web.devices import DevicesApi
from heg.web.endpoint import Call, Endpoint, Method, Nothing, Table
from heg.web.evidence import EvidenceApi
from heg.web.gate import Gate, asker_of, client_of, denied_for, identity_of
from heg.web.guard import HEADERS, LARGEST_BODY_BYTES, LOOPBACK, Denied, Fault, judge, judge_target
from heg.web.house import Home
from heg.web.live import LiveApi
from heg.web.messages import Problem
from heg.web.metrics import WebFigures
from heg.web.personal_data import PersonalDataApi
from heg.web.policies import PoliciesApi
from heg.web.report import ReportApi
from heg.web.session import without_login
from heg.web.settings import WebSettings
from heg.web.turns import Turns
from heg.web.values import ValuesApi

if TYPE_CHECKING:  # see page.py
    from heg.web.lan import Lan

logger = logging.getLogger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_GOODBYE_S = 2.0
"""Real seconds that requests under way get at shutdown."""


class WebServer:
    """Serves the page, the API, the live stream, health and metrics on a listening socket that the caller owns, and
    to the home network where there is a `lan`.
    """

    def __init__(
        self,
        door: Door,
        clock: Clock,
        home: Home,
        settings: WebSettings,
        listener: socket.socket,
        gate: Gate | None = None,
        *,
        lan: "Lan | None" = None,
    ) -> None:
        self._door = door
        self._clock = clock
        self._home = home
        self._settings = settings
        self._listener = listener
        self._assets = load_assets()
        self._refused: Counter[str] = Counter()
        self._started_s = clock.real_s()
        self._gate = gate
        self._lan = lan
        self._budgets = Budgets(settings.budget)
        self._turns = Turns()
        self._live = LiveApi(door, clock, home, settings, gate)
        self.table = self._table()

    async def run(self) -> None:
        """Serve until cancelled; on the way out every connection, task and buffer of ours is gone."""
        self._live.open()
        async with self._serving() as runner, asyncio.TaskGroup() as tasks:
            tasks.create_task(self._live.run())
            if self._lan is not None:
                server = _made(runner)
                tasks.create_task(self._lan.run(lambda: self._speaking(server), lambda: server.connections))

    def _table(self) -> Table:
        """Every endpoint. Who adds one adds a row to one of these."""
        clock, home = self._clock, self._home
        report = ReportApi(self._door, clock, home, self._figures, login=self._gate is not None)
        return Table(
            report.endpoints(lambda: self.table),
            Api(clock, home).endpoints(),
            AppliancesApi(clock, home).endpoints(),
            ValuesApi(clock, home).endpoints(),
            self._live.endpoints(),
            CommandsApi(home).endpoints(),
            self._of_logins(),
            PoliciesApi(clock, home, None if self._gate is None else self._gate.desk).endpoints(),
            ContractsApi(clock, home).endpoints(),
            EvidenceApi(clock, home).endpoints(),
            PersonalDataApi(clock, home, None if self._gate is None else self._gate.desk).endpoints(),
            ConfigurationApi(home).endpoints(),
            CertificateApi(clock, self._lan, None if self._gate is None else self._gate.desk).endpoints(),
            DevicesApi(home).endpoints(),
        )

    def _of_logins(self) -> tuple[Endpoint, ...]:
        if self._gate is None:
            return without_login()
        from heg.web.login import LoginApi  # nothing of accounts is loaded where nobody logs in

        return LoginApi(self._gate.desk).endpoints()

    @contextlib.asynccontextmanager
    async def _serving(self) -> AsyncIterator[web.AppRunner]:
        loop = asyncio.get_running_loop()
        runner = web.AppRunner(
            self._application(),
            access_log=None,
            handle_signals=False,
            shutdown_timeout=real_span(self._clock, _GOODBYE_S),
        )
        async with contextlib.AsyncExitStack() as stack:
            if self._lan is not None:
                stack.push_async_callback(self._lan.let_go)
            stack.push_async_callback(runner.cleanup)
            await runner.setup()
            stack.callback(self._live.close)
            # A copy: the caller's socket stays open, so that a restarted server finds its port still ours.
            copy = self._listener.dup()
            server = await loop.create_server(lambda: self._connection(runner), sock=copy, start_serving=False)
            stack.callback(server.close)
            await server.start_serving()
            yield runner

    def _connection(self, runner: web.AppRunner) -> asyncio.Protocol:
        server = _made(runner)
        # Counted for themselves: strangers on the home network leave the console its room.
        if sum(map(_is_plain, server.connections)) >= self._settings.connections:
            self._refused[Fault.TOO_MANY] += 1
            return _Busy()
        return self._speaking(server)

    def _speaking(self, server: web.Server) -> Connection:
        return Connection(server, asyncio.get_running_loop(), Care(self._clock, self._refused))

    def _application(self) -> web.Application:
        @web.middleware
        async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
            return await self._guarded(request, handler)

        largest = max(row.largest_body_bytes for row in self.table.rows)
        application = web.Application(client_max_size=largest, middlewares=[guarded])
        application.on_response_prepare.append(_dress)
        routes = application.router
        for path, asset in self._assets.items():
            routes.add_get(path, _sender(asset), expect_handler=_expected)
        for row in self.table.rows:
            add = routes.add_get if row.method is Method.GET else routes.add_post
            add(row.path, self._answering(row), expect_handler=_expected)
        return application

    def _answering(self, row: Endpoint) -> Handler:
        async def answer(request: web.Request) -> web.StreamResponse:
            wanted = read_wanted(request, row.wanted)
            body = await read_body(request, row.body, self._clock) if row.method is Method.POST else Nothing()
            door = None if self._gate is None else self._gate.door_of(request)
            call = Call(wanted, body, door or self._door, identity_of(request), client_of(request), request)
            return await respond(request, await row.handler(call), self._clock)

        return answer

    async def _guarded(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        route = request.match_info.route.resource
        path = "" if route is None else route.canonical
        row = self.table.find(request.method, path)
        largest = LARGEST_BODY_BYTES if row is None else row.largest_body_bytes
        api = request.path.startswith("/api/")
        site = self._lan.site if self._lan is not None and request.secure else LOOPBACK
        denied = judge(request.method, request.headers, api=api, largest_body_bytes=largest, site=site)
        if denied is None:
            denied = judge_target(request.raw_path, request.headers.get("Host", ""))
        unfit = request.match_info.http_exception
        if isinstance(unfit, web.HTTPMethodNotAllowed) and (denied is None or denied.fault is not Fault.HOST):
            denied = _http_fault(unfit)  # what an order lacks does not matter where none is taken
        if denied is not None:
            return self._refuse(denied)
        if (denied := self._over_budget(request)) is not None:
            return self._refuse(denied)
        await self._turns.mine()
        try:
            return await self._let_in(request, row, handler, asset=path in self._assets)
        except DeskError as error:
            return self._refuse(denied_for(error.refused))

    def _over_budget(self, request: web.Request) -> Denied | None:
        if self._gate is not None:
            self._gate.meet(request)
        # Real seconds where real time passes; a rig that steps an hour within a second asks as often as it steps.
        now_s = self._clock.monotonic_s() / real_span(self._clock, 1.0)
        wait_s = self._budgets.wait_s(asker_of(request), now_s)
        if wait_s <= 0.0:
            return None
        budget = self._settings.budget
        expected = f"at most {budget.per_s:g} requests a second, and {budget.burst:g} at once"
        problem = Problem(reason=Fault.TOO_OFTEN, expected=expected, mend="wait, then ask less often")
        return Denied(429, Fault.TOO_OFTEN, problem, retry_after_s=max(1.0, wait_s))

    async def _let_in(
        self, request: web.Request, row: Endpoint | None, handler: Handler, *, asset: bool
    ) -> web.StreamResponse:
        """Let the gate judge, where there is one; what is to be noted is written down with how it ended."""
        if self._gate is None or asset:
            return await self._answered(request, handler)
        denied = await self._gate.admit(request, row)
        if denied is not None:
            return self._refuse(denied)
        response = await self._answered(request, handler)
        if row is not None and row.noted:
            await self._gate.note(request, row, response.status)
        # An answer that goes on has sent its head, and a login hands out a key of its own.
        if not response.prepared and not response.cookies and (cookie := await self._gate.renew(request)):
            hand(response, cookie)
        return response

    async def _answered(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except DeniedError as error:
            return self._refuse(error.denied)
        except DeskError as error:
            return self._refuse(denied_for(error.refused))
        except RefusedError as error:
            return self._refuse(denied_as(error.refusal))
        except web.HTTPException as error:
            return self._refuse(_http_fault(error))
        except (ConnectionError, asyncio.CancelledError):
            raise
        except Exception:
            # One request's failure is ours to mend, but neither the asker's to read nor the server's to die of.
            logger.exception("request %s %s failed", request.method, request.path)
            problem = Problem(reason=Fault.INTERNAL, expected="an answer", came="a fault in the gateway; see its log")
            return self._refuse(Denied(500, Fault.INTERNAL, problem))

    def _refuse(self, denied: Denied) -> web.Response:
        self._refused[denied.fault] += 1
        return refused(denied)

    def _figures(self) -> WebFigures:
        turned_away = self._refused if self._lan is None else self._refused + self._lan.refused
        return WebFigures(self._uptime_s(), dict(turned_away), self._live.viewers, self._live.dropped)

    def _uptime_s(self) -> float:
        return self._clock.real_s() - self._started_s


def _made(runner: web.AppRunner) -> web.Server:
    server = runner.server
    assert server is not None  # set up before the first connection can come
    return server


def _is_plain(one: web.RequestHandler) -> bool:
    transport = one.transport
    return transport is not None and transport.get_extra_info("sslcontext") is None


class _Busy(asyncio.Protocol):
    """Answers a connection beyond the limit by closing it."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Close at once."""
        transport.close()


def _sender(asset: Asset) -> Handler:
    async def send(request: web.Request) -> web.StreamResponse:
        headers = {"ETag": asset.etag, "Cache-Control": "no-cache", "Content-Type": asset.content_type}
        if request.headers.get("If-None-Match") == asset.etag:
            return web.Response(status=304, headers=headers)
        return web.Response(body=asset.body, headers=headers)

    return send


async def _expected(_request: web.Request) -> None:
    """Say nothing yet: who waits to be told to go on (RFC 9110, 10.1.1) is told when a body is wanted."""


async def _dress(request: web.Request, response: web.StreamResponse) -> None:
    for name, value in HEADERS.items():
        response.headers[name] = value
    if response.status == HTTPStatus.METHOD_NOT_ALLOWED:
        response.headers["Allow"] = _methods(request)


def _methods(request: web.Request) -> str:
    """What a path can be asked by (RFC 9110, 15.5.6)."""
    resource = request.match_info.route.resource
    error = request.match_info.http_exception
    if isinstance(error, web.HTTPMethodNotAllowed):
        known = error.allowed_methods
    else:
        known = {"GET", "HEAD", "POST"} if resource is None else {route.method for route in resource}
    return ", ".join(sorted(known))


def _http_fault(error: web.HTTPException) -> Denied:
    faults = {405: Fault.METHOD, 413: Fault.TOO_LARGE}
    fault = faults.get(error.status, Fault.BAD_REQUEST)
    expected = "a path of /api/v1/openapi.json" if error.status == 404 else "a request as /api/v1/openapi.json says"
    return Denied(error.status, fault, Problem(reason=fault, expected=expected, came=error.reason))
