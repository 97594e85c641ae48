"""A gateway on paper in a thread of its own, in real time, and `heg` in front of it as a person would type it."""

from __future__ import annotations

import asyncio
import io
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from heg.cli import main
from heg.data.store.settings import StoreSettings
from heg.data.store.store import SqliteStore
from heg.runtime.clock import Clock
from heg.runtime.loops import RealTiming, run
from tests.web.accounts.gateway import console, desk_in
from tests.web.serving import Served, serving
from tests.web.tls.serving import LanServed, serving_lan

PASSWORD = "a good long passphrase"
_WITHIN_S = 30.0


@dataclass
class Behind:
    """What is served in the thread, with its loop."""

    served: Any
    loop: asyncio.AbstractEventLoop
    clock: Clock

    def do(self, work: Callable[[], Awaitable[Any]]) -> Any:
        """Do something on the gateway's loop and wait for it."""

        async def done() -> Any:
            return await work()

        return asyncio.run_coroutine_threadsafe(done(), self.loop).result(_WITHIN_S)

    def call(self, work: Callable[[], object]) -> None:
        """Do something on the gateway's loop that waits for nothing."""

        async def done() -> None:
            work()

        self.do(done)


@contextmanager
def in_thread(serve: Callable[[Clock], Any]) -> Iterator[Behind]:
    """Hold what an asynchronous context manager serves, while this thread asks it."""
    ready, found = threading.Event(), list[Behind]()
    stop: list[Callable[[], object]] = []

    async def serving_until_stopped(clock: Clock) -> None:
        over = asyncio.Event()
        loop = asyncio.get_running_loop()
        stop.append(lambda: loop.call_soon_threadsafe(over.set))
        async with serve(clock) as served:
            found.append(Behind(served, loop, clock))
            ready.set()
            await over.wait()

    def work() -> None:
        try:
            run(serving_until_stopped, timing=RealTiming())
        finally:
            ready.set()

    thread = threading.Thread(target=work, name="gateway")
    thread.start()
    try:
        assert ready.wait(_WITHIN_S)
        assert found, "it was not served"
        yield found[0]
    finally:
        for end in stop:
            end()
        thread.join(_WITHIN_S)
        assert not thread.is_alive()


@contextmanager
def plain_gateway() -> Iterator[Behind]:
    """One that asks for no login, on loopback."""
    with in_thread(serving) as behind:
        yield behind


@contextmanager
def gateway_with_login(folder: Path) -> Iterator[tuple[Served, str]]:
    """One that asks for a login and has no owner yet, and the code to claim it."""

    @asynccontextmanager
    async def serve(clock: Clock) -> Any:
        store = SqliteStore(clock, StoreSettings(folder / "store.sqlite"))
        async with desk_in(folder, clock) as desk, serving(clock, desk=desk, store=store) as served:
            served.house.tick()
            yield served

    with in_thread(serve) as behind:
        yield behind.served, console(folder, behind.clock).reveal()


@contextmanager
def gateway_at_home(folder: Path) -> Iterator[LanServed]:
    """One that the home network reaches over TLS, by a certificate of its own."""
    with in_thread(lambda clock: serving_lan(clock, folder)) as behind:
        yield behind.served


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


class Person:
    """Types commands into a machine whose home is `folder`; nobody sits at its terminal."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self._capsys = capsys
        self._environment = monkeypatch
        monkeypatch.setenv("XDG_CONFIG_HOME", str(folder))
        for name in ("HEG_HOST", "HEG_TOKEN", "HEG_CONFIG"):
            monkeypatch.delenv(name, raising=False)

    def has(self, **variables: str) -> None:
        """Set variables of the environment."""
        for name, value in variables.items():
            self._environment.setenv(name, value)

    def heg(self, *arguments: object, typed: str = "") -> Ended:
        """Run a command, with this on its standard input."""
        self._environment.setattr("sys.stdin", io.StringIO(typed))
        self._capsys.readouterr()
        try:
            code = main([str(one) for one in arguments])
        except SystemExit as end:
            code = int(end.code or 0)
        out, err = self._capsys.readouterr()
        return Ended(code, out, err)


@dataclass
class Owner:
    """Anna, who has claimed the gateway, at her machine."""

    person: Person
    port: int

    def __call__(self, *arguments: object, typed: str = PASSWORD) -> Ended:
        return self.person.heg("--host", f"127.0.0.1:{self.port}", *arguments, typed=typed)

    def by_password(self, *arguments: object) -> Ended:
        """What no token may do."""
        return self(*arguments, "--name", "anna", "--password-stdin")

    @property
    def kept(self) -> Path:
        """The file of what her machine knows."""
        return self.person.folder / "heg" / "hosts.toml"


@contextmanager
def claimed_gateway(person: Person, folder: Path) -> Iterator[Owner]:
    """One that its owner has just claimed from the command line."""
    with gateway_with_login(folder) as (served, code):
        owner = Owner(person, served.port)
        typed = f"{code}\n{PASSWORD}\n"
        said = owner("claim", "--name", "anna", "--code-stdin", "--password-stdin", typed=typed)
        assert (said.code, said.err) == (0, ""), said.err
        assert "anna is owner now" in said.out
        yield owner


@pytest.fixture
def person(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Person:
    """Somebody at a machine of their own."""
    return Person(tmp_path / "home", capsys, monkeypatch)
