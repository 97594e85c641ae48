"""The screens behind the login in a real browser, before a real server with real accounts; phone and desktop, axe-core.

Claim, login, wrong password, lock-out and recovery, people, keys, log, a viewer who can't command, logout everywhere.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from heg.runtime.clock import Clock
from heg.runtime.loops import run
from heg.runtime.secrets import Secret
from heg.web.accounts.chain import Kind, Note
from heg.web.accounts.desk import AccountsDesk
from heg.web.accounts.recovery import Recovered, recover
from heg.web.accounts.rules import Rules
from heg.web.tls.fingerprints import shown
from tests.support.ahead import AheadClock
from tests.support.chromium import needs_page
from tests.web.accounts.gateway import now_of
from tests.web.preview import Preview, console_code, keeping, previewing, timing
from tests.web.test_browser import NOON, PHONE, calmly
from tests.web.tls.serving import serving_lan
from tests.web.visitor import Visitor

PASSWORD, ANOTHER = "kettle marble orchid tram", "violin harbour pepper snow"
DAMAGED = b"this is no database" * 400

pytestmark = [pytest.mark.system, needs_page("/screens.js")]


@dataclass(frozen=True, slots=True)
class Gateway:
    """A gateway behind a login, with the console beside it and a browser in front of it."""

    clock: AheadClock
    folder: Path
    desk: AccountsDesk
    preview: Preview
    browser: str

    def prints(self, *, recovery: bool = False) -> str:
        """The code that the console prints."""
        return console_code(self.clock, self.folder, recovery=recovery)

    @contextlib.asynccontextmanager
    async def visited(self) -> AsyncIterator[Visitor]:
        """A person's own browser at the gateway's address. It asks nobody else, and complains of nothing."""
        async with calmly(self.browser) as page:
            visitor = Visitor(page)
            await visitor.opens(self.preview.address)
            yield visitor
            assert page.complaints == []
            known = (self.preview.address, "about:", "data:", "blob:")
            assert {url for url in page.requested if not url.startswith(known)} == set()

    @contextlib.asynccontextmanager
    async def owned(self) -> AsyncIterator[Visitor]:
        """Claimed by anna, who is logged in."""
        async with self.visited() as anna:
            await anna.is_at("Become the owner")
            await anna.fills(code=self.prints(), username="anna", new_password=PASSWORD)
            await anna.presses("Become the owner")
            await anna.is_home()
            yield anna


Scene = Callable[[Gateway], Awaitable[None]]


def at_a_gateway(browser: str, folder: Path, scene: Scene, *, rules: Rules | None = None) -> None:
    async def main(clock: Clock) -> None:
        ahead = AheadClock(clock)
        async with keeping(ahead, folder, rules) as desk, previewing(clock, 0, "house", desk) as preview:
            await scene(Gateway(ahead, folder, desk, preview, browser))

    run(main, timing=timing(NOON, 1.0))


async def invited(anna: Visitor, name: str, role: str) -> str:
    """Invite somebody and read their code."""
    await anna.goes("Access")
    await anna.fills(invited=name)
    await anna.chooses("role", role)
    await anna.presses("Invite")
    await anna.sees(f"One-time code for {name}")
    return await anna.reads(".once-value")


async def comes(visitor: Visitor, name: str, code: str, *, screen: str = "") -> None:
    """Use an invitation's code; without the live page a `screen` is the first."""
    await visitor.is_at("Log in")
    await visitor.presses("I have a one-time code")
    await visitor.fills(code=code.lower(), username=name, new_password=ANOTHER)
    await visitor.presses("Set the password")
    await (visitor.is_at(screen) if screen else visitor.is_home())


async def logs_in(visitor: Visitor, name: str, password: str) -> None:
    await visitor.fills(username=name, password=password)
    await visitor.presses("Log in")


def test_the_first_visit_claims_with_a_code_and_a_password_that_is_judged_truly(browser: str, tmp_path: Path) -> None:
    async def scene(gateway: Gateway) -> None:
        async with gateway.visited() as anna:
            await anna.is_at("Become the owner")
            assert "sudo heg claim-code" in await anna.reads("#screen")
            assert not await anna.offered("House")
            asked = "[...document.querySelectorAll('#screen input')].map((one) => one.autocomplete)"
            assert await anna.page.evaluate(asked) == ["one-time-code", "username", "new-password"]
            await anna.likes()
            await anna.fills(code="AAAA-AAAA-AAAA", username="anna", new_password="too short")
            await anna.presses("Become the owner")
            await anna.sees("1 more character at least.")
            await anna.fills(new_password="Sunshine2024!")
            await anna.sees("Easily guessed. It holds a word that many choose and a year.")
            await anna.fills(new_password=PASSWORD)
            await anna.sees("Strong.")
            typed = "document.querySelector('[name=new-password]').type"
            assert await anna.page.evaluate(typed) == "password"
            await anna.presses("Show")
            assert await anna.page.evaluate(typed) == "text"
            await anna.presses("Hide")
            await anna.presses("Become the owner")
            await anna.sees("This code does not hold")
            assert await anna.page.evaluate("document.activeElement.name") == "code"
            anna.forgives(401)
            await anna.fills(code=gateway.prints())
            await anna.presses("Become the owner")
            await anna.is_home()
            assert await anna.offered("Access")
            assert "Home" in await anna.page.evaluate("document.title")
            await anna.likes()

    at_a_gateway(browser, tmp_path, scene)


def test_wrong_passwords_wait_and_the_console_helps(browser: str, tmp_path: Path) -> None:
    async def scene(gateway: Gateway) -> None:
        async with gateway.owned(), gateway.visited() as other:
            await other.is_at("Log in")
            await other.likes(whole=True)
            for _ in range(5):
                await logs_in(other, "anna", "not this one at all")
                await other.sees("do not belong together")
                await other.page.evaluate("document.querySelector('[id$=fault]:not(:empty)').textContent = ''")
            assert await other.page.evaluate("document.activeElement.name") == "password"
            await other.presses("Log in")
            await other.sees("Too many wrong tries. You can try again in 2 seconds")
            assert "Wait" in await other.reads("#screen button[type=submit]")
            await other.sees("You can try again now.")
            await logs_in(other, "anna", PASSWORD)
            await other.is_home()
            other.forgives(401, 429)

        async with gateway.visited() as other:
            await other.is_at("Log in")
            await other.presses("The password is lost")
            await other.sees("sudo heg accounts recover")
            await other.likes()
            await other.presses("I have a one-time code")
            await other.fills(code=gateway.prints(recovery=True), username="anna", new_password=ANOTHER)
            await other.presses("Set the password")
            await other.is_home()

    at_a_gateway(browser, tmp_path, scene)


def test_a_viewer_sees_and_is_offered_no_order(browser: str, tmp_path: Path) -> None:
    async def scene(gateway: Gateway) -> None:
        async with gateway.owned() as anna, gateway.visited() as vera:
            orders = ("Hands off", "Take over by hand", "Look for devices", "What else could be done now?")
            for words in orders:
                assert await anna.offered(words), words
            await comes(vera, "vera", await invited(anna, "vera", "viewer"))
            for words in (*orders, "Access", "Log", "Settings"):
                assert not await vera.offered(words), words
            await vera.likes()
            refused = await vera.page.evaluate(
                "fetch('/api/v1/commands/hands-off', { method: 'POST', body: '{\"on\": true}', headers:"
                " { 'Content-Type': 'application/json', 'X-Heg-Request': '1' } }).then((said) => said.status)"
            )
            assert refused == 403
            assert gateway.preview.house.orders == []
            vera.forgives(403)
            # The owner makes more of her: her session ends, and with the login come the orders.
            await anna.presses("vera")
            await anna.chooses("role", "user", first=True)
            await anna.presses("Change")
            await vera.is_at("Log in")
            vera.forgives(401)
            await vera.page.through(logs_in(vera, "vera", ANOTHER))
            await vera.is_home()
            assert await vera.offered("Hands off")
            assert await vera.offered("Access")

    at_a_gateway(browser, tmp_path, scene)


def test_keys_people_and_the_log_have_their_screens(browser: str, tmp_path: Path) -> None:
    async def scene(gateway: Gateway) -> None:
        async with gateway.owned() as anna:
            await invited(anna, "ilse", "installer")
            await anna.fills(label="<i>home</i>-assistant", days="30")
            await anna.presses("Make the key")
            await anna.sees("Key of <i>home</i>-assistant")
            key = (await anna.page.evaluate("[...document.querySelectorAll('.once-value')].at(-1).innerText")).strip()
            identity = gateway.desk.who(Secret(key))
            assert identity is not None
            assert [str(one) for one in identity.permissions] == ["read"]
            await anna.presses("ilse")
            await anna.likes(whole=True)
            await anna.presses("Remove")
            await anna.sees("Remove ilse?")
            await anna.likes()
            await anna.page.key("Escape")
            assert "ilse" in {one.name for one in gateway.desk.standing().accounts.values()}
            await anna.presses("Remove")
            await anna.sees("Remove ilse?")
            await anna.presses("Remove")
            await anna.page.until("!document.querySelector('.row-item + .row-item')")
            await anna.presses("Revoke")
            await anna.sees("Revoke <i>home</i>-assistant?")
            await anna.presses("Revoke")
            await anna.sees("No program holds a key.")
            assert gateway.desk.who(Secret(key)) is None
            for number in range(60):
                await gateway.desk.note(Note(Kind.EVIDENCE, "unit", "", "noted", f"limit {number}"))
            await anna.goes("Log")
            await anna.sees("each as it was written.")
            await anna.sees("limit 59")
            assert "ilse invited" not in await anna.reads(".log")
            await anna.presses("Older lines")
            await anna.sees("ilse invited as installer")
            await anna.likes()
            with sqlite3.connect(tmp_path / "accounts.sqlite") as other:
                other.execute("UPDATE audit SET who = 'nobody' WHERE seq = 3")
            other.close()
            await anna.presses("Verify again")
            await anna.sees("The first that is not what was written is line 3.")
            for screen, shown in (("Devices", "Newest values"), ("You", "What you may do")):
                await anna.goes(screen)
                await anna.sees(shown)
                assert await anna.page.evaluate("document.activeElement.className") == "screen-title"
                await anna.likes()

    at_a_gateway(browser, tmp_path, scene)


def test_the_password_is_asked_again_without_losing_what_was_typed(browser: str, tmp_path: Path) -> None:
    async def scene(gateway: Gateway) -> None:
        async with gateway.owned() as anna:
            await anna.goes("Access")
            await anna.sees("anna (you)")
            await anna.fills(invited="berta", days="7")
            gateway.clock.goes_ahead(Rules().fresh_s)
            await anna.presses("Invite")
            await anna.sees("Your password, once more")
            await anna.likes()
            await anna.fills(password="not this one at all")
            await anna.presses("Go on")
            await anna.sees("do not belong together")
            await anna.fills(password=PASSWORD)
            await anna.presses("Go on")
            await anna.sees("One-time code for berta")
            # People and keys both need it: it is asked for once.
            await anna.goes("You")
            gateway.clock.goes_ahead(Rules().fresh_s)
            await anna.goes("Access")
            await anna.sees("Your password, once more")
            assert await anna.page.evaluate("document.querySelectorAll('dialog').length") == 1
            await anna.page.key("Escape")
            await anna.sees("Your password is needed for this; nothing was done.")
            anna.forgives(401, 403)
            assert [one.name for one in gateway.desk.standing().accounts.values()] == ["anna", "berta"]

    at_a_gateway(browser, tmp_path, scene)


def test_a_page_that_stays_open_gets_new_keys_and_nobody_notices(browser: str, tmp_path: Path) -> None:
    async def scene(gateway: Gateway) -> None:
        async with gateway.owned() as anna:
            await anna.page.evaluate(
                "(() => { const banner = document.getElementById('banner-lost'); window.lost = 0;"
                " new MutationObserver(() => { if (!banner.hidden) window.lost += 1; })"
                ".observe(banner, { attributes: true }); })()"
            )
            before = set(gateway.desk.standing().sessions)
            anna.page.requested.clear()
            await anna.goes("Devices")
            await anna.sees("Newest values")
            for _ in range(100):
                if sum(url.endswith("/api/v1/events") for url in anna.page.requested) >= 1:
                    break
                await anna.page.rest(0.1)
            assert set(gateway.desk.standing().sessions) != before
            assert any(url.endswith("/api/v1/events") for url in anna.page.requested), "the old key's stream has ended"
            await anna.page.until("document.getElementById('link').classList.contains('live')")
            assert await anna.page.evaluate("window.lost") == 0
            await anna.goes("House")
            await anna.is_home()

    at_a_gateway(browser, tmp_path, scene, rules=Rules(key_s=0.5, key_grace_s=3.0))


def test_logout_everywhere_ends_all_and_each_comes_back_where_they_were(browser: str, tmp_path: Path) -> None:
    async def scene(gateway: Gateway) -> None:
        async with gateway.owned() as anna, gateway.visited() as phone:
            await phone.is_at("Log in")
            await phone.page.until("document.activeElement.name === 'username'")
            for typed, key in (("anna", "Tab"), (PASSWORD, "Enter")):
                await phone.page.type(typed)
                await phone.page.key(key)
            await phone.is_home()
            await phone.goes("Access")
            await phone.sees("anna (you)")
            await phone.fills(invited="berta")
            await anna.goes("You")
            await anna.presses("Log out everywhere")
            await anna.sees("Every session of yours ends, this one included.")
            await anna.page.through(anna.presses("Log out everywhere"))
            await anna.is_at("Log in")
            assert "kW" not in await anna.page.evaluate("document.body.textContent.match(/[0-9.]+.kW/)?.[0] ?? ''")
            await phone.is_at("Log in")
            await phone.sees("Your session has ended.")
            await phone.likes()
            phone.forgives(401)
            await phone.fills(password=PASSWORD)
            await phone.presses("Log in")
            await phone.is_at("Access")
            assert await phone.page.evaluate("document.querySelector('[name=invited]').value") == "berta"
            await phone.goes("House")
            await phone.is_home()
            await phone.page.until("document.getElementById('link').classList.contains('live')")
            await phone.goes("You")
            await phone.page.through(phone.presses("Log out"))
            await phone.is_at("Log in")

    at_a_gateway(browser, tmp_path, scene)


def test_a_damaged_file_is_explained_and_the_page_sees_its_recovery(browser: str, tmp_path: Path) -> None:
    async def scene(gateway: Gateway) -> None:
        assert gateway.desk.locked
        async with gateway.visited() as anna:
            await anna.sees("Nobody can log in now")
            await anna.sees("sudo heg accounts recover")
            await anna.likes()
            recovered = recover(tmp_path, Rules(), now_of(gateway.clock))
            assert isinstance(recovered, Recovered)
            await anna.is_at("Log in")
            await anna.presses("I have a one-time code")
            await anna.fills(code=recovered.code.reveal(), username="anna", new_password=PASSWORD)
            await anna.presses("Set the password")
            await anna.is_home()

    (tmp_path / "accounts.sqlite").write_bytes(DAMAGED)
    at_a_gateway(browser, tmp_path, scene)


@contextlib.asynccontextmanager
async def let_go(clock: Clock, port: int) -> AsyncIterator[None]:
    """Afterwards, wait until a browser that was closed has let go of its connections: it takes its time for TLS."""
    yield
    for _ in range(200):
        if not connected(port):
            break
        await clock.sleep(0.05)
    await clock.sleep(0.05)


def connected(port: int) -> bool:
    """Tell whether somebody is still connected to a port of this machine."""
    held = ("01", "08")  # established, waiting for our end
    rows = (row.split() for row in Path("/proc/net/tcp").read_text().splitlines()[1:])
    return any(row[1].endswith(f":{port:04X}") and row[3] in held for row in rows)


def test_a_phone_in_the_home_network_finds_its_gateway_over_tls(browser: str, tmp_path: Path) -> None:
    async def main(clock: Clock) -> None:
        async with (
            keeping(clock, tmp_path) as desk,
            serving_lan(clock, tmp_path, desk=desk) as served,
            let_go(clock, served.lan.port),
            calmly(browser) as page,
        ):
            # As somebody who compared the fingerprint and went past the browser's warning.
            await page.ask("Security.setIgnoreCertificateErrors", ignore=True)
            await page.size(*PHONE, calm=True)
            phone = Visitor(page)
            await phone.opens(f"http://{served.lan.host}:{served.lan.redirect_port}/")
            await phone.is_at("Become the owner")
            assert str(await page.evaluate("location.href")).startswith(served.https)
            await phone.presses("Is it really this gateway?")
            assert shown(served.record.fingerprint) in await phone.reads(".certificate")
            await phone.likes()
            await phone.fills(code=console_code(clock, tmp_path), username="anna", new_password=PASSWORD)
            await phone.presses("Become the owner")
            await phone.is_home()
            await page.until("document.getElementById('link').classList.contains('live')")
            assert page.complaints == []

    run(main, timing=timing(NOON, 1.0))


def test_a_gateway_without_a_login_has_none_of_it_and_the_live_page_stays_light(browser: str) -> None:
    async def main(clock: Clock) -> None:
        async with previewing(clock, 0, "house") as preview, calmly(browser) as page:
            await page.open(preview.address)
            await Visitor(page).is_home()
            assert await page.evaluate("document.getElementById('nav').hidden")
            assert not any("screens." in url for url in page.requested)
            assert page.complaints == []

    run(main, timing=timing(NOON, 1.0))
