"""The settings and the devices in a real browser, before a whole gateway that leads a house of real protocol peers."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from heg.model.instance import Location
from heg.model.policy import CUSTOMER
from heg.model.records import ConfigurationRecord
from heg.runtime.clock import Clock
from heg.runtime.loops import run
from tests.support.chromium import needs_page
from tests.support.house import House, a_house
from tests.web.preview import console_code, timing
from tests.web.test_browser import NOON, calmly
from tests.web.test_browser_accounts import PASSWORD, comes, invited
from tests.web.visitor import Visitor

pytestmark = [pytest.mark.system, needs_page("/screens.js")]

Scene = Callable[[House, Visitor], Awaitable[None]]


def at_a_house(browser: str, folder: Path, scene: Scene) -> None:
    """Claimed by anna, who is logged in."""

    async def main(clock: Clock) -> None:
        async with a_house(clock, folder, sections={"web": {"login": True}}) as house, visited(house, browser) as anna:
            await anna.is_at("Become the owner")
            await anna.fills(code=console_code(clock, folder / "state"), username="anna", new_password=PASSWORD)
            await anna.presses("Become the owner")
            await anna.is_home()
            await scene(house, anna)

    run(main, timing=timing(NOON, 1.0))


@contextlib.asynccontextmanager
async def visited(house: House, browser: str) -> AsyncIterator[Visitor]:
    async with calmly(browser) as page:
        visitor = Visitor(page)
        await visitor.opens(f"http://127.0.0.1:{house.view.port}")
        yield visitor
        assert page.complaints == []


async def writes(visitor: Visitor, old: str, new: str) -> None:
    """Change the file's text where it stands on the screen."""
    await visitor.page.evaluate(
        "(() => { const file = document.querySelector('textarea');"
        f" file.value = file.value.replace({old!r}, {new!r}); file.dispatchEvent(new Event('input')); }})()"
    )


def test_the_settings_are_checked_told_put_into_force_and_taken_back(browser: str, tmp_path: Path) -> None:
    async def scene(house: House, anna: Visitor) -> None:
        await anna.goes("Settings")
        await anna.sees("Version 1, in force since")
        await writes(anna, "phases = 3", "phases = 5\nkompass = 3")
        await anna.presses("Check")
        await anna.sees("2 faults; nothing was changed.")
        await anna.likes(whole=True)
        await anna.page.evaluate("document.querySelector('.faults button').click()")
        chosen = "document.activeElement.value.slice(document.activeElement.selectionStart)"
        assert (await anna.page.evaluate(chosen)).startswith("phases = 5")
        await writes(anna, "phases = 5\nkompass = 3", "phases = 3")
        await writes(anna, "max_import_kw = 17", "max_import_kw = 12")
        # What was typed is still there after another screen.
        await anna.goes("Devices")
        await anna.sees("Grid meter")
        await anna.likes()
        await anna.goes("Settings")
        await anna.presses("Check")
        await anna.sees("[contract] max_import_kw = 12.0, was 17.0")
        await anna.sees("Changes while it runs: control.")
        await anna.likes()
        await anna.fills(message="a smaller contract")
        await anna.presses("Put into force")
        await anna.sees("Version 2 is in force")
        assert "max_import_kw = 12" in (await anna.page.evaluate("document.querySelector('textarea').value"))
        await anna.presses("Version 2")
        await anna.sees("-max_import_kw = 17")
        await anna.likes()
        await anna.presses("Take it back")
        await anna.sees("Go back to version 1?")
        await anna.presses("Go back")
        await anna.sees("Version 3 is in force")
        assert "max_import_kw = 17" in (await anna.page.evaluate("document.querySelector('textarea').value"))

    at_a_house(browser, tmp_path, scene)


def test_an_installer_proposes_and_the_owner_decides(browser: str, tmp_path: Path) -> None:
    async def scene(house: House, anna: Visitor) -> None:
        code = await invited(anna, "ilse", "installer")
        async with visited(house, browser) as ilse:
            await comes(ilse, "ilse", code, screen="Devices")
            for words in ("House", "Access", "Log", "Hands off"):
                assert not await ilse.offered(words), words
            await ilse.goes("Settings")
            await ilse.sees("Version 1, in force since")
            await writes(ilse, "max_export_kw = 10", "max_export_kw = 7")
            await ilse.presses("Check")
            await ilse.fills(message="as the inverter's label says")
            await ilse.presses("Only propose it")
            await ilse.sees("It is proposed.")
            await ilse.likes()
        await anna.goes("Settings")
        await anna.sees("as the inverter's label says")
        await anna.presses("What it would do")
        await anna.sees("[contract] max_export_kw = 7.0, was 10.0")
        await anna.likes()
        await anna.presses("Put into force")
        await anna.sees("Version 2 is in force")
        # While she changes something, somebody changes the file by hand: neither is lost.
        await writes(anna, "max_import_kw = 17", "max_import_kw = 12")
        await anna.presses("Check")
        await anna.sees("[contract] max_import_kw = 12.0, was 17.0")
        file = tmp_path / "heg.toml"
        file.write_text(file.read_text().replace("max_a_per_phase = 25", "max_a_per_phase = 20"))
        await until_version(house, anna, 3)
        await anna.presses("Put into force")
        await anna.sees("Version 3 came into force meanwhile: [contract] max_a_per_phase = 20.0, was 25.0.")
        anna.forgives(409)
        await anna.presses("Check")
        await anna.sees("[contract] max_a_per_phase = 25.0, was 20.0")
        await writes(anna, "max_a_per_phase = 25", "max_a_per_phase = 20")
        await anna.presses("Check")
        await anna.sees("1 change")
        await anna.presses("Put into force")
        await anna.sees("Version 4 is in force")

    at_a_house(browser, tmp_path, scene)


async def until_version(house: House, visitor: Visitor, version: int) -> None:
    """Wait until a version is in force; the file is looked at every two seconds."""
    door = house.data.admit(CUSTOMER, "test")
    for _ in range(200):
        found = door.latest("configuration", Location("demo"))
        if found is not None and isinstance(found.value, ConfigurationRecord) and found.value.version == version:
            return
        await visitor.page.rest(0.1)
    raise AssertionError(f"version {version} never came into force")


def test_devices_are_tested_renamed_removed_and_added(browser: str, tmp_path: Path) -> None:
    async def scene(house: House, anna: Visitor) -> None:
        await anna.goes("Devices")
        await anna.sees("Solar inverter")
        await anna.sees("Add a device")
        address = await anna.page.evaluate(f"{card('PV')}.querySelector('.facts').innerText.match(/127[^/]*/)[0]")
        await opened(anna, "PV")
        await anna.likes(whole=True)
        await anna.presses("Test")
        await anna.sees("pv answered within")
        await anna.fills(device_name="roof")
        await anna.presses("Rename")
        await anna.sees("pv is called roof")
        await opened(anna, "Roof")
        await anna.fills(device_name="meter")
        await anna.presses("Rename")
        await anna.sees("no other device")
        anna.forgives(409)
        await anna.presses("Remove")
        await anna.sees("Its history stays")
        await anna.presses("Remove")
        await anna.sees("roof is removed")
        await anna.page.until(f"{card('Roof')} === undefined")
        await anna.fills(address=str(address), new_device="attic")
        await anna.presses("Add")
        await anna.sees(f"attic answers at {address}")
        await anna.page.until(f"{card('Attic')} !== undefined")
        assert "[device.attic]" in (tmp_path / "heg.toml").read_text()

    at_a_house(browser, tmp_path, scene)


def card(title: str) -> str:
    return (
        f"[...document.querySelectorAll('.device-card')].find((one) => one.querySelector('h3').innerText === {title!r})"
    )


async def opened(visitor: Visitor, title: str) -> None:
    """Open what can be done with a device."""
    await visitor.page.until(f"{card(title)} !== undefined")
    await visitor.page.evaluate(f"{card(title)}.querySelector('details:last-child').open = true")
