"""Who may change the configuration, and what the audit log says of it, before a real gateway."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from heg.runtime.clock import Clock
from heg.web.accounts.roles import Role
from tests.support.stepped import stepped
from tests.unit.test_configuring_any import FIRST, World, a_world
from tests.web.accounts.gateway import console
from tests.web.test_login import PASSWORD, Browser, person

PATH = "/api/v1/configuration"


@dataclass
class Before:
    """The gateway as browsers see it."""

    address: str
    session: aiohttp.ClientSession


@asynccontextmanager
async def an_owner(clock: Clock, folder: Path) -> AsyncIterator[tuple[Browser, World]]:
    async with (
        a_world(clock, folder, FIRST + "\n[web]\nlogin = true\n") as world,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as session,
    ):
        before: Any = Before(f"http://127.0.0.1:{world.port}", session)
        nobody: Any = None
        browser = Browser(before, nobody)
        code = console(folder, clock).reveal()
        said = await browser.post("/api/v1/claim", {"code": code, "name": "anna", "password": PASSWORD})
        assert said.status == 200, said.text
        yield browser, world


@stepped
async def test_an_installer_proposes_the_owner_applies_and_the_log_says_who_and_why(
    clock: Clock, tmp_path: Path
) -> None:
    async with an_owner(clock, tmp_path) as (owner, world):
        installer = await person(owner, "ivo", Role.INSTALLER)
        told = (await installer.get(PATH)).json["configuration"]
        text = told["toml"].replace("max_import_kw = 10", "max_import_kw = 7")
        proposed = await installer.post(f"{PATH}/propose", {"toml": text, "message": "the fuse is smaller"})
        assert proposed.status == 200, proposed.text
        stands = (await owner.get(PATH)).json["proposal"]
        assert (stands["who"], stands["why"]) == ("ivo", "the fuse is smaller"), stands
        wish = {"digest": stands["digest"], "base": 1, "message": "as ivo says"}
        assert (await owner.post(f"{PATH}/apply", wish)).status == 200
        assert world.unit.control.settings.limits[0].max_kw == 7.0
        applied = await installer.post(f"{PATH}/apply", {"toml": text + "# ivo's\n", "base": 2, "message": "a word"})
        assert applied.status == 200, applied.text
        assert world.record.who == "ivo"
        lines = (await owner.get("/api/v1/audit")).json["lines"]
        said = [(one["who"], one["detail"]) for one in lines if one["kind"] == "configuration"]
        assert said[-2][0] == "anna"
        assert said[-2][1].startswith("version 2; applied; as ivo says; [contract] max_import_kw = 7, was 10; sha256 ")
        assert said[-1][0] == "ivo"
        assert (await owner.get("/api/v1/audit/verdict")).json["good"] is True


@stepped
async def test_who_may_not_configure_sees_and_changes_nothing(clock: Clock, tmp_path: Path) -> None:
    async with an_owner(clock, tmp_path) as (owner, world):
        for name, role in (("uwe", Role.USER), ("vera", Role.VIEWER)):
            browser = await person(owner, name, role)
            assert (await browser.get(PATH)).status == 403
            for what, body in (("validate", {"toml": ""}), ("apply", {"toml": "", "base": 1}), ("rollback", {})):
                assert (await browser.post(f"{PATH}/{what}", body)).status == 403
            assert (await browser.post("/api/v1/devices", {"protocol": "bus", "address": "1"})).status == 403
            for variable in ("configuration", "configuration.draft"):
                assert (await browser.get(f"/api/v1/latest?variable={variable}")).status == 403
        assert world.record.version == 1


@stepped
async def test_the_login_is_turned_on_and_off_while_the_gateway_runs(clock: Clock, tmp_path: Path) -> None:
    async with (
        a_world(clock, tmp_path) as world,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as session,
    ):
        before: Any = Before(f"http://127.0.0.1:{world.port}", session)
        nobody: Any = None
        browser = Browser(before, nobody)
        assert (await browser.get(PATH)).status == 200
        for login, status in ((True, 401), (False, 200), (True, 401)):
            text = FIRST + f"\n[web]\nlogin = {str(login).lower()}\n"
            world.by_hand(text)
            await clock.sleep(8)
            assert world.record.toml == text
            assert (await browser.get(PATH)).status == status
        code = console(tmp_path, clock).reveal()
        said = await browser.post("/api/v1/claim", {"code": code, "name": "anna", "password": PASSWORD})
        assert said.status == 200, said.text
