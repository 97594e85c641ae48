"""The page in a real browser beside the house on paper: planned, lacking, unplanned, young, with a car; at
any width."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from heg.runtime.clock import Clock
from heg.runtime.loops import run
from tests.support.chromium import Page, needs_page, visiting
from tests.web.preview import Preview, previewing, timing

APP = Path(__file__).parents[2] / "heg" / "web" / "app"
AXE = APP / "node_modules" / "axe-core" / "axe.min.js"
PHONE, DESK = (360, 800), (1280, 900)
NOON = datetime(2026, 6, 3, 10, 20, tzinfo=UTC)
NIGHT_OF_THE_LONG_DAY = datetime(2026, 10, 24, 20, 0, tzinfo=UTC)
"""In Rome the clocks go back the night after: the coming 24 hours hold 03:00 twice."""

pytestmark = [pytest.mark.system, needs_page("/app.js")]

Scene = Callable[[Page, Preview], Awaitable[None]]


def look(what: str, browser: str, scene: Scene, *, utc: datetime = NOON, speed: float = 60.0) -> None:
    """Show a house and look at it; the page may only ask its own gateway, and nothing may complain."""

    async def main(clock: Clock) -> None:
        async with previewing(clock, 0, what) as preview, calmly(browser) as page:
            await page.open(preview.address)
            await page.until("!document.body.classList.contains('waiting') && document.body.dataset.past === 'loaded'")
            await scene(page, preview)
            assert page.complaints == []
            assert {url for url in page.requested if not url.startswith((preview.address, "about:", "data:"))} == set()

    run(main, timing=timing(utc, speed))


@contextlib.asynccontextmanager
async def calmly(browser: str) -> AsyncIterator[Page]:
    """A person's own tab in which nothing moves."""
    async with visiting(browser) as page:
        await page.size(*DESK, calm=True)
        yield page


async def words(page: Page, part: str) -> str:
    found = await page.evaluate(f"document.querySelector({json.dumps(part)}).innerText")
    return str(found).replace("\u00a0", " ")


async def fits(page: Page, width: int, height: int, *, dark: bool, rest_s: float = 0.3) -> None:
    await page.size(width, height, dark=dark, calm=True)
    await page.rest(rest_s)
    assert await too_wide(page) == []
    if AXE.is_file():
        assert await violations(page) == []


async def too_wide(page: Page) -> list[Any]:
    """What stands out of the page to the right."""
    found = await page.evaluate(
        "[...document.querySelectorAll('main *, nav *, dialog *')]"
        ".filter((one) => !one.closest('.scroll, .hush, svg, pre') &&"
        " one.getBoundingClientRect().right > document.documentElement.clientWidth + 1)"
        ".map((one) => one.outerHTML.slice(0, 90))"
    )
    return list(found)


async def violations(page: Page) -> list[Any]:
    """What axe-core finds, each rule with the places that break it."""
    if not await page.evaluate("typeof axe === 'object'"):
        await page.evaluate(await asyncio.to_thread(AXE.read_text, "utf-8") + "; 0")
    found = await page.evaluate(
        "axe.run(document, { resultTypes: ['violations'] }).then((said) => said.violations.map((rule) =>"
        " [rule.id, rule.help, rule.nodes.slice(0, 4).map((node) => node.html.slice(0, 120))]))"
    )
    return list(found)


def test_the_plan_is_shown_with_its_reason_and_what_became_of_it(browser: str) -> None:
    async def scene(page: Page, preview: Preview) -> None:
        await page.until("document.body.dataset.plan === 'loaded'")
        assert "the battery is charged for 19:30" in await words(page, "#why-text")
        assert await words(page, "#why-state") == "Planned"
        assert "0.360 EUR/kWh at 19:30" in await words(page, "#why-facts")
        assert "take spare sun" in await words(page, "#why-facts [data-part=next]")
        assert float((await words(page, "#savings [data-part=none-today]")).removesuffix(" EUR")) > 0
        await page.evaluate("document.getElementById('others-ask').click()")
        await page.until("document.querySelectorAll('#others li').length === 2")
        assert (await words(page, "#others")).startswith("Doing nothing now (0.00 kW) would cost 0.120 EUR more.")
        await page.until("document.body.dataset.week === 'loaded' && !!document.querySelector('#week-chart canvas')")
        await page.evaluate("document.querySelector('#week-details').open = true")
        assert "14.2 kWh (11.0 kWh to 18.9 kWh)" in await words(page, "#week-rows")
        assert await page.evaluate("document.querySelector('#week-note').hidden")
        for size, dark in ((DESK, False), (PHONE, True), (PHONE, False), (DESK, True)):
            await fits(page, *size, dark=dark)

    look("house", browser, scene)


def test_the_chart_is_read_by_keyboard_and_as_a_table(browser: str) -> None:
    async def scene(page: Page, preview: Preview) -> None:
        await page.until(
            "document.body.dataset.plan === 'loaded' && document.querySelector('#plan-time').max === '191'"
        )
        await page.evaluate("document.querySelector('#plan-time').focus()")
        await page.rest(0.2)
        for _ in range(4):
            await page.key("ArrowLeft")
        said = await words(page, "#plan-readout")
        assert said.startswith(("11:15", "11:30", "11:45")), said
        assert said == (await page.evaluate("document.querySelector('#plan-time').ariaValueText")).replace(
            "\u00a0", " "
        )
        await page.key("End")
        assert "Thu, Jun 4" in await words(page, "#plan-readout")
        assert "expected" in await words(page, "#plan-readout")
        await page.evaluate("document.querySelector('#plan-details').open = true")
        count = "document.querySelectorAll('#plan-rows tr').length"
        rows = await page.until(f"{count} > 40 && {count}")
        assert rows in (48, 49)
        table = await words(page, "#plan-rows")
        assert "-0.01" in table or "-0.02" in table
        await page.evaluate("document.querySelector('#plan-zoom [data-hours=\"8\"]').click()")
        reach = "(() => { const one = document.querySelector('#plan-time'); return one.max - one.min; })()"
        assert await page.evaluate(reach) in (31, 32)
        assert await page.evaluate("document.querySelector('#plan-zoom [aria-pressed=true]').innerText") == "8 h"
        await fits(page, *PHONE, dark=False)

    look("house", browser, scene)


def test_without_prices_no_price_is_made_up_and_the_mending_is_said(browser: str) -> None:
    async def scene(page: Page, preview: Preview) -> None:
        await page.until("document.body.dataset.plan === 'loaded'")
        assert await words(page, "#why-state") == "Planned with a lack"
        assert "Name a price feed" in await words(page, "#lacks")
        assert "0.300" not in await words(page, "#why-facts")
        assert "not known" in await words(page, "#why-facts [data-part=price]")
        assert "no money can be told" in await words(page, "#savings-lack")
        await page.until("document.body.dataset.week === 'loaded'")
        assert (await words(page, "#week-note")).startswith("Not enough history yet: 34 hours of the house are known")
        assert await page.evaluate("document.querySelector('#week-shown').hidden")
        for size in (DESK, PHONE):
            await fits(page, *size, dark=True)

    look("degraded", browser, scene)


@pytest.mark.parametrize(
    ("what", "why", "help_"),
    [("unplanned", "No plan is made here.", "[planning]"), ("young", "The first plan is being made.", "grid meter")],
)
def test_a_house_without_a_plan_says_why(browser: str, what: str, why: str, help_: str) -> None:
    async def scene(page: Page, preview: Preview) -> None:
        assert await words(page, "#why-text") == why
        assert help_ in await words(page, "#why-help")
        assert "Nothing is booked yet" in await words(page, "#savings-none")
        assert await page.evaluate(
            "document.querySelector('#plan').hidden && document.querySelector('#cars').children.length === 0"
        )
        await fits(page, *PHONE, dark=False)

    look(what, browser, scene)


def test_what_a_person_says_of_the_car_is_ordered(browser: str) -> None:
    async def scene(page: Page, preview: Preview) -> None:
        await page.until("document.querySelector('#cars .car') !== null")
        assert "42 % ± 3 %" in await words(page, "#cars .car")
        assert "energy is cheaper at 03:00" in await words(page, "#cars .car")
        for size in (DESK, PHONE):
            await fits(page, *size, dark=False)
        await page.evaluate(
            "(() => { const form = document.querySelector('#cars .car form'); form.departure.value = '07:30';"
            " form.target.value = '80'; form.soc.value = '35'; form.requestSubmit(); })()"
        )
        await page.until("document.querySelector('#cars [role=status]').innerText.startsWith('Done')")
        variable, place, arguments = preview.house.orders[-1]
        assert (variable, place.device) == ("command.plug_in", "charger")
        assert arguments == {"departure": "07:30", "target": 0.8, "soc": 0.35}
        wrong = (
            "const form = document.querySelector('#cars .car form'); form.target.value = '180'; form.requestSubmit()"
        )
        await page.evaluate(f"(() => {{ {wrong} }})()")
        await page.rest(0.3)
        assert len(preview.house.orders) == 1

    look("car", browser, scene)


def test_at_sixty_times_real_time_the_page_asks_little(browser: str) -> None:
    async def scene(page: Page, preview: Preview) -> None:
        await page.until("document.body.dataset.plan === 'loaded'")
        page.requested.clear()
        await page.rest(8.0)
        asked = [url.partition("/api/v1/")[2].partition("?")[0] for url in page.requested]
        assert asked.count("plan") in (1, 2)
        assert asked.count("plan/past") <= 2
        assert len(asked) <= 4

    # Five seconds before a slot begins.
    look("house", browser, scene, utc=NOON + timedelta(minutes=5))


def test_a_day_of_twenty_five_hours_is_told_in_house_time(browser: str) -> None:
    async def scene(page: Page, preview: Preview) -> None:
        await page.until("document.body.dataset.plan === 'loaded'")
        await page.evaluate("document.querySelector('#plan-details').open = true")
        await page.until("document.querySelectorAll('#plan-rows tr').length > 40")
        hours = await page.evaluate("[...document.querySelectorAll('#plan-rows th')].map((one) => one.innerText)")
        assert [hour for hour in hours if "Oct 25" in hour].count("02:00 Sun, Oct 25") == 2

    look("house", browser, scene, utc=NIGHT_OF_THE_LONG_DAY)


def test_the_first_start_looks_for_devices_and_shows_them_when_they_come(browser: str) -> None:
    async def scene(page: Page, preview: Preview) -> None:
        assert await words(page, "#looking-title") == "Looking for devices"
        assert await page.evaluate(
            "['now', 'why', 'savings', 'plan', 'past'].every((id) => document.getElementById(id).hidden)"
        )
        await fits(page, *PHONE, dark=False)
        preview.house.attach()
        preview.house.tick()
        await page.until("document.getElementById('looking').hidden && !document.getElementById('why').hidden")

    look("empty", browser, scene)


def test_orders_reach_the_house_and_a_broken_connection_is_said(browser: str) -> None:
    async def scene(page: Page, preview: Preview) -> None:
        assert "does not answer" in await words(page, "#alarms")
        await page.evaluate("document.getElementById('hands-off').click()")
        await page.until("document.getElementById('hands-off').ariaChecked === 'true'")
        assert preview.house.orders[-1][0] == "command.hands_off"
        assert "Hands off is on" in await words(page, "#banner-hands-off")
        preview.serving.cancel()
        await page.until("!document.getElementById('banner-lost').hidden")
        assert "comes back by itself" in await words(page, "#banner-lost")
        page.complaints.clear()  # the browser's own word on connections that are refused

    look("trouble", browser, scene)
