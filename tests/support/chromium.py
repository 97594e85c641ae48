"""A headless Chromium driven over its DevTools protocol: enough to open a page, look at it and ask it things."""

import asyncio
import base64
import contextlib
import itertools
import subprocess
from collections.abc import AsyncIterator, Awaitable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from heg.web.assets import load_assets
from tests.support.peers import program, unless

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--disable-dev-shm-usage",
    "--remote-debugging-port=0",
)


def chromium() -> str | None:
    """Where Chromium is, None where this machine has none."""
    return next((found for name in _NAMES if (found := program(name))), None)


def needs_page(*bundles: str) -> pytest.MarkDecorator:
    """Mark a test that looks at the page: it is skipped without Chromium, or where a bundle is not built."""
    built = load_assets()
    return unless(*(() if chromium() else ("chromium",)), *(f"the page's {one}" for one in bundles if one not in built))


class Page:
    """One tab. Times are real: a browser knows no other."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._ids = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._loaded = asyncio.Event()
        self.requested: list[str] = []
        self.complaints: list[str] = []

    async def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        number = next(self._ids)
        self._waiting[number] = asyncio.get_running_loop().create_future()
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        return await self._waiting[number]

    async def evaluate(self, expression: str) -> Any:
        answer = await self.ask("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise AssertionError(f"{expression}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    async def rest(self, seconds: float) -> None:
        """Let the page live for a while of real time."""
        await self.evaluate(f"new Promise((done) => setTimeout(done, {seconds * 1000}))")

    async def until(self, expression: str, *, seconds: float = 20.0, optional: bool = False) -> Any:
        """Wait in real time until the expression is true; the loop's own time may be scaled."""
        result = await self.evaluate(
            f"(async () => {{ for (let i = 0; i < {int(seconds * 20)}; i++) {{"
            f" const found = ({expression}); if (found) return found;"
            " await new Promise((done) => setTimeout(done, 50)); } return null; })()"
        )
        assert result or optional, f"in {seconds} s never true: {expression}; complaints: {self.complaints}"
        return result

    async def size(
        self, width: int, height: int, *, dark: bool = False, scale: float = 1.0, calm: bool = False
    ) -> None:
        metrics = {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": width < 600}
        await self.ask("Emulation.setDeviceMetricsOverride", **metrics)
        features = [
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
            {"name": "prefers-reduced-motion", "value": "reduce" if calm else "no-preference"},
        ]
        await self.ask("Emulation.setEmulatedMedia", features=features)

    async def open(self, address: str) -> None:
        self._loaded.clear()
        await self.ask("Page.navigate", url=address)
        await self._loaded.wait()

    async def through(self, act: Awaitable[object]) -> None:
        """Do what makes the page load anew, and wait until it has: nothing can be asked in between."""
        self._loaded.clear()
        await act
        await self._loaded.wait()

    async def key(self, name: str) -> None:
        """Press a key and let go, where the focus is."""
        codes = {"ArrowLeft": 37, "ArrowRight": 39, "End": 35, "Home": 36, "Tab": 9, "Enter": 13, "Escape": 27}
        typed = {"text": "\r"} if name == "Enter" else {}
        for kind in ("keyDown" if typed else "rawKeyDown", "keyUp"):
            code = codes[name]
            await self.ask(
                "Input.dispatchKeyEvent", type=kind, key=name, code=name, windowsVirtualKeyCode=code, **typed
            )

    async def type(self, text: str) -> None:
        """Type, or paste, where the focus is."""
        await self.ask("Input.insertText", text=text)

    async def picture(self, file: Path, *, whole: bool = False) -> None:
        answer = await self.ask("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        await asyncio.to_thread(file.write_bytes, base64.b64decode(answer["data"]))

    async def read(self) -> None:
        async for message in self._socket:
            self._hear(message.json())
        for waiting in self._waiting.values():
            waiting.cancel()

    def _hear(self, said: dict[str, Any]) -> None:
        if (number := said.get("id")) is not None:
            waiting = self._waiting.pop(number)
            if "error" in said:
                waiting.set_exception(AssertionError(str(said["error"])))
            else:
                waiting.set_result(said["result"])
            return
        details = said.get("params", {})
        match said.get("method"):
            case "Page.loadEventFired":
                self._loaded.set()
            case "Network.requestWillBeSent":
                self.requested.append(details["request"]["url"])
            case "Runtime.exceptionThrown":
                self.complaints.append(str(details["exceptionDetails"].get("exception", details["exceptionDetails"])))
            case "Log.entryAdded" if details["entry"]["level"] in ("error", "warning"):
                self.complaints.append(f"{details['entry']['text']} {details['entry'].get('url', '')}")
            case "Runtime.consoleAPICalled" if details["type"] in ("error", "warning"):
                self.complaints.append(str(details["args"]))


@contextlib.contextmanager
def started(folder: Path) -> Iterator[str]:
    """A new Chromium with a new profile in `folder`, for many tabs; yields where it listens."""
    program = chromium()
    assert program is not None
    process = subprocess.Popen(
        [program, *_FLAGS, f"--user-data-dir={folder / 'profile'}", "about:blank"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    try:
        assert process.stderr is not None
        said = next((line for line in process.stderr if b"DevTools listening on ws://" in line), None)
        assert said is not None, "Chromium ended before it listened"
        yield said.decode().split("listening on ")[1].strip()
    finally:
        process.terminate()
        process.communicate()


@contextlib.asynccontextmanager
async def visiting(browser: str) -> AsyncIterator[Page]:
    """A tab of a started Chromium with cookies of its own, like another person's browser."""
    # The library's own limits run by the loop's clock: half a minute of it is half a second where time is scaled.
    patient = aiohttp.ClientTimeout(total=None, connect=None, sock_connect=None, sock_read=None)
    async with (
        aiohttp.ClientSession(timeout=patient) as session,
        session.ws_connect(browser) as socket,
        _talking(socket) as whole,
    ):
        context = (await whole.ask("Target.createBrowserContext"))["browserContextId"]
        try:
            target = (await whole.ask("Target.createTarget", url="about:blank", browserContextId=context))["targetId"]
            place = f"{browser.partition('/devtools/')[0]}/devtools/page/{target}"
            async with session.ws_connect(place, max_msg_size=64 * 2**20) as tab, _talking(tab) as page:
                for domain in ("Page", "Runtime", "Network", "Log"):
                    await page.ask(f"{domain}.enable")
                yield page
        finally:
            await whole.ask("Target.disposeBrowserContext", browserContextId=context)


@contextlib.asynccontextmanager
async def browsing(folder: Path) -> AsyncIterator[Page]:
    """A new Chromium with one tab; it is gone afterwards."""
    with started(folder) as browser:
        async with visiting(browser) as page:
            yield page


@contextlib.asynccontextmanager
async def _talking(socket: aiohttp.ClientWebSocketResponse) -> AsyncIterator[Page]:
    page = Page(socket)
    reading = asyncio.create_task(page.read())
    try:
        yield page
    finally:
        reading.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await reading
