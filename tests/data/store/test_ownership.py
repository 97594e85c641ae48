"""What belongs to an owner: handed out whole, and erased so that it is truly gone."""

import asyncio
import csv
import io
import json
import sqlite3
import zipfile
from collections.abc import Mapping
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heg.data.door import CommandAnswer, Door, Outcome, Resolution
from heg.data.selection import Selection
from heg.data.store.erasure import Eraser
from heg.model.instance import Location
from heg.model.leases import Reason, ReasonCode
from heg.model.policy import CUSTOMER, Right, Role, Stakeholder
from heg.model.records import (
    AlarmRecord,
    DeviceRecord,
    DeviceStatus,
    ErasureRecord,
    EvidenceRecord,
    Severity,
)
from heg.model.refusals import RefusalCode
from heg.model.rights import PolicyBook, Rule
from heg.runtime.clock import Clock
from tests.data.store.houses import HOME, METER, anywhere, as_after_a_power_cut, raw_values, unit
from tests.support.rights import allow
from tests.support.stepped import stepped

SAUNA = Location("home", "secret-sauna")
VOLT = Stakeholder(Role.SUPPLIER, "volt")
LONG = timedelta(days=400)


async def exported(door: Door, device: str | None = None, since: datetime | None = None) -> Mapping[str, str]:
    pieces = [piece async for piece in door.export(device=device, since=since)]
    with zipfile.ZipFile(io.BytesIO(b"".join(pieces))) as found:
        assert found.testzip() is None
        return {name: found.read(name).decode() for name in found.namelist()}


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


async def live(clock: Clock, door: Door, seconds: int, place: Location = SAUNA) -> None:
    for second in range(seconds):
        door.write("power.active", place, second / 100)
        door.write("state.events", place, "sauna-marker" if place == SAUNA else "fine")
        await clock.sleep(1)


async def erase(door: Door, **what: object) -> CommandAnswer:
    told = await door.command("command.erase", HOME, {"by": "anna", **what})
    assert told.outcome is Outcome.PARTLY, told.text
    assert told.detail is not None
    return await door.command("command.erase", HOME, {"by": "anna", "confirm": told.detail["confirm"]})


def bodies(path: Path) -> list[bytes]:
    """The middles of all frames and roll-ups: what may lie about in pages that are free or half used."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        rows = connection.execute("SELECT body FROM frame UNION ALL SELECT body FROM rollup").fetchall()
    return [body[20:60] for (body,) in rows if len(body) > 80]


@stepped
async def test_an_owner_gets_everything_whether_flushed_or_not(clock: Clock, tmp_path: Path) -> None:
    async with unit(clock, tmp_path / "store.sqlite", flush_s=10.0) as (data, door):
        supplier = data.admit(VOLT, "tariff")
        supplier.write("price.import", HOME, 0.3)
        door.write("state.events", METER, "=HYPERLINK(1)")
        reason = Reason(ReasonCode.ENVELOPE, "less now")
        door.write("evidence", HOME, EvidenceRecord("envelope", reason, 1.5))
        await live(clock, door, 125)
        found = await exported(door)
        assert set(found) == {"README.txt", "values.csv", "records.jsonl", "rollups.csv"}
        values = table(found["values.csv"])
        powers = [float(row["value"]) for row in values if row["variable"] == "power.active"]
        assert powers == [second / 100 for second in range(125)]
        assert {row["value"] for row in values if row["device"] == "meter"} == {"'=HYPERLINK(1)"}
        assert not any(row["variable"] == "price.import" for row in values)
        records = [json.loads(line) for line in found["records.jsonl"].splitlines()]
        assert [one["value"]["reason"]["text"] for one in records if one["variable"] == "evidence"] == ["less now"]
        minutes = [row for row in table(found["rollups.csv"]) if row["resolution"] == "1min"]
        assert sum(int(row["count"]) for row in minutes if row["variable"] == "power.active") == 125
        theirs = await exported(supplier)
        assert [row["variable"] for row in table(theirs["values.csv"])] == ["price.import"]
        since = clock.utc() - timedelta(seconds=20)
        part = await exported(door, "secret-sauna", since)
        assert len([row for row in table(part["values.csv"]) if row["variable"] == "power.active"]) == 20
        assert "of secret-sauna, from 2026-03-01" in part["README.txt"]


@stepped
async def test_whoever_stops_reading_leaves_nothing_behind(clock: Clock, tmp_path: Path) -> None:
    async with unit(clock, tmp_path / "store.sqlite", flush_s=5.0) as (_, door):
        await live(clock, door, 30)
        pieces = door.export()
        assert await anext(pieces)
        await pieces.aclose()
        assert len(await exported(door)) == 4


@stepped
async def test_everything_is_erased_from_image_file_log_and_copies(clock: Clock, tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    async with unit(clock, path, flush_s=10.0) as (data, door):
        supplier = data.admit(VOLT, "tariff")
        for _ in range(5):
            supplier.write("price.import", HOME, 0.3)
            await live(clock, door, 25)
        assert (await door.command("command.backup", HOME, {})).outcome is Outcome.DONE
        remains = bodies(path)
        assert remains
        assert anywhere(b"sauna", tmp_path)
        door.write("state.events", SAUNA, "sauna-marker")  # not flushed yet
        door.write("alarm", SAUNA, AlarmRecord(True, Severity.INFO, "the sauna-marker is hot"))  # committed at once

        answer = await erase(door)
        assert answer.outcome is Outcome.DONE, answer.text
        assert not anywhere(b"sauna", tmp_path)
        assert [one for one in remains if anywhere(one, tmp_path)] == []
        assert await raw_values(clock, door, "power.active", SAUNA) == []
        for resolution in Resolution:
            page = await door.history("power.active", SAUNA, clock.utc() - LONG, clock.utc(), resolution)
            assert page.rows == ()
        assert door.latest("power.active", SAUNA) is None
        kept = await supplier.history("price.import", HOME, clock.utc() - LONG, clock.utc())
        assert len(kept.rows) == 5
        await live(clock, door, 30, METER)
        left = table((await exported(door))["values.csv"])
        assert not any(row["device"] == "secret-sauna" for row in left)
    assert not anywhere(b"sauna", tmp_path)
    async with unit(clock, path) as (data, door):
        assert len(await raw_values(clock, door)) == 30
        assert not [one for one in door.latest_all("state.events") if one.location == SAUNA]


@stepped
async def test_a_span_is_erased_with_every_bucket_it_touches(clock: Clock, tmp_path: Path) -> None:
    async with unit(clock, tmp_path / "store.sqlite", flush_s=10.0) as (_, door):
        began = clock.utc()
        await live(clock, door, 300, METER)
        since, until = began + timedelta(seconds=90), began + timedelta(seconds=150)
        answer = await erase(door, since=since.isoformat(), until=until.isoformat())
        assert answer.outcome is Outcome.DONE
        assert answer.detail == {"rows": 120}
        page = await door.history("power.active", METER, began, clock.utc())
        left = [row.value for row in page.rows]
        assert left == [second / 100 for second in (*range(90), *range(150, 300))]
        minutes = await door.history("power.active", METER, began, clock.utc(), Resolution.MINUTE)
        assert [row.time for row in minutes.rows] == [began + timedelta(minutes=one) for one in (0, 3, 4)]
        quarters = await door.history("power.active", METER, began, clock.utc(), Resolution.QUARTER)
        # What is left of that quarter of an hour would tell what was erased.
        assert quarters.rows == ()
        await live(clock, door, 20, METER)
        assert door.latest("power.active", METER) is not None


@stepped
async def test_a_device_is_erased_and_the_others_stay(clock: Clock, tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    async with unit(clock, path, flush_s=10.0) as (_, door):
        device = DeviceRecord("secret-sauna", "Tylo", "x", "1", "1", "modbus", "a", DeviceStatus.REMOVED)
        door.write("device", SAUNA, device)
        await live(clock, door, 65)
        await live(clock, door, 65, METER)
        assert (await erase(door, device="secret-sauna")).outcome is Outcome.DONE
        assert len(await raw_values(clock, door)) == 65
        minutes = await door.history("power.active", METER, clock.utc() - LONG, clock.utc(), Resolution.MINUTE)
        assert sum(row.count for row in minutes.rows) == 65
        assert door.latest("device", SAUNA) is None
        found = await exported(door)
        assert not any("secret-sauna" in found[name] for name in ("values.csv", "rollups.csv"))


@stepped
async def test_what_is_in_force_stays_in_force(clock: Clock, tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    north = Stakeholder(Role.DSO, "north")
    async with unit(clock, path) as (data, door):
        door.write("hands_off", HOME, "on")
        for delay_s in (60.0, 900.0):
            assert allow(data, Rule(0, north, min_delay_s=delay_s)) is None
        assert (await erase(door)).outcome is Outcome.DONE
        for late in (door, data.admit(CUSTOMER, "control")):
            switch = late.latest("hands_off", HOME)
            assert switch is not None
            assert switch.value == "on"
    async with unit(clock, path) as (data, door):
        book, switch = door.latest("policy", HOME), door.latest("hands_off", HOME)
        assert switch is not None
        assert switch.value == "on"
        assert book is not None
        assert isinstance(book.value, PolicyBook)
        assert [rule.min_delay_s for rule in book.value.rules] == [900.0]
        said = door.latest("erasure", HOME)
        assert said is not None
        assert isinstance(said.value, ErasureRecord)
        assert (said.value.by, said.value.what) == ("anna", "everything")


@stepped
async def test_the_newest_rules_come_back_whoever_wrote_them(clock: Clock, tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    north = Stakeholder(Role.DSO, "north")
    async with unit(clock, path) as (data, door):
        assert door.write("policy", HOME, PolicyBook().with_rule(Rule(0, north), "anna")).accepted
        other = data.admit(CUSTOMER, "console")
        taken = PolicyBook(2, by="bert", last_number=1)
        # By a clock that was set back meanwhile.
        assert other.write("policy", HOME, taken).accepted
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE newest SET time_ms = time_ms - 1000 WHERE value LIKE '%bert%'")
        connection.commit()
    async with unit(clock, path) as (data, door):
        newest = door.latest("policy", HOME)
        assert newest is not None
        assert newest.value == taken
        assert not data.admit(north, "x").latest_all("self.refusals")


@pytest.mark.parametrize("steps", range(6))
@stepped
async def test_a_crash_only_delays_it(
    clock: Clock, tmp_path: Path, steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "store.sqlite"
    (tmp_path / "cut").mkdir()
    async with unit(clock, path, flush_s=2.0) as (data, door):
        await live(clock, door, 100)
        done = 0
        step = Eraser.step

        def cut_short(self: Eraser, disk: object, connection: sqlite3.Connection) -> bool:
            nonlocal done
            if done == steps:
                as_after_a_power_cut(path, tmp_path / "cut")
            done += 1
            return step(self, disk, connection)  # type: ignore[arg-type]

        with monkeypatch.context() as patched:
            patched.setattr(Eraser, "step", cut_short)
            assert await data.erase(Selection(CUSTOMER)) is not None
    cut = tmp_path / "cut" / "cut.sqlite"
    if not cut.exists():
        return  # it was done in fewer steps
    async with unit(clock, cut) as (_, door):
        assert door.latest("state.events", SAUNA) is None
        await clock.sleep(1)
        assert await raw_values(clock, door, "power.active", SAUNA) == []
    assert not anywhere(b"sauna", tmp_path / "cut")


@pytest.mark.parametrize("pause_s", [0.0, 0.0001, 0.001])
@stepped
async def test_a_device_that_is_renamed_meanwhile_is_erased_and_who_takes_its_name_is_not(
    clock: Clock, tmp_path: Path, pause_s: float
) -> None:
    async with unit(clock, tmp_path / "store.sqlite", flush_s=2.0) as (data, door):
        await live(clock, door, 200)
        await live(clock, door, 60, METER)
        erasing = asyncio.create_task(data.erase(Selection(CUSTOMER, "secret-sauna")))
        await clock.sleep(pause_s)
        data.rename_devices({"secret-sauna": "bath", "meter": "secret-sauna"})
        assert await erasing is not None
        assert await raw_values(clock, door, "power.active", Location("home", "bath")) == []
        assert len(await raw_values(clock, door, "power.active", SAUNA)) == 60


@stepped
async def test_what_was_told_is_what_goes_whatever_its_name_is_by_then(clock: Clock, tmp_path: Path) -> None:
    async with unit(clock, tmp_path / "store.sqlite") as (data, door):
        await live(clock, door, 5)
        await live(clock, door, 5, METER)
        told = await door.command("command.erase", HOME, {"by": "anna", "device": "secret-sauna"})
        assert told.detail is not None
        data.rename_devices({"secret-sauna": "bath", "meter": "secret-sauna"})
        await door.command("command.erase", HOME, {"by": "anna", "confirm": told.detail["confirm"]})
        assert await raw_values(clock, door, "power.active", Location("home", "bath")) == []
        assert len(await raw_values(clock, door, "power.active", SAUNA)) == 5


@stepped
async def test_nothing_goes_without_the_word_that_was_told(clock: Clock, tmp_path: Path) -> None:
    async with unit(clock, tmp_path / "store.sqlite") as (_, door):
        await live(clock, door, 5, METER)

        async def asked(**arguments: object) -> CommandAnswer:
            return await door.command("command.erase", HOME, {"by": "anna", **arguments})

        told = await asked()
        assert told.detail is not None
        assert told.detail["valid_s"] == 600.0
        assert told.text.startswith("everything: at most ")
        word = told.detail["confirm"]
        other = await door.command("command.erase", HOME, {"by": "bert", "confirm": word})
        assert other.outcome is Outcome.REFUSED
        assert (await asked(confirm=word)).outcome is Outcome.REFUSED  # one try a word
        late = await asked()
        assert late.detail is not None
        await clock.sleep(601)
        assert (await asked(confirm=late.detail["confirm"])).outcome is Outcome.REFUSED
        for bad in (
            {"since": "2026-03-02T00:00:00Z", "until": "2026-03-01T00:00:00Z"},
            {"since": "2026-03-02T00:00:00"},
            {"device": 7},
            {"device": "x" * 500},
            {"more": 1},
        ):
            assert (await asked(**bad)).outcome is Outcome.REFUSED, bad
        assert len(await raw_values(clock, door)) == 5


@stepped
async def test_nobody_else_erases_whatever_was_granted(clock: Clock, tmp_path: Path) -> None:
    async with unit(clock, tmp_path / "store.sqlite") as (data, _):
        assert allow(data, Rule(0, VOLT, rights=frozenset(Right))) is None
        refused = (await data.admit(VOLT, "x").command("command.erase", HOME, {})).refusal
        assert refused is not None
        assert refused.code is RefusalCode.NOT_GRANTED


@given(
    st.lists(st.tuples(st.sampled_from(["meter", "battery"]), st.integers(0, 300)), min_size=1, max_size=40),
    st.sampled_from([None, "meter"]),
    st.integers(0, 300),
    st.integers(1, 300),
    st.sampled_from([5.0, 1000.0]),
)
def test_exactly_what_was_selected_is_gone(
    rows: list[tuple[str, int]], device: str | None, first: int, length: int, flush_s: float
) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        _selected(Path(folder), rows, device, first, length, flush_s)


@stepped
async def _selected(
    clock: Clock,
    folder: Path,
    rows: list[tuple[str, int]],
    device: str | None,
    first: int,
    length: int,
    flush_s: float,
) -> None:
    began = clock.utc()
    since, until = began + timedelta(seconds=first), began + timedelta(seconds=first + length)
    async with unit(clock, folder / "store.sqlite", flush_s=flush_s) as (data, door):
        await clock.sleep(600)
        for number, (where, second) in enumerate(rows):
            door.write("soc", Location("home", where), number / 100, time=began + timedelta(seconds=second))
            await clock.sleep(1)
        assert await data.erase(Selection(CUSTOMER, device, since, until)) is not None
        for where in ("meter", "battery"):
            gone = {
                number / 100
                for number, (one, second) in enumerate(rows)
                if one == where and device in (None, where) and first <= second < first + length
            }
            every = {number / 100 for number, (one, _) in enumerate(rows) if one == where}
            assert set(await raw_values(clock, door, "soc", Location("home", where))) == every - gone
            rolled = await door.history(
                "soc", Location("home", where), began, began + timedelta(hours=1), Resolution.MINUTE
            )
            assert not {row.first for row in rolled.rows} & gone
            assert not {row.last for row in rolled.rows} & gone
