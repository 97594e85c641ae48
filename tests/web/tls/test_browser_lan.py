"""A browser from the home network: sent to HTTPS, stopped by its warning, and past it claims and looks."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import pytest

from heg.runtime.clock import Clock
from heg.runtime.loops import RealTiming, run
from heg.web.gate import DEVICE_COOKIE, SESSION_COOKIE
from tests.support.chromium import needs_page, visiting
from tests.web.accounts.gateway import console
from tests.web.preview import keeping
from tests.web.test_browser import PHONE
from tests.web.tls.serving import serving_lan
from tests.web.visitor import Visitor

pytestmark = [pytest.mark.system, needs_page("/screens.js")]
_SEES = "document.body.innerText.length > 0"


def test_a_phone_is_sent_to_https_warned_and_past_the_warning_at_home(browser: str, tmp_path: Path) -> None:
    async def scene(clock: Clock) -> None:
        async with (
            keeping(clock, tmp_path) as desk,
            serving_lan(clock, tmp_path, desk=desk) as served,
            visiting(browser) as page,
        ):
            await page.size(*PHONE)
            plain = f"http://{served.lan.host}:{served.lan.redirect_port}/"
            await page.open(plain)
            await page.until(_SEES)
            assert "ERR_CERT" in await page.evaluate("document.body.innerText")
            await page.ask("Security.setIgnoreCertificateErrors", ignore=True)  # who compared the fingerprint
            await page.open(plain)
            assert await page.evaluate("location.href") == f"{served.https}/"
            assert await page.evaluate("isSecureContext")
            anna = Visitor(page)
            await anna.is_at("Become the owner")
            await anna.fills(code=console(tmp_path, clock).reveal(), username="anna", new_password="kettle marble tram")
            await anna.presses("Become the owner")
            await page.until("!document.getElementById('main').hidden")
            await page.until("!document.body.classList.contains('waiting')")
            assert f"{served.https}/api/v1/events" in page.requested
            cookies = (await page.ask("Network.getCookies", urls=[served.https]))["cookies"]
            assert {one["name"] for one in cookies} == {SESSION_COOKIE, DEVICE_COOKIE}
            assert all(one["secure"] and one["httpOnly"] and one["sameSite"] == "Strict" for one in cookies)
            said = "fetch('/api/v1/session').then((one) => one.json()).then((one) => one.name)"
            assert await page.evaluate(said) == "anna"
            shown = "fetch('/api/v1/certificate').then((one) => one.json()).then((one) => one.certificate.sha256)"
            told = str(await page.evaluate(shown)).replace(":", "").lower()
            [held, *_] = (await page.ask("Network.getCertificate", origin=served.https))["tableNames"]
            assert hashlib.sha256(base64.b64decode(held)).hexdigest() == told == served.record.fingerprint
        # A goodbye that the browser itself began is bounded by its own time-out.
        await clock.sleep(2.5)

    run(scene, timing=RealTiming())
