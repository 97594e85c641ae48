"""Export and erasure from the command line, in front of a real gateway with a store."""

from __future__ import annotations

import json
import stat
import zipfile
from collections.abc import Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from heg.data.store.settings import StoreSettings
from heg.data.store.store import SqliteStore
from heg.runtime.clock import Clock
from tests.cli.served import PASSWORD, Behind, Ended, Person, in_thread
from tests.web.accounts.gateway import console, desk_in
from tests.web.serving import serving


class Owned:
    """A claimed gateway that keeps its past, and its owner logged in."""

    def __init__(self, person: Person, behind: Behind) -> None:
        self.person, self.behind = person, behind

    def heg(self, *arguments: object, typed: str = "") -> Ended:
        return self.person.heg("--host", f"127.0.0.1:{self.behind.served.port}", *arguments, typed=typed)


@pytest.fixture
def owned(person: Person, tmp_path: Path) -> Iterator[Owned]:
    @asynccontextmanager
    async def serve(clock: Clock) -> Any:
        store = SqliteStore(clock, StoreSettings(tmp_path / "store.sqlite"))
        async with desk_in(tmp_path, clock) as desk, serving(clock, desk=desk, store=store) as served:
            yield served

    with in_thread(serve) as behind:
        owner = Owned(person, behind)
        typed = f"{console(tmp_path, behind.clock).reveal()}\n{PASSWORD}\n"
        claimed = owner.heg("claim", "--name", "anna", "--code-stdin", "--password-stdin", typed=typed)
        assert claimed.code == 0, claimed.err
        assert owner.heg("login", "--name", "anna", "--password-stdin", typed=PASSWORD).code == 0
        behind.call(behind.served.house.tick)
        yield owner


def test_an_export_is_a_whole_file_for_its_owner_alone(owned: Owned, tmp_path: Path) -> None:
    target = tmp_path / "mine.zip"
    done = owned.heg("export", target)
    assert (done.code, done.err) == (0, "")
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    with zipfile.ZipFile(target) as found:
        assert found.testzip() is None
        assert b"power.active,home,meter" in found.read("values.csv")
    before = target.read_bytes()
    again = owned.heg("export", target)
    assert (again.code, "a name that is not there yet" in again.err) == (1, True)
    assert target.read_bytes() == before
    assert owned.heg("export", tmp_path / "no" / "x.zip").code == 1
    assert [file.name for file in tmp_path.glob("*.half")] == []


def test_erasing_asks_first(owned: Owned) -> None:
    history = ("history", "power.active", "battery", "--resolution", "raw", "--json")
    asked = owned.heg("erase", "--device", "battery")
    assert (asked.code, "nothing was erased" in asked.err) == (2, True)
    assert "what battery measured and did: at most" in asked.err
    assert json.loads(owned.heg(*history).out)["rows"]
    done = owned.heg("erase", "--device", "battery", "--yes")
    assert (done.code, done.err) == (0, "")
    assert "erased: " in done.out
    assert not json.loads(owned.heg(*history).out)["rows"]
    assert owned.heg("erase", "--device", "../x", "--yes").code == 1
