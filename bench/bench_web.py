"""The web behind a login: requests a second, logins, fifty live pages, memory, and control under fifty wild clients."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, ExitStack, contextmanager, suppress
from pathlib import Path

from bench.bench_control import CYCLE_S
from bench.memory import peak_mib
from bench.rows import Row, percentile
from bench.web_clients import PASSWORD, Answered, Client, Keys, claimed
from heg.cli.unit_commands import timing_of
from heg.config.reader import load
from heg.data.door import MailboxKind
from heg.devices.installed import installed_drivers
from heg.model.policy import CUSTOMER
from heg.runtime.clock import Clock
from heg.runtime.loops import run as run_loop
from heg.runtime.notify import ServiceManager
from heg.unit.site import Site
from heg.unit.unit import Unit
from heg.web.listen import open_listener
from heg.web.settings import WebSettings
from tests.support.processes import GatewayProcess, world
from tests.web.exposed import exposed

ROOT = Path(__file__).parents[1]
SETTLE_S = 15.0
CONNECTIONS = 8
ASKING_S = 3.0
LOGINS = 20
PAGES = 50
HAMMERS = 50
WATCHED_S = 20.0
HAMMERED_S = WATCHED_S + 10.0
TOKENS = 25
EVERYTHING = (
    "/api/v1/state",
    "/api/v1/latest",
    "/api/v1/variables",
    "/api/v1/devices",
    "/api/v1/plan",
    "/api/v1/savings",
    "/api/v1/energy",
    "/api/v1/accounts",
    "/api/v1/tokens",
    "/api/v1/audit",
    "/api/v1/audit/verdict",
    "/api/v1/openapi.json",
    "/metrics",
)


def run() -> list[Row]:
    """Throughput of a house on paper without budgets; then the real gateway with the rig."""
    return [*asyncio.run(_throughput()), *_gateway(), *_under_load()]


async def _throughput() -> list[Row]:
    with exposed() as gateway:
        port = int(gateway.address.rpartition(":")[2])
        key = f"Authorization: {gateway.askers['token'].value}"
        history = "/api/v1/history?variable=power.active&device=meter&resolution=1min&limit=360"
        asked: list[tuple[str, Callable[[Client], Awaitable[Answered]]]] = [
            ("state", lambda client: client.get("/api/v1/state")),
            ("newest values of a device", lambda client: client.get("/api/v1/latest?device=battery")),
            ("page of history, 360 rows", lambda client: client.get(history)),
            ("command", lambda client: client.post("/api/v1/commands/hands-off", {"on": False})),
        ]
        rows = []
        for name, ask in asked:
            spans_s = await _spans_s(port, key, ask)
            note = f"{CONNECTIONS} connections; p50 {percentile(spans_s, 0.5) * 1e3:.1f} ms"
            rows.append(Row(f"requests a second: {name}", len(spans_s) / ASKING_S, "/s", note))
        return rows


async def _spans_s(port: int, key: str, ask: Callable[[Client], Awaitable[Answered]]) -> list[float]:
    spans_s: list[float] = []
    until_s = time.monotonic() + ASKING_S

    async def one() -> None:
        async with Client(port, key) as client:
            while time.monotonic() < until_s:
                answered = await ask(client)
                assert answered.status == 200, answered
                spans_s.append(answered.span_s)

    await asyncio.gather(*(one() for _ in range(CONNECTIONS)))
    return spans_s


def _gateway() -> list[Row]:
    with _started(login=False) as gateway:
        plain_mib = asyncio.run(_settled_mib(gateway, "X-Key: none"))
    with _started(login=True) as gateway:
        return asyncio.run(_visited(gateway, plain_mib))


@contextmanager
def _started(*, login: bool) -> Iterator[GatewayProcess]:
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        _, gateway = world(stack, Path(folder), speed=1.0)
        if login:
            gateway.config.write_text(gateway.config.read_text().replace("[web]\n", "[web]\nlogin = true\n"))
        gateway.start()
        yield gateway


async def _settled_mib(gateway: GatewayProcess, key: str) -> float:
    async with Client(gateway.port, key) as client:
        until_s = time.monotonic() + 30.0
        while not any(one["held"] for one in (await client.get("/api/v1/state")).json["actuators"]):
            assert time.monotonic() < until_s, "the battery is not controlled"
            await asyncio.sleep(0.2)
    await asyncio.sleep(SETTLE_S)
    return gateway.resident_mib()


async def _visited(gateway: GatewayProcess, plain_mib: float) -> list[Row]:
    """People log in and look at everything; then fifty pages stay open."""
    keys = await claimed(gateway.config, gateway.port, tokens=2)
    before_mib = await _settled_mib(gateway, keys.tokens[0])
    async with Client(gateway.port) as client:
        credentials = {"name": "owner", "password": PASSWORD}
        logins = [await client.post("/api/v1/session", credentials) for _ in range(LOGINS)]
        wrong = [await client.post("/api/v1/session", credentials | {"password": "wrong"}) for _ in range(3)]
    assert {one.status for one in logins} == {200}
    assert {one.status for one in wrong} == {401}
    async with Client(gateway.port, f"Cookie: {logins[-1].cookies}") as client:
        for path in EVERYTHING:
            assert (await client.get(path)).status == 200, path
    await asyncio.sleep(2.0)
    after_mib = gateway.resident_mib()
    pages = await _pages(gateway, keys)
    spans_ms = [one.span_s * 1e3 for one in logins]
    return [
        Row(
            "login, p50",
            percentile(spans_ms, 0.5),
            "ms",
            f"{LOGINS} with their hashes; p95 {percentile(spans_ms, 0.95):.0f} ms",
        ),
        Row("gateway with the page, without login", plain_mib, "MiB", f"after {SETTLE_S:g} s; nobody came"),
        Row(
            "added: login, API, what was asked",
            after_mib - plain_mib,
            "MiB",
            f"after {LOGINS} logins and everything",
            8.0,
        ),
        Row("of it left by the logins themselves", after_mib - before_mib, "MiB", "and by everything asked once"),
        Row(
            "peak while a password is hashed", peak_mib(gateway.pid) - after_mib, "MiB", "its buffer is 46, given back"
        ),
        *pages,
    ]


async def _pages(gateway: GatewayProcess, keys: Keys) -> list[Row]:
    """Fifty live pages at once: what they cost, and when a change is seen by the last of them."""
    before_mib = gateway.resident_mib()
    async with AsyncExitStack() as stack:
        pages = [await stack.enter_async_context(Client(gateway.port, keys.tokens[n % 2])) for n in range(PAGES)]
        for page in pages:
            await page.watch("/api/v1/events")
            await page.frame()
        used_s, begun_s = _used_s(gateway), time.perf_counter()
        reading = [asyncio.create_task(_read_for(page, 5.0)) for page in pages]
        await asyncio.gather(*reading)
        share = (_used_s(gateway) - used_s) / (time.perf_counter() - begun_s)
        open_mib = gateway.resident_mib()
        seen_ms: list[float] = []
        async with Client(gateway.port, keys.tokens[0]) as owner:
            for turn in range(6):
                seen_ms.append(await _seen_ms(owner, pages, on=turn % 2 == 0))
                await asyncio.sleep(1.0)
    return [
        Row(
            f"{PAGES} live pages",
            open_mib - before_mib,
            "MiB",
            f"each {(open_mib - before_mib) * 1024 / PAGES:.0f} KiB",
        ),
        Row("their processor time", share * 100, "%", "of one core, with all else the gateway does"),
        Row("an order is seen by all of them, p50", percentile(seen_ms, 0.5), "ms", "at most 4 pictures a second"),
        Row("at worst", max(seen_ms), "ms", f"of {len(seen_ms)}"),
    ]


async def _read_for(page: Client, seconds: float) -> None:
    until_s = time.monotonic() + seconds
    while time.monotonic() < until_s:
        await page.frame()


async def _seen_ms(owner: Client, pages: Sequence[Client], *, on: bool) -> float:
    wanted = b'"hands_off":true' if on else b'"hands_off":false'

    async def seen(page: Client) -> float:
        while wanted not in await page.frame():
            pass
        return time.perf_counter()

    watching = [asyncio.create_task(seen(page)) for page in pages]
    begun_s = time.perf_counter()
    answered = await owner.post("/api/v1/commands/hands-off", {"on": on})
    assert answered.status == 200, answered
    return (max(await asyncio.gather(*watching)) - begun_s) * 1e3


def _used_s(gateway: GatewayProcess) -> float:
    fields = Path(f"/proc/{gateway.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _under_load() -> list[Row]:
    """The gateway in this process, house and clients in others: how punctual control is, at rest and under load."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        _, gateway = world(stack, Path(name), speed=1.0)
        text = gateway.config.read_text().replace("[web]\n", "[web]\nlogin = true\n")
        gateway.config.write_text(f"{text}[control]\ncycle_s = {CYCLE_S}\n")
        loaded = load(gateway.config, installed_drivers().specs)
        return run_loop(lambda clock: _hammered(clock, gateway.config), timing=timing_of(loaded))


async def _hammered(clock: Clock, config: Path) -> list[Row]:
    drivers = installed_drivers()
    loaded = load(config, drivers.specs)
    with open_listener(WebSettings(port=0)) as listener:
        port = int(listener.getsockname()[1])
        site = Site(config.parent / "state", drivers.specs, ServiceManager(None), listener=listener)
        unit, stop = Unit(loaded, clock, site), asyncio.Event()
        running = asyncio.ensure_future(unit.run(stop))
        try:
            await clock.sleep(SETTLE_S)
            gc.freeze()  # as `heg run` does
            keys = await claimed(config, port, TOKENS)
            rest_ms, _ = await _punctual(clock, unit)
            # They would be on machines of their own: they take what the gateway leaves of this one.
            command = ["nice", "-n", "19", sys.executable, "-m", "bench.web_hammer", str(port), str(HAMMERED_S)]
            pipe = asyncio.subprocess.PIPE
            hammer = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, cwd=ROOT)
            said = asyncio.create_task(hammer.communicate("\n".join(keys.tokens * (HAMMERS // TOKENS)).encode()))
            await clock.sleep(5.0)
            load_ms, cycles = await _punctual(clock, unit)
            answers: dict[str, int] = json.loads((await said)[0])
        finally:
            gc.unfreeze()
            stop.set()
            await running
    asked = sum(answers.values())
    note = f"{asked / HAMMERED_S:.0f} answers a second, {answers.get('200', 0) / asked:.0%} of them let in"
    return [
        Row("loop lag, p99", percentile(rest_ms, 0.99), "ms", "nobody asks"),
        Row(f"loop lag while {HAMMERS} clients hammer, p50", percentile(load_ms, 0.5), "ms", note, 10.0),
        Row("the same, p99", percentile(load_ms, 0.99), "ms", "a cycle is 1 s"),
        Row("the same, at worst", max(load_ms), "ms", f"in {WATCHED_S:g} s", 1000.0),
        Row(
            "control cycles done meanwhile",
            cycles * CYCLE_S / WATCHED_S * 100,
            "%",
            "of those due",
            98.0,
            at_most=False,
        ),
    ]


async def _punctual(clock: Clock, unit: Unit) -> tuple[list[float], int]:
    """How late the loop wakes what asked to be woken, in ms, and how many control cycles were done."""
    told = unit.data.admit(CUSTOMER, "bench").event("self.cycle_time", mailbox=MailboxKind.LATEST, size=4096)
    late_ms: list[float] = []
    until_s = clock.monotonic_s() + WATCHED_S
    while (due_s := clock.monotonic_s() + 0.01) < until_s:
        await clock.sleep_until(due_s)
        late_ms.append((clock.monotonic_s() - due_s) * 1e3)
    cycles = 0
    with suppress(TimeoutError):
        async with asyncio.timeout(1.0):
            async for _ in told:
                cycles += 1
    told.close()
    return late_ms, cycles
