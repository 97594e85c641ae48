"""The appliances on the page in a real browser: how they are and why, and their owner's buttons."""

from __future__ import annotations

from dataclasses import replace

import pytest

from heg.model.instance import Location
from heg.model.leases import Reason, ReasonCode
from heg.model.records import Severity
from tests.support.chromium import Page, needs_page
from tests.web.appliances import HEATER, TOLD
from tests.web.preview import Preview
from tests.web.test_browser import DESK, PHONE, fits, look, too_wide, words

pytestmark = [pytest.mark.system, needs_page("/appliances.js")]


def test_appliances_tell_how_they_are_and_are_switched_by_their_owner(browser: str) -> None:
    async def scene(page: Page, preview: Preview) -> None:
        await page.until("document.querySelectorAll('#appliances details').length === 8")
        seen = await words(page, "#appliances")
        assert "40 on, 2 standby, 0 off, 1 lost · 1 switched by the gateway" in seen
        assert "Energy is dear until 21:00; it waits." in seen
        order = "[...document.querySelectorAll('#appliances strong')].map((one) => one.innerText).slice(0, 4)"
        assert await page.evaluate(order) == ["Heater", "Radio", "Washer", "Lamp-1"]
        await page.evaluate("document.querySelector('#appliances details').open = true")
        opened = await words(page, "#appliances details[open]")
        assert "In vain: plan asks for on: the cycle could run now." in opened
        assert "2.00 kW" in opened
        await page.evaluate("document.querySelectorAll('#appliances details')[2].open = true")
        asked = await words(page, "#appliances details[data-device=washer]")
        assert "Asked not to be put to standby" in asked
        assert "Cotton 60 (1.0 kWh, 60 min) waits for its time." in asked
        assert "Goes to standby by itself" in asked
        for size, dark in ((DESK, False), (PHONE, True), (PHONE, False), (DESK, True)):
            await fits(page, *size, dark=dark)
        buttons = "[...document.querySelectorAll('#appliances details[data-device=heater] button')]"
        press = f"{buttons}.find((one) => one.innerText === '{{}}').click()"
        answer = "document.querySelector('#appliances details[data-device=heater] [role=status]').innerText"
        await page.evaluate(press.format("On"))
        await page.until(f"{answer}.startsWith('Done')")
        assert preview.house.orders[-1][0] == "command.manual"
        assert preview.house.orders[-1][2] == {"power_state": "on", "valid_s": 3600.0}
        await page.evaluate(press.format("Let go"))
        await page.until(f"{answer}.startsWith('Done')")
        assert preview.house.orders[-1][2] == {"release": True}
        await page.evaluate("document.querySelector('#appliances > button').click()")
        await page.until("document.querySelectorAll('#appliances details').length === 43")
        preview.house.report("state.power", "lamp-9", "off")
        await page.until("document.querySelector('#appliances [data-device=lamp-9] .chip').innerText === 'Off'")

    look("appliances", browser, scene)


def test_what_is_being_switched_stays_where_it_is(browser: str) -> None:
    async def scene(page: Page, preview: Preview) -> None:
        await page.until("document.querySelectorAll('#appliances details').length === 8")
        await page.evaluate(
            "(() => { const row = document.querySelector('#appliances [data-device=lamp-3]');"
            " row.open = true; row.querySelector('button').focus(); })()"
        )
        preview.house.door.write("lease", Location("home", "lamp-3"), TOLD)
        await page.until("document.querySelector('#appliances [data-device=lamp-3] .appliance-why').innerText !== ''")
        where = (
            "[...document.querySelectorAll('#appliances details')].findIndex((one) => one.dataset.device === 'lamp-3')"
        )
        assert await page.evaluate(where) == 5
        assert await page.evaluate("document.activeElement.innerText") == "On"
        await page.evaluate("document.querySelector('#appliances [data-device=lamp-3]').open = false")
        preview.house.report("state.power", "lamp-9", "off")
        await page.until(f"{where} === 1")

    look("appliances", browser, scene)


def test_what_an_appliance_calls_itself_breaks_no_page(browser: str) -> None:
    async def scene(page: Page, preview: Preview) -> None:
        door, place = preview.house.door, Location("home", "a" + "-y" * 15)
        loud = replace(
            HEATER, name=place.device, called="W" * 64, maker="<b>Ω" * 16, model="M" * 64, identity="uuid:loud"
        )
        why = replace(TOLD, reason=Reason(ReasonCode.AUTOMATION, "Z" * 200), outvoted=("Q" * 200,))
        for variable, value in (("device", loud), ("state.power", "on"), ("lease", why)):
            door.write(variable, place, value)
        preview.house.alarm("refused", Severity.WARNING, f"It refused 3 commands: {'K' * 120}", "J" * 120)
        await page.until("document.querySelector('#appliances').innerText.includes('<b>Ω')")
        await page.until("document.querySelector('#alarms').innerText.includes('KKK')")
        await page.evaluate("document.querySelectorAll('#appliances details').forEach((one) => one.open = true)")
        for width in (360, 641, 980):
            await page.size(width, 900, calm=True)
            assert await too_wide(page) == [], width
        for size in (PHONE, DESK):
            await fits(page, *size, dark=False)

    look("appliances", browser, scene)


def test_a_house_without_appliances_loads_nothing_of_them(browser: str) -> None:
    async def scene(page: Page, preview: Preview) -> None:
        assert await page.evaluate("document.getElementById('appliances').hidden")
        assert not any(url.endswith(("/appliances.js", "/appliances.css")) for url in page.requested)

    look("young", browser, scene)
