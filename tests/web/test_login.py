"""Login over HTTP: who is let in where, what a browser is handed, and what strangers find."""

import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

import pytest

from heg.model.policy import Role as StakeholderRole
from heg.model.policy import Stakeholder
from heg.model.rights import Rule, Scope
from heg.runtime.clock import Clock
from heg.web.accounts.desk import AccountsDesk
from heg.web.accounts.roles import ROLES, Permission, Role
from heg.web.endpoint import Endpoint, Method, Open
from heg.web.gate import SESSION_COOKIE
from heg.web.live import EVENTS
from tests.support.rights import allow
from tests.support.stepped import stepped
from tests.web.accounts.gateway import console, desk_in
from tests.web.serving import ORDER_HEADERS, Said, Served, serving

PASSWORD = "a good long passphrase"
COOKIES = "Cookie"


@dataclass
class Browser:
    """Keeps the cookies it is handed, as a browser on the gateway's own page."""

    served: Served
    desk: AccountsDesk
    cookies: dict[str, str] = field(default_factory=dict)
    bearer: str = ""

    async def get(self, path: str) -> Said:
        return await self._ask("GET", path, headers=self._headers())

    async def post(self, path: str, body: object = None) -> Said:
        data = json.dumps({} if body is None else body).encode()
        return await self._ask("POST", path, data=data, headers={**ORDER_HEADERS, **self._headers()})

    async def _ask(self, method: str, path: str, **options: Any) -> Said:
        async with self.served.session.request(method, self.served.address + path, **options) as response:
            for header in response.headers.getall("Set-Cookie", []):
                for name, cookie in SimpleCookie(header).items():
                    self.cookies[name] = cookie.value
            return Said(response.status, response.headers.copy(), await response.text())

    def _headers(self) -> Mapping[str, str]:
        found = {COOKIES: "; ".join(f"{name}={value}" for name, value in self.cookies.items() if value)}
        return {"Authorization": f"Bearer {self.bearer}"} if self.bearer else found

    def another(self) -> "Browser":
        return Browser(self.served, self.desk)


@asynccontextmanager
async def owned(clock: Clock, folder: Path, **settings: Any) -> AsyncIterator[Browser]:
    """A claimed gateway with its owner in front of it."""
    async with desk_in(folder, clock) as desk, serving(clock, desk=desk, **settings) as served:
        browser = Browser(served, desk)
        said = await browser.post(
            "/api/v1/claim", {"code": console(folder, clock).reveal(), "name": "anna", "password": PASSWORD}
        )
        assert said.status == 200, said.text
        yield browser


async def person(owner: Browser, name: str, role: Role) -> Browser:
    said = await owner.post("/api/v1/accounts", {"name": name, "role": role})
    assert said.status == 200, said.text
    browser = owner.another()
    claimed = await browser.post("/api/v1/claim", {"code": said.json["code"], "password": PASSWORD})
    assert claimed.status == 200, claimed.text
    return browser


OPEN = {
    ("GET", "/healthz"),
    ("GET", "/api/v1/certificate"),
    ("GET", "/api/v1/session"),
    ("POST", "/api/v1/session"),
    ("POST", "/api/v1/claim"),
}
"""What answers to anybody. Written here once more: a row that becomes open by mistake is found."""


async def tried(browser: Browser, row: Endpoint) -> Said:
    """Ask an endpoint with nothing but its path filled in."""
    path = re.sub(r"\{\w+\}", "1", row.path)
    return await (browser.get if row.method is Method.GET else browser.post)(path)


@stepped
async def test_before_the_claim_only_the_listed_answer(clock: Clock, tmp_path: Path) -> None:
    async with desk_in(tmp_path, clock) as desk, serving(clock, desk=desk) as served:
        browser = Browser(served, desk)
        assert {row.key for row in served.web.table.rows if row.needs is Open.TO_ANYBODY} == OPEN
        for row in served.web.table.rows:
            if row.key not in OPEN:
                said = await tried(browser, row)
                assert said.status == 401, (row.key, said.text)
                assert said.json["reason"] == "unclaimed"
        assert (await browser.get("/api/v1/session")).json["claimed"] is False
        assert (await browser.get("/healthz")).json.keys() == {"healthy"}
        assert (await browser.get("/")).status == 200


@stepped
async def test_every_route_of_the_application_is_a_row_or_a_file_of_the_page(clock: Clock, tmp_path: Path) -> None:
    async with desk_in(tmp_path, clock) as desk, serving(clock, desk=desk) as served:
        rows = {row.key for row in served.web.table.rows}
        for route in served.web._application().router.routes():
            path = "" if route.resource is None else route.resource.canonical
            if route.method != "HEAD" and path not in served.web._assets:
                assert (route.method, path) in rows


@stepped
async def test_each_role_gets_what_its_row_says_and_no_more(clock: Clock, tmp_path: Path) -> None:
    async with owned(clock, tmp_path) as owner:
        browsers = {Role.OWNER: owner}
        for role in (Role.USER, Role.VIEWER, Role.INSTALLER):
            browsers[role] = await person(owner, role.value + "-person", role)
        for role, browser in browsers.items():
            for row in owner.served.web.table.rows:
                if not isinstance(row.needs, Permission) or row.answers == EVENTS:
                    continue
                if row.path.startswith("/api/v1/accounts/{id}/"):
                    continue  # it would end the one who asks
                said = await tried(browser, row)
                forbidden = said.status == 403 and said.json.get("reason") == "not_allowed"
                others = role is Role.INSTALLER and row.household
                assert forbidden == (row.needs not in ROLES[role] or others), (role, row.key, said.text)


@stepped
async def test_a_viewer_cannot_command_and_it_is_written_down(clock: Clock, tmp_path: Path) -> None:
    async with owned(clock, tmp_path) as owner:
        viewer = await person(owner, "vera", Role.VIEWER)
        assert (await viewer.get("/api/v1/state")).status == 200
        refused = await viewer.post("/api/v1/commands/hands-off", {"on": True})
        assert refused.status == 403
        done = await owner.post("/api/v1/commands/hands-off", {"on": True})
        lines = (await owner.get("/api/v1/audit")).json["lines"]
        told = [(one["kind"], one["who"], one["outcome"]) for one in lines]
        assert ("refusal", "vera", "not_allowed") in told
        assert any(kind == "command" and who == "anna" for kind, who, _ in told)
        assert done.status != 403
        assert (await owner.get("/api/v1/audit/verdict")).json["good"]


@stepped
async def test_the_cookies_are_for_this_host_alone(clock: Clock, tmp_path: Path) -> None:
    async with owned(clock, tmp_path) as owner:
        said = await owner.post("/api/v1/session", {"name": "anna", "password": PASSWORD})
        cookie = said.headers["Set-Cookie"]
        for part in ("__Host-heg-", "Secure", "HttpOnly", "SameSite=Strict", "Path=/"):
            assert part in cookie
        assert "Domain" not in cookie


@stepped
async def test_a_planted_session_is_not_taken_over(clock: Clock, tmp_path: Path) -> None:
    async with owned(clock, tmp_path) as owner:
        victim = owner.another()
        victim.cookies[SESSION_COOKIE] = "heg_s_" + "A" * 43
        assert (await victim.post("/api/v1/session", {"name": "anna", "password": PASSWORD})).status == 200
        assert victim.cookies[SESSION_COOKIE] != "heg_s_" + "A" * 43


@stepped
async def test_logging_in_again_ends_the_session_before(clock: Clock, tmp_path: Path) -> None:
    async with owned(clock, tmp_path) as owner:
        before = owner.another()
        before.cookies = dict(owner.cookies)
        assert (await owner.post("/api/v1/session", {"name": "anna", "password": PASSWORD})).status == 200
        assert (await owner.get("/api/v1/state")).status == 200
        assert (await before.get("/api/v1/state")).status == 401


@stepped
async def test_a_foreign_page_can_neither_log_in_nor_command(clock: Clock, tmp_path: Path) -> None:
    async with owned(clock, tmp_path) as owner:
        cookie = "; ".join(f"{name}={value}" for name, value in owner.cookies.items())
        for path in ("/api/v1/session", "/api/v1/commands/hands-off", "/api/v1/session/end"):
            for headers in (
                {"Content-Type": "text/plain"},
                {"Content-Type": "application/json"},
                {**ORDER_HEADERS, "Origin": "https://evil.example"},
                {**ORDER_HEADERS, "Sec-Fetch-Site": "cross-site"},
            ):
                said = await owner.served.ask("POST", path, data=b"{}", headers={**headers, COOKIES: cookie})
                assert said.status in (403, 415), (path, headers, said.text)


@stepped
async def test_wrong_passwords_wait_and_the_known_browser_does_not(clock: Clock, tmp_path: Path) -> None:
    async with owned(clock, tmp_path) as owner:
        stranger = owner.another()
        statuses = [
            (await stranger.post("/api/v1/session", {"name": "anna", "password": f"wrong {number}"})).status
            for number in range(8)
        ]
        assert statuses[:5] == [401] * 5
        assert statuses[-1] == 429
        last = await stranger.post("/api/v1/session", {"name": "anna", "password": PASSWORD})
        assert last.status == 429
        assert int(last.headers["Retry-After"]) >= 1
        await owner.post("/api/v1/session/end")
        assert (await owner.post("/api/v1/session", {"name": "anna", "password": PASSWORD})).status == 200


@stepped
async def test_log_out_everywhere(clock: Clock, tmp_path: Path) -> None:
    async with owned(clock, tmp_path) as owner:
        phone = owner.another()
        assert (await phone.post("/api/v1/session", {"name": "anna", "password": PASSWORD})).status == 200
        said = await owner.post("/api/v1/session/end", {"everywhere": True})
        assert said.json == {"sessions": 2}
        assert (await phone.get("/api/v1/state")).status == 401
        assert (await owner.get("/api/v1/state")).status == 401


@stepped
async def test_a_token_reads_and_no_more_until_it_is_revoked(clock: Clock, tmp_path: Path) -> None:
    async with owned(clock, tmp_path) as owner:
        issued = await owner.post("/api/v1/tokens", {"label": "logger", "scopes": ["read"]})
        assert issued.status == 200, issued.text
        program = owner.another()
        program.bearer = issued.json["key"]
        assert (await program.get("/api/v1/state")).status == 200
        assert (await program.post("/api/v1/commands/hands-off", {"on": True})).status == 403
        assert (await program.post("/api/v1/tokens", {"label": "x", "scopes": ["read"]})).status == 403
        assert (await program.post("/api/v1/password", {"old": PASSWORD, "new": "x" * 20})).status == 403
        assert issued.json["key"] not in (await owner.get("/api/v1/tokens")).text
        revoked = await owner.post(f"/api/v1/tokens/{issued.json['token']['id']}/revoke")
        assert revoked.json == {"tokens": []}
        assert (await program.get("/api/v1/state")).status == 401


@stepped
async def test_what_makes_rights_asks_for_the_password_again(clock: Clock, tmp_path: Path) -> None:
    async with owned(clock, tmp_path) as owner:
        await clock.sleep(601)
        said = await owner.get("/api/v1/accounts")
        assert (said.status, said.json["reason"]) == (403, "password_needed")
        assert (await owner.post("/api/v1/session", {"name": "anna", "password": PASSWORD})).status == 200
        assert (await owner.get("/api/v1/accounts")).status == 200


@stepped
async def test_policy_and_delay_hold_for_a_token_of_another_stakeholder(clock: Clock, tmp_path: Path) -> None:
    async with owned(clock, tmp_path) as owner:
        wish = {"label": "grid", "scopes": ["read"], "stakeholder": "dso:enel"}
        issued = await owner.post("/api/v1/tokens", wish)
        dso = owner.another()
        dso.bearer = issued.json["key"]
        for path in ("/api/v1/events", "/metrics", "/api/v1/health"):
            assert (await dso.get(path)).status == 403
        history = "/api/v1/history?variable=power.active&device=meter&resolution=15min"
        assert (await dso.get(history)).status == 403
        enel = Stakeholder(StakeholderRole.DSO, "enel")
        rule = Rule(0, enel, scope=Scope("power.active", "meter", ""), min_delay_s=900.0)
        assert allow(owner.served.data, rule) is None
        assert (await dso.get(history)).status == 200
        assert (await dso.get(history)).status == 429
        await clock.sleep(timedelta(minutes=15).total_seconds())
        assert (await dso.get(history)).status == 200


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"null", b"\xff", b'{"name": 1}', b'{"name": "a", "password": "b", "more": 1}', b"[" * 4000],
)
@stepped
async def test_a_bad_body_is_refused_in_words_without_its_values(clock: Clock, tmp_path: Path, body: bytes) -> None:
    async with owned(clock, tmp_path) as owner:
        said = await owner.served.ask("POST", "/api/v1/session", data=body, headers=ORDER_HEADERS)
        assert said.status == 400
        assert said.json["reason"] == "bad_request"


@stepped
async def test_a_damaged_file_answers_nobody_but_says_how_to_mend_it(clock: Clock, tmp_path: Path) -> None:
    async with owned(clock, tmp_path) as owner:
        (tmp_path / "accounts.head").write_bytes(b"nonsense")
        said = await owner.post("/api/v1/session", {"name": "anna", "password": PASSWORD})
        assert (said.status, said.json["reason"]) == (503, "accounts_locked")
        assert "heg accounts recover" in (await owner.get("/api/v1/state")).text
        assert (await owner.get("/api/v1/session")).json["locked"] is True
        assert (await owner.get("/healthz")).status in (200, 503)


@stepped
async def test_the_live_stream_ends_with_its_session(clock: Clock, tmp_path: Path) -> None:
    async with owned(clock, tmp_path) as owner:
        phone = owner.another()
        assert (await phone.post("/api/v1/session", {"name": "anna", "password": PASSWORD})).status == 200
        cookie = "; ".join(f"{name}={value}" for name, value in phone.cookies.items())
        address = owner.served.address + "/api/v1/events"
        async with owner.served.session.get(address, headers={COOKIES: cookie}) as stream:
            assert stream.status == 200
            await stream.content.readuntil(b"\n\n")
            await owner.post("/api/v1/session/end", {"everywhere": True})
            await stream.content.read()  # to its end: it would go on for ever


@pytest.mark.parametrize(
    "bad", ["\\ud800", "\\u0000", "a\\r\\nSet-Cookie: x=y", "'; DROP TABLE account; --", "\\u202e", "x" * 64]
)
@stepped
async def test_no_name_breaks_a_login_or_an_invitation(clock: Clock, tmp_path: Path, bad: str) -> None:
    async with owned(clock, tmp_path) as owner:
        cookie = "; ".join(f"{name}={value}" for name, value in owner.cookies.items())
        for path, body in (
            ("/api/v1/session", f'{{"name": "{bad}", "password": "{bad}"}}'),
            ("/api/v1/claim", f'{{"code": "{bad}", "name": "{bad}", "password": "{bad}"}}'),
            ("/api/v1/accounts", f'{{"name": "{bad}", "role": "user"}}'),
            ("/api/v1/tokens", f'{{"label": "{bad}", "scopes": ["read"], "stakeholder": "dso:{bad}"}}'),
        ):
            headers = {**ORDER_HEADERS, COOKIES: cookie}
            said = await owner.served.ask("POST", path, data=body.encode(), headers=headers)
            assert 400 <= said.status < 500, (path, said.status, said.text)
            assert "Set-Cookie" not in said.headers


@stepped
async def test_no_key_breaks_the_gate(clock: Clock, tmp_path: Path) -> None:
    async with owned(clock, tmp_path) as owner:
        for headers in (
            {"Authorization": "Bearer "},
            {"Authorization": "Bearer heg_t_" + "x" * 7000},
            {"Authorization": "Bearer heg_t_\u00e9"},
            {"Authorization": "Basic YTpi"},
            {COOKIES: f"{SESSION_COOKIE}="},
            {COOKIES: f"{SESSION_COOKIE}=heg_s_\u00e9; {SESSION_COOKIE}=heg_d_x"},
            {COOKIES: ";" * 500},
        ):
            assert (await owner.served.ask("GET", "/api/v1/state", headers=headers)).status == 401, headers
