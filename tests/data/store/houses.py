"""What the store's tests share: a running interface over a file, and what a power cut leaves of it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from heg.data.door import Door
from heg.data.interface import DataInterface
from heg.data.store.schema import CURRENT, Schema
from heg.data.store.settings import StoreSettings
from heg.data.store.store import SqliteStore
from heg.model.instance import Location
from heg.model.policy import CUSTOMER
from heg.model.records import AlarmRecord
from heg.runtime.clock import Clock

METER = Location("home", "meter")
HOME = Location("home")


@asynccontextmanager
async def unit(
    clock: Clock, path: Path, schema: Schema = CURRENT, **settings: object
) -> AsyncIterator[tuple[DataInterface, Door]]:
    """A running interface over a store at this path, closed in order afterwards."""
    store = SqliteStore(clock, StoreSettings(path, **settings), schema)  # type: ignore[arg-type]
    data = DataInterface(clock, "home", store)
    door = data.admit(CUSTOMER, "test")
    await data.open()
    running = asyncio.create_task(data.run())
    try:
        yield data, door
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await data.close()


def alarms(door: Door) -> dict[str, AlarmRecord]:
    """The active alarms of the store by name."""
    found = {i.location.part: i.value for i in door.latest_all("alarm", Location("home", "store", "*"))}
    return {name: alarm for name, alarm in found.items() if isinstance(alarm, AlarmRecord) and alarm.active}


def as_after_a_power_cut(path: Path, folder: Path) -> Path:
    """A copy of what the disk holds now: the file and its log, nothing closed."""
    for suffix in ("", "-wal"):
        if Path(f"{path}{suffix}").exists():
            (folder / f"cut.sqlite{suffix}").write_bytes(Path(f"{path}{suffix}").read_bytes())
    return folder / "cut.sqlite"


def anywhere(text: bytes, folder: Path) -> list[Path]:
    """Files that hold this text."""
    return [file for file in folder.iterdir() if text in file.read_bytes()]


async def raw_values(clock: Clock, door: Door, variable: str = "power.active", place: Location = METER) -> list[object]:
    """Everything stored of a series, page by page."""
    values: list[object] = []
    cursor = None
    start, end = clock.utc().replace(year=2001), clock.utc().replace(year=2100)
    while True:
        page = await door.history(variable, place, start, end, cursor=cursor, limit=10_000)
        assert page.refusal is None, page.refusal
        values += [row.value for row in page.rows]
        if (cursor := page.next_cursor) is None:
            return values
