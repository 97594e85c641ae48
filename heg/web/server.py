"""The web server: aiohttp behind the guard. `run()` is one supervised task; nothing of it outlives that task."""

import asyncio
import contextlib
import logging
import socket
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable

from aiohttp import web

from heg.data.door import Door
from heg.model.refusals import RefusedError
from heg.runtime.clock import Clock
from heg.web.accounts.desk import DeskError
from heg.web.accounts.records import Reason, Refused
from heg.web.api import Api
from heg.web.assets import Asset, load_assets
from heg.web.gate import Gate, denied_for
from heg.web.guard import HEADERS, LARGEST_BODY_BYTES, Denied, Fault, judge
from heg.web.health import health
from heg.web.house import Home
from heg.web.login import DeniedError, LoginApi
from heg.web.messages import Alive, Health, Message, Problem, encode
from heg.web.metrics import CONTENT_TYPE, WebFigures, exposition
from heg.web.settings import WebSettings
from heg.web.snapshot import Snapshot
from heg.web.stream import Stream, Viewer, real_span

logger = logging.getLogger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_GOODBYE_S = 2.0
"""Real seconds that requests under way get at shutdown."""
_SEND_BUFFER_BYTES = 65_536
"""A live page's socket buffers little, so that a slow one misses pictures instead of lagging behind."""


class WebServer:
    """Serves the page, the API, the live stream, health and metrics on a listening socket that the caller owns."""

    def __init__(
        self,
        door: Door,
        clock: Clock,
        home: Home,
        settings: WebSettings,
        listener: socket.socket,
        gate: Gate | None = None,
    ) -> None:
        self._door = door
        self._clock = clock
        self._home = home
        self._settings = settings
        self._listener = listener
        self._assets = load_assets()
        self._refused: Counter[str] = Counter()
        self._started_s = clock.real_s()
        snapshot = Snapshot(door, clock, home)
        self._gate = gate
        self._api = Api(door, clock, home, snapshot, None if gate is None else gate.door_of)
        self._picture = lambda: encode(snapshot.state())
        self._stream = self._new_stream()

    async def run(self) -> None:
        """Serve until cancelled; on the way out every connection, task and buffer of ours is gone."""
        self._stream = self._new_stream()
        async with self._serving():
            await self._stream.run()

    @contextlib.asynccontextmanager
    async def _serving(self) -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()
        runner = web.AppRunner(
            self._application(),
            access_log=None,
            handle_signals=False,
            shutdown_timeout=real_span(self._clock, _GOODBYE_S),
            # Holds from the first moment on: who connects and never asks is let go as well.
            keepalive_timeout=real_span(self._clock, 30.0),
        )
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(runner.cleanup)
            await runner.setup()
            stack.callback(self._stream.close)
            # A copy: the caller's socket stays open, so that a restarted server finds its port still ours.
            copy = self._listener.dup()
            server = await loop.create_server(lambda: self._connection(runner), sock=copy, start_serving=False)
            stack.callback(server.close)
            await server.start_serving()
            yield

    def _connection(self, runner: web.AppRunner) -> asyncio.Protocol:
        server = runner.server
        assert server is not None  # set up before the first connection can come
        if len(server.connections) >= self._settings.connections:
            self._refused[Fault.TOO_MANY] += 1
            return _Busy()
        return server()

    def _application(self) -> web.Application:
        @web.middleware
        async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
            return await self._guarded(request, handler)

        application = web.Application(client_max_size=LARGEST_BODY_BYTES, middlewares=[guarded])
        application.on_response_prepare.append(_dress)
        routes = application.router
        for path, asset in self._assets.items():
            routes.add_get(path, _sender(asset))
        routes.add_get("/healthz", self._healthz)
        routes.add_get("/metrics", self._metrics)
        routes.add_get("/api/v1/events", self._events, allow_head=False)
        routes.add_get("/api/v1/health", self._health)
        self._api.add_routes(routes)
        if self._gate is not None:
            LoginApi(self._gate.desk).add_routes(routes)
        return application

    async def _guarded(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        denied = judge(request.method, request.headers, api=request.path.startswith("/api/"))
        if denied is not None:
            return self._refuse(denied)
        try:
            return await self._admitted(request, handler)
        except DeniedError as error:
            return self._refuse(error.denied)
        except DeskError as error:
            return self._refuse(denied_for(error.refused))
        except RefusedError as error:
            refusal = error.refusal
            problem = Problem(reason=refusal.code, expected=refusal.expected, came=refusal.came, mend=refusal.mend)
            return self._refuse(Denied(403, Fault.ACCESS, problem))
        except web.HTTPException as error:
            return self._refuse(_http_fault(error))
        except (ConnectionError, asyncio.CancelledError):
            raise
        except Exception:
            # One request's failure is ours to mend, but neither the asker's to read nor the server's to die of.
            logger.exception("request %s %s failed", request.method, request.path)
            problem = Problem(reason=Fault.INTERNAL, expected="an answer", came="a fault in the gateway; see its log")
            return self._refuse(Denied(500, Fault.INTERNAL, problem))

    async def _admitted(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Let the gate judge, where there is one; a command is written down with how it ended."""
        if self._gate is None:
            return await handler(request)
        denied = await self._gate.admit(request, frozenset(self._assets))
        if denied is not None:
            return self._refuse(denied)
        response = await handler(request)
        if request.method == "POST" and request.path.startswith("/api/v1/commands/"):
            await self._gate.note_command(request, response.status)
        return response

    def _refuse(self, denied: Denied) -> web.Response:
        self._refused[denied.fault] += 1
        response = answer(denied.problem, denied.status)
        if denied.retry_after_s > 0:
            response.headers["Retry-After"] = f"{denied.retry_after_s:.0f}"
        return response

    async def _healthz(self, _request: web.Request) -> web.Response:
        judged = self._judged()
        status = 200 if judged.healthy else 503
        # To strangers only that it lives: reasons and version are for those who are let in.
        return answer(judged if self._gate is None else Alive(healthy=judged.healthy), status)

    async def _health(self, request: web.Request) -> web.Response:
        self._for_the_household(request)
        return answer(self._judged())

    def _judged(self) -> Health:
        return health(self._door, self._clock, self._home, uptime_s=self._uptime_s())

    def _for_the_household(self, request: web.Request) -> None:
        """Refuse others what is one picture for all: no policy could narrow it."""
        if self._gate is not None and self._gate.door_of(request) is not None:
            refused = Refused(Reason.NOT_ALLOWED, "somebody of the household", "ask for /api/v1/history")
            raise DeniedError(denied_for(refused))

    async def _metrics(self, request: web.Request) -> web.Response:
        self._for_the_household(request)
        figures = WebFigures(self._uptime_s(), dict(self._refused), self._stream.viewers, self._stream.dropped)
        text = await exposition(self._door, self._clock, self._home, figures)
        return web.Response(body=text.encode(), headers={"Content-Type": CONTENT_TYPE, "Cache-Control": "no-store"})

    async def _events(self, request: web.Request) -> web.StreamResponse:
        self._for_the_household(request)
        viewer = self._stream.join()
        if viewer is None:
            expected = f"at most {self._settings.clients} open live pages"
            problem = Problem(reason=Fault.TOO_MANY, expected=expected, mend="close a page that is not needed")
            return self._refuse(Denied(503, Fault.TOO_MANY, problem))
        try:
            return await self._show(request, viewer)
        finally:
            self._stream.leave(viewer)

    async def _show(self, request: web.Request, viewer: Viewer) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
        if request.transport is not None:
            _keep_buffers_small(request.transport)
        await response.prepare(request)
        slow_s = real_span(self._clock, self._settings.slow_s)
        try:
            while (frame := await viewer.next()) is not None:
                if self._gate is not None and not self._gate.still_admits(request):
                    break  # logged out, or no longer allowed to look
                async with asyncio.timeout(slow_s):
                    await response.write(frame)
        except TimeoutError:
            logger.info("a live page did not read for %.0f s: dropped", self._settings.slow_s)
            if request.transport is not None:
                request.transport.abort()
        except ConnectionError:
            logger.debug("a live page went away")
        return response

    def _uptime_s(self) -> float:
        return self._clock.real_s() - self._started_s

    def _new_stream(self) -> Stream:
        return Stream(
            self._clock,
            self._picture,
            period_s=1.0 / self._settings.rate_hz,
            heartbeat_s=self._settings.heartbeat_s,
            room=self._settings.clients,
        )


def answer(message: Message, status: int = 200) -> web.Response:
    """A message as a JSON response that nobody may keep."""
    return web.Response(
        status=status,
        body=encode(message),
        headers={"Content-Type": "application/json", "Cache-Control": "no-store"},
    )


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


async def _dress(_request: web.Request, response: web.StreamResponse) -> None:
    for name, value in HEADERS.items():
        response.headers[name] = value


def _http_fault(error: web.HTTPException) -> Denied:
    faults = {405: Fault.METHOD, 413: Fault.TOO_LARGE}
    fault = faults.get(error.status, Fault.BAD_REQUEST)
    expected = (
        "a path of docs/integrators/api.md" if error.status == 404 else "a request as docs/integrators/api.md says"
    )
    return Denied(error.status, fault, Problem(reason=fault, expected=expected, came=error.reason))


def _keep_buffers_small(transport: asyncio.Transport) -> None:
    connection = transport.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)
