"""The page in a real browser at 60 times real time: what the householder sees, and that nothing comes from afar."""

import asyncio
import contextlib
import time
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Self

import pytest

from heg.data.interface import DataInterface
from heg.model.policy import CUSTOMER
from heg.model.records import Severity
from heg.runtime.clock import Clock
from heg.runtime.loops import ScaledTiming, run
from heg.web.listen import open_listener, page_address
from heg.web.server import WebServer
from heg.web.settings import WebSettings
from tests.support.chromium import Page, browsing, chromium
from tests.web.house import HOME, PV, PaperHouse

pytestmark = pytest.mark.system
BUILT = (resources.files("heg.web") / "static" / "dist" / "index.html").is_file()
needs_page = pytest.mark.skipif(not BUILT, reason="the page is not built: ./dev build-web")
needs_browser = pytest.mark.skipif(chromium() is None, reason="no Chromium on this machine: apt-get install chromium")


class Household:
    """A gateway's web and the house behind it, which can be taken down and brought back."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._settings = WebSettings(port=0)
        self._data = DataInterface(clock, HOME.unit)
        self._listener = open_listener(self._settings)
        self._tasks: list[asyncio.Task[None]] = []
        self.house = PaperHouse(self._data, clock)
        self.address = page_address(self._listener)

    async def __aenter__(self) -> Self:
        self.serve()
        self._tasks.append(asyncio.create_task(self._live()))
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._data.close()
        self._listener.close()

    def serve(self) -> None:
        web = WebServer(self._data.admit(CUSTOMER, "web"), self._clock, HOME, self._settings, self._listener)
        self._tasks.insert(0, asyncio.create_task(web.run()))

    async def go_away(self) -> None:
        web = self._tasks.pop(0)
        web.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await web

    async def _live(self) -> None:
        while True:
            await self._clock.sleep(1.0)
            self.house.tick()


def text(selector: str) -> str:
    return f"document.querySelector('{selector}').textContent"


async def first_start(page: Page, home: Household) -> None:
    await page.open(home.address)
    await page.until("!document.querySelector('#looking').hidden")
    assert await page.evaluate("document.querySelector('#now').hidden")


async def a_house_appears(page: Page, home: Household) -> None:
    home.house.remember()
    home.house.attach()
    await page.until(f"{text('#node-house [data-part=value]')}.match(/^[0-9.]+\\u00a0kW$/)")
    await page.until(
        "!document.querySelector('#now').hidden && document.querySelectorAll('#chart canvas').length === 1"
    )
    assert await page.evaluate(text("#speed")) == "60\u00d7 speed"
    assert await page.evaluate(text(".why")) == "Stores spare sun and gives it back, so that little is bought."
    assert await page.evaluate("document.querySelectorAll('.device').length") == 3
    # House time runs, in the house's own zone (UTC + 2 in June), whatever the browser's is.
    assert str(await page.evaluate(text("#house-time"))).startswith(("12:", "13:", "14:"))
    before = await page.evaluate(text("#house-time"))
    await page.until(f"{text('#house-time')} !== '{before}'")
    # Reloaded, the past comes from the gateway's history.
    await page.open(home.address)
    await page.until(f"{text('#today [data-part=produced]')}.match(/^[1-9][0-9.]* kWh$/)".replace(" kWh", "\\u00a0kWh"))


async def the_owner_orders(page: Page, home: Household) -> None:
    await page.evaluate("document.querySelector('#hands-off').click()")
    await page.until("document.querySelector('#hands-off').getAttribute('aria-checked') === 'true'")
    assert home.house.hands_off
    await page.until(f"{text('.actuator .chip')} === 'Released'")
    await page.evaluate("document.querySelector('#hands-off').click()")
    await page.until("document.querySelector('#hands-off').getAttribute('aria-checked') === 'false'")
    await page.evaluate("document.querySelector('.by-hand').open = true")
    await page.evaluate("document.querySelector('.by-hand form').requestSubmit()")
    await page.until(f"{text('.by-hand [data-part=answer]')}.startsWith('Done')")
    assert home.house.orders[-1][2] == {"regime": "charge", "power_kw": 1.0, "valid_s": 3600.0}


async def trouble_is_told(page: Page, home: Household) -> None:
    home.house.alarm("silent", Severity.ALARM, "The <b>PV</b> inverter is silent.", "See its power.")
    home.house.lose(PV)
    await page.until("document.querySelectorAll('.alarm').length === 1")
    # What a device or a peer says is text, never markup.
    assert "<b>PV</b>" in str(await page.evaluate(text(".alarm")))
    await page.until("[...document.querySelectorAll('.device .chip')].some((chip) => chip.textContent === 'Lost')")


async def the_line_breaks_and_heals(page: Page, home: Household) -> None:
    await home.go_away()
    await page.until("!document.querySelector('#banner-lost').hidden")
    home.serve()
    await page.until("document.querySelector('#banner-lost').hidden", seconds=25.0)


async def it_fits(page: Page) -> None:
    for width in (360, 768, 1280):
        await page.size(width, 800)
        await page.rest(0.2)
        assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), width


async def people_can_read_it(page: Page) -> None:
    """Contrast of all texts against what lies behind them (WCAG 2.2, 1.4.3), in light and in dark."""
    for dark in (False, True):
        await page.size(1280, 900, dark=dark)
        await page.rest(0.3)
        assert await page.evaluate(_CONTRAST) == []
    unnamed = (
        "[...document.querySelectorAll('button, input, select')]"
        ".filter((one) => !(one.textContent.trim() || one.closest('label')))"
    )
    assert await page.evaluate(f"{unnamed}.length") == 0


@needs_page
@needs_browser
def test_the_page(tmp_path: Path) -> None:
    async def look(clock: Clock) -> None:
        async with Household(clock) as home, browsing(tmp_path) as page:
            await page.size(1280, 900)
            await first_start(page, home)
            await a_house_appears(page, home)
            await the_owner_orders(page, home)
            await trouble_is_told(page, home)
            await it_fits(page)
            await people_can_read_it(page)
            assert page.complaints == []
            await the_line_breaks_and_heals(page, home)
            strangers = [url for url in page.requested if not url.startswith((home.address, "about:"))]
            assert strangers == []

    run(look, timing=ScaledTiming(60.0, datetime(2026, 6, 3, 10, 20, tzinfo=UTC), time.time()))  # noqa: TID251 - where the clock is made


@needs_page
def test_the_built_page_names_no_other_place_and_holds_no_script_of_its_own() -> None:
    dist = resources.files("heg.web") / "static" / "dist"
    html = (dist / "index.html").read_text(encoding="utf-8")
    assert "style=" not in html
    assert " on" + "click" not in html
    assert html.count("<script") == html.count('<script type="module" src="/app.js"></script>') == 1
    for name in ("index.html", "app.js", "style.css"):
        content = (dist / name).read_text(encoding="utf-8").replace("http://www.w3.org/", "")
        assert "http://" not in content, name
        assert "https://" not in content, name


_CONTRAST = """
(() => {
  const parse = (color) => (color.match(/[0-9.]+/g) ?? []).map(Number);
  const lightness = ([r, g, b]) => {
    const part = (v) => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; };
    return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
  };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = parse(getComputedStyle(at).backgroundColor);
      if (color.length === 3 || color[3] === 1) return color;
    }
    return [255, 255, 255];
  };
  const bad = [];
  for (const element of document.querySelectorAll('body *')) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!own || !element.checkVisibility() || ['SCRIPT', 'NOSCRIPT'].includes(element.tagName)) continue;
    const svg = element.namespaceURI.endsWith('svg');
    if (svg && element.tagName !== 'text') continue;
    const style = getComputedStyle(element);
    const [a, b] = [lightness(parse(svg ? style.fill : style.color)), lightness(behind(element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const text = element.textContent.trim().slice(0, 20);
    if (ratio < 4.5) bad.push(`${element.tagName} "${text}" ${ratio.toFixed(2)}`);
  }
  return bad;
})()
"""
