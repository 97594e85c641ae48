"""The gateway's books against the rig's counters, to 1 %: what was measured, integrated and stored is what flowed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from heg.runtime.clock import Clock
from hil.desk import status
from tests.support.house import House, a_house
from tests.support.stepped import stepped

AGREE = 0.01
METERED = {  # the gateway's counter: the rig's truth
    ("meter", "energy.import"): "imported_kwh",
    ("meter", "energy.export"): "exported_kwh",
    ("pv", "energy.production"): "produced_kwh",
    ("battery", "energy.import"): "charged_kwh",
    ("battery", "energy.export"): "discharged_kwh",
}
DAYTIME = {"weather": {"kind": "generated"}, "house": {"batteries": {"battery": {"self_consumption": False}}}}


async def rows(house: House, device: str, variable: str, start: datetime, resolution: str) -> list[Mapping[str, Any]]:
    path = (
        f"/api/v1/history?variable={variable}&device={device}&from={start:%Y-%m-%dT%H:%M:%SZ}&resolution={resolution}"
    )
    found: list[Mapping[str, Any]] = []
    cursor = ""
    while True:
        page = await house.view.get(path + cursor)
        found += page["rows"]
        if page["next_cursor"] is None:
            return found
        cursor = f"&cursor={page['next_cursor']}"


async def books_agree(clock: Clock, folder: Path, hours: float) -> None:
    async with a_house(clock, folder, tables=DAYTIME) as house:
        await house.until(lambda: house.battery.state == "confirmed")
        await house.after(seconds=60)
        began, before = clock.utc(), status(house.rig)
        await house.after(seconds=hours * 3600)
        after = status(house.rig)
        moved = 0.0
        for (device, variable), truth in METERED.items():
            flowed_kwh = after[truth] - before[truth]
            counted = await rows(house, device, variable, began, "1min")
            booked_kwh = counted[-1]["last"] - counted[0]["first"]
            # A counter is read every ten seconds: what flowed in one such span may be on either side of the edge.
            edge_kwh = 2 * 10.0 * 8.0 / 3600
            assert booked_kwh == pytest.approx(flowed_kwh, rel=AGREE, abs=edge_kwh), (device, variable)
            moved += flowed_kwh
        assert moved > 0.5 * hours  # something flowed, so something was compared
        minutes = await rows(house, "pv", "power.active", began, "1min")
        mean_kw = sum(row["value"] for row in minutes) / len(minutes)
        assert mean_kw * hours == pytest.approx(after["produced_kwh"] - before["produced_kwh"], rel=AGREE, abs=0.05)


@stepped
async def test_books_agree_over_an_hour(clock: Clock, tmp_path: Path) -> None:
    await books_agree(clock, tmp_path, hours=1.0)


@pytest.mark.soak
@stepped
async def test_books_agree_over_a_day(clock: Clock, tmp_path: Path) -> None:
    await books_agree(clock, tmp_path, hours=24.0)
