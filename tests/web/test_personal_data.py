"""Export and erasure over HTTP: the owner's alone, with a password just given."""

import io
import zipfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from heg.data.store.settings import StoreSettings
from heg.data.store.store import SqliteStore
from heg.model.instance import Location
from heg.runtime.clock import Clock
from heg.web.accounts.records import Refused
from heg.web.accounts.roles import Role
from tests.support.stepped import stepped
from tests.web.accounts.gateway import console, desk_in
from tests.web.serving import serving
from tests.web.test_login import PASSWORD, Browser, person
from tests.web.test_policies import token_of

METER = Location("home", "meter")


@asynccontextmanager
async def stored(clock: Clock, folder: Path) -> AsyncIterator[Browser]:
    """A claimed gateway with a store, and its owner in front of it."""
    store = SqliteStore(clock, StoreSettings(folder / "store.sqlite"))
    async with desk_in(folder, clock) as desk, serving(clock, desk=desk, store=store) as served:
        owner = Browser(served, desk)
        code = console(folder, clock).reveal()
        said = await owner.post("/api/v1/claim", {"code": code, "name": "anna", "password": PASSWORD})
        assert said.status == 200, said.text
        yield owner


async def download(browser: Browser, path: str = "/api/v1/export") -> tuple[int, str, bytes]:
    cookies = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    headers = {"Authorization": f"Bearer {browser.bearer}"} if browser.bearer else {"Cookie": cookies}
    async with browser.served.session.get(browser.served.address + path, headers=headers) as response:
        return response.status, response.headers.get("Content-Disposition", ""), await response.read()


@stepped
async def test_the_owner_takes_everything_home(clock: Clock, tmp_path: Path) -> None:
    async with stored(clock, tmp_path) as owner:
        for _ in range(5):
            owner.served.house.tick()
            await clock.sleep(1)
        status, disposition, body = await download(owner)
        assert status == 200
        assert disposition.startswith('attachment; filename="heg-home-2026')
        with zipfile.ZipFile(io.BytesIO(body)) as found:
            assert found.testzip() is None
            assert b"power.active,home,meter" in found.read("values.csv")
            assert b'"variable":"device"' in found.read("records.jsonl")
        _, _, part = await download(owner, "/api/v1/export?device=battery")
        with zipfile.ZipFile(io.BytesIO(part)) as found:
            assert b"home,meter" not in found.read("values.csv")
        # One after the other is possible: the first has ended.
        assert (await download(owner))[0] == 200
        lines = await owner.desk.lines(0)
        assert not isinstance(lines, Refused)
        assert [one.detail for one in lines if one.kind == "personal_data"] == [
            "export: everything",
            "export: what battery measured and did",
            "export: everything",
        ]


@stepped
async def test_erasing_tells_first_and_is_confirmed_once(clock: Clock, tmp_path: Path) -> None:
    async with stored(clock, tmp_path) as owner:
        for _ in range(5):
            owner.served.house.tick()
            await clock.sleep(1)
        offer = await owner.post("/api/v1/erasure", {"device": "battery"})
        assert offer.status == 200, offer.text
        assert offer.json["what"] == "what battery measured and did"
        assert offer.json["rows_at_most"] >= 5
        assert offer.json["valid_s"] == 600.0
        word = offer.json["confirm"]
        done = await owner.post("/api/v1/erasure/confirm", {"confirm": word})
        assert done.status == 200, done.text
        assert done.json["done"] is True
        assert done.json["rows"] >= 5
        history = "/api/v1/history?resolution=raw&variable=power.active&device="
        assert (await owner.get(f"{history}battery")).json["rows"] == []
        assert (await owner.get(f"{history}meter")).json["rows"] != []
        assert (await owner.post("/api/v1/erasure/confirm", {"confirm": word})).status == 409


@pytest.mark.parametrize("role", [Role.INSTALLER, Role.USER, Role.VIEWER])
@stepped
async def test_nobody_else_may(clock: Clock, tmp_path: Path, role: Role) -> None:
    async with stored(clock, tmp_path) as owner:
        other, north = await person(owner, "bert", role), await token_of(owner, "dso:north")
        await owner.post("/api/v1/policies", {"stakeholder": "dso:north", "rights": ["read", "write"]})
        for browser in (other, north):
            assert (await download(browser))[0] == 403
            assert (await browser.post("/api/v1/erasure")).status == 403
            assert (await browser.post("/api/v1/erasure/confirm", {"confirm": "x"})).status == 403
        await clock.sleep(601)
        assert (await download(owner))[0] == 403
        assert (await owner.post("/api/v1/erasure")).json["reason"] == "password_needed"


@pytest.mark.parametrize(
    "body",
    [
        {"device": "../x"},
        {"since": "yesterday"},
        {"since": "2026-03-01T00:00:00"},
        {"since": "2026-03-02T00:00:00Z", "until": "2026-03-01T00:00:00Z"},
        {"everything": True},
    ],
    ids=str,
)
@stepped
async def test_a_bad_wish_is_refused_in_words(clock: Clock, tmp_path: Path, body: dict[str, object]) -> None:
    async with stored(clock, tmp_path) as owner:
        said = await owner.post("/api/v1/erasure", body)
        assert said.status == 400
        assert said.json["expected"]


@stepped
async def test_without_a_store_there_is_nothing_to_hand_out(clock: Clock) -> None:
    async with serving(clock) as served:
        said = await served.get("/api/v1/export")
        assert (said.status, said.json["reason"]) == (503, "not_ready")
        assert (await served.get("/api/v1/export?from=2026-03-02T00:00:00Z&to=2026-03-01T00:00:00Z")).status == 400
