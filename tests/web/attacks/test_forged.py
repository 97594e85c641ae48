"""Orders by other pages, planted sessions, keys where none belong."""

import re
from pathlib import Path
from typing import Any

from heg.runtime.clock import Clock
from heg.web.endpoint import Method
from heg.web.gate import SESSION_COOKIE
from heg.web.guard import HEADERS
from tests.support.stepped import stepped
from tests.web.serving import ORDER_HEADERS, Served
from tests.web.test_login import COOKIES, PASSWORD, owned

FORGED: dict[str, dict[str, str]] = {
    "a form": {"Content-Type": "application/x-www-form-urlencoded"},
    "a form with a file": {"Content-Type": "multipart/form-data; boundary=x"},
    "a form that looks like JSON": {"Content-Type": "text/plain"},
    "a fetch without our header": {"Content-Type": "application/json"},
    "our header with another value": {"Content-Type": "application/json", "X-Heg-Request": "2"},
    "no type at all": {"X-Heg-Request": "1", "Content-Type": ""},
    "another origin": {**ORDER_HEADERS, "Origin": "https://evil.example"},
    "the other scheme": {**ORDER_HEADERS, "Origin": "https://127.0.0.1"},
    "another port of this machine": {**ORDER_HEADERS, "Origin": "http://127.0.0.1:3000"},
    "a name like ours": {**ORDER_HEADERS, "Origin": "http://127.0.0.1.evil.example"},
    "a sandboxed frame": {**ORDER_HEADERS, "Origin": "null"},
    "another site, no origin": {**ORDER_HEADERS, "Sec-Fetch-Site": "cross-site"},
    "another port, no origin": {**ORDER_HEADERS, "Sec-Fetch-Site": "same-site"},
}


@stepped
async def test_no_foreign_page_gives_any_order_with_the_owners_cookie(clock: Clock, tmp_path: Path) -> None:
    async with owned(clock, tmp_path) as owner:
        cookie = "; ".join(f"{name}={value}" for name, value in owner.cookies.items())
        rows = [row for row in owner.served.web.table.rows if row.method is Method.POST]
        assert len(rows) > 15
        for row in rows:
            path = re.sub(r"\{\w+\}", "1", row.path)
            for what, headers in FORGED.items():
                await clock.sleep(0)
                said = await asked(owner.served, path, {**headers, COOKIES: cookie})
                assert said.status in (403, 415, 429), (row.key, what, said.text)
        assert owner.served.house.orders == []
        assert (await owner.get("/api/v1/session")).json["name"] == "anna"


async def asked(served: Served, path: str, headers: dict[str, str]) -> Any:
    return await served.ask("POST", path, data=b'{"everywhere": true}', headers=headers)


@stepped
async def test_a_reading_method_never_orders(clock: Clock, tmp_path: Path) -> None:
    async with owned(clock, tmp_path) as owner:
        cookie = {COOKIES: "; ".join(f"{name}={value}" for name, value in owner.cookies.items())}
        for override in ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"):
            headers = {**ORDER_HEADERS, **cookie, override: "POST"}
            for path in ("/api/v1/commands/scan", "/api/v1/session/end?_method=POST"):
                assert (await owner.served.ask("GET", path, headers=headers)).status == 405
        assert owner.served.house.orders == []
        assert (await owner.get("/api/v1/session")).json["name"] == "anna"


@stepped
async def test_two_sessions_at_once_are_none(clock: Clock, tmp_path: Path) -> None:
    async with owned(clock, tmp_path) as owner:
        mine = owner.cookies[SESSION_COOKIE]
        planted = f"{SESSION_COOKIE}=heg_s_{'A' * 43}"
        for cookies in (
            f"{planted}; {SESSION_COOKIE}={mine}",
            f"{SESSION_COOKIE}={mine}; {planted}",
            f"{SESSION_COOKIE}={mine};{SESSION_COOKIE} = {mine}",
        ):
            assert (await owner.served.ask("GET", "/api/v1/state", headers={COOKIES: cookies})).status == 401, cookies
        other = f"heg-session=x; __Secure-heg-session=y; x{SESSION_COOKIE}=z; {SESSION_COOKIE}={mine}"
        assert (await owner.served.ask("GET", "/api/v1/state", headers={COOKIES: other})).status == 200


@stepped
async def test_a_key_is_taken_where_keys_belong_and_nowhere_else(clock: Clock, tmp_path: Path) -> None:
    async with owned(clock, tmp_path) as owner:
        session = owner.cookies[SESSION_COOKIE]
        token = (await owner.post("/api/v1/tokens", {"label": "x", "scopes": ["read"]})).json["key"]
        for path, headers in (
            (f"/api/v1/state?token={token}", {}),
            (f"/api/v1/state?access_token={token}", {}),
            ("/api/v1/state", {"X-Api-Key": token}),
            ("/api/v1/state", {"Authorization": token}),
            ("/api/v1/state", {"Authorization": f"Token {token}"}),
            ("/api/v1/state", {COOKIES: f"heg-session={session}"}),
        ):
            assert (await owner.served.ask("GET", path, headers=headers)).status in (400, 401), path


@stepped
async def test_every_answer_forbids_frames_and_scripts(clock: Clock, tmp_path: Path) -> None:
    """Of every status the server can be brought to."""
    async with owned(clock, tmp_path) as owner:
        served = owner.served
        page = await served.get("/")
        answers = [
            page,
            await served.get("/", If_None_Match=page.headers["ETag"]),
            await served.get("/api/v1/state"),
            await served.get("/api/v1/session", Host="evil.example"),
            await owner.get("/api/v1/history?variable=soc&device=battery&format=csv"),
            await owner.get("/api/v1/audit/export"),
            await owner.get("/api/v1/nowhere"),
            await owner.get("/api/v1/history"),
            await owner.post("/api/v1/accounts/77/remove"),
            await owner.post("/api/v1/accounts", {"name": "anna", "role": "user"}),
            await served.ask("PUT", "/"),
            await served.ask("POST", "/api/v1/session", data=b"{}", headers={"X-Heg-Request": "1"}),
            await served.ask("POST", "/api/v1/session", data=b"{}"),
            await served.ask("POST", "/api/v1/session", data=b" " * 9000, headers=ORDER_HEADERS),
            await served.ask("GET", "/nowhere", headers={"Expect": "a wonder"}),
        ]
        assert {said.status for said in answers} >= {200, 304, 400, 401, 403, 404, 405, 409, 413, 415, 417, 421}
        for said in answers:
            for name, value in HEADERS.items():
                assert said.headers[name] == value, (said.status, name)
            assert "Access-Control-Allow-Origin" not in said.headers
            assert not any(name in said.headers for name in ("X-Powered-By", "Via"))


@stepped
async def test_a_login_is_not_told_from_another_by_what_it_says(clock: Clock, tmp_path: Path) -> None:
    async with owned(clock, tmp_path) as owner:
        said: list[list[Any]] = []
        for name in ("anna", "nobody-at-all"):
            stranger = owner.another()
            said.append([])
            for _ in range(7):
                tried = await stranger.post("/api/v1/session", {"name": name, "password": "wrong password"})
                said[-1].append((tried.status, tried.json, sorted(set(tried.headers) - {"Date"})))
        assert said[0] == said[1]
        assert said[0][-1][0] == 429
        assert (await owner.post("/api/v1/session", {"name": "anna", "password": PASSWORD})).status == 200
