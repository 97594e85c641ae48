"""A process that writes as fast as it may and says what is durable, until somebody kills it: FILE FIRST."""

import sys
from pathlib import Path

from heg.data.interface import DataInterface
from heg.data.store.settings import StoreSettings
from heg.data.store.store import SqliteStore
from heg.model.instance import Location
from heg.model.policy import CUSTOMER
from heg.runtime.clock import Clock
from heg.runtime.loops import RealTiming, run

METER = Location("home", "meter")


async def write_for_ever(clock: Clock, path: Path, number: int) -> None:
    store = SqliteStore(clock, StoreSettings(path, checkpoint_pages=50))
    data = DataInterface(clock, "home", store)
    door = data.admit(CUSTOMER, "writer")
    await data.open()
    print("open", flush=True)  # noqa: T201 - this is how it speaks
    while True:
        for _ in range(50):
            door.write("energy.import", METER, number / 1000)
            door.write("hands_off", METER, "on" if number % 2 else "off")
            number += 1
        await store.flush()
        print(number, flush=True)  # noqa: T201


if __name__ == "__main__":
    file, first = Path(sys.argv[1]), int(sys.argv[2])
    run(lambda clock: write_for_ever(clock, file, first), timing=RealTiming())
