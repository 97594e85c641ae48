"""Shows the page with the house on paper: `python -m tests.web.preview [PORT] [SPEED] [house, trouble or empty]`."""

import asyncio
import sys
import time
from datetime import UTC, datetime

from heg.data.interface import DataInterface
from heg.model.policy import CUSTOMER
from heg.model.records import Severity
from heg.runtime.clock import Clock
from heg.runtime.loops import ScaledTiming, run
from heg.web.listen import open_listener, page_address
from heg.web.server import WebServer
from heg.web.settings import WebSettings
from tests.web.house import HOME, PV, PaperHouse


async def show(clock: Clock, port: int, what: str) -> None:
    data = DataInterface(clock, HOME.unit)
    with open_listener(WebSettings(port=port)) as listener:
        web = WebServer(data.admit(CUSTOMER, "web"), clock, HOME, WebSettings(port=port), listener)
        sys.stdout.write(f"{page_address(listener)}\n")
        sys.stdout.flush()
        serving = asyncio.create_task(web.run())
        house = PaperHouse(data, clock)
        if what != "empty":
            house.attach()
            house.remember()
        if what == "trouble":
            house.alarm(
                "silent",
                Severity.WARNING,
                "The PV inverter does not answer.",
                "See that it has power and network, then scan for devices.",
            )
        while not serving.done():
            if what != "empty":
                house.tick()
            if what == "trouble":
                house.lose(PV)
            await clock.sleep(1.0)
        await serving


def main() -> None:
    port, speed = int(sys.argv[1] if len(sys.argv) > 1 else 8463), float(sys.argv[2] if len(sys.argv) > 2 else 60)
    what = sys.argv[3] if len(sys.argv) > 3 else "house"
    timing = ScaledTiming(speed, datetime(2026, 6, 3, 10, 20, tzinfo=UTC), time.time())
    run(lambda clock: show(clock, port, what), timing=timing)


if __name__ == "__main__":
    main()
