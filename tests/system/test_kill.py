"""`kill -9` at random instants: what was acknowledged is there, the database is clean, no contactor flaps.

Two real processes in scaled time; see docs/maintainers/rig.md. The long form is `./dev soak kill`.
"""

import random
import sqlite3
import time
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.support.processes import GatewayProcess, HouseProcess, wait_until, world

SPEED = 30.0
FLUSH_S = 30.0
"""House seconds: one real second at this speed."""
EDGE_KWH = 0.03
"""What the house uses in a minute at most, about: the first one and the last one are not booked whole."""
COMES_BACK_S = 20.0
"""Real seconds within which a killed gateway controls again."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A counter's value as the gateway had acknowledged it, and the house time at which it stood (at the latest)."""

    kwh: float
    at: datetime


def house_time(gateway: GatewayProcess) -> datetime:
    return datetime.fromisoformat(gateway.state()["time"]["utc"])


def imported(gateway: GatewayProcess) -> Seen | None:
    for device in gateway.read("/api/v1/devices")["devices"]:
        for reading in device["readings"] if device["device"]["name"] == "meter" else ():
            if (reading["variable"], reading["part"], reading["quality"]) == ("energy.import", "", "good"):
                return Seen(reading["value"], house_time(gateway) - timedelta(seconds=reading["age_s"]))
    return None


def stored(gateway: GatewayProcess, since: datetime) -> list[dict[str, Any]]:
    query = {"variable": "energy.import", "device": "meter", "resolution": "raw", "from": since.isoformat()}
    rows: list[dict[str, Any]] = []
    while True:
        page = gateway.read("/api/v1/history?" + urlencode(query))
        assert "rows" in page, page
        rows += page["rows"]
        if page["next_cursor"] is None:
            return rows
        query["cursor"] = page["next_cursor"]


def demand_clean(database: Path) -> None:
    store = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:
        assert store.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    finally:
        store.close()


def kill_and_come_back(gateway: GatewayProcess, house: HouseProcess, seen: list[Seen], began: datetime) -> None:
    killed_at = house_time(gateway)
    gateway.kill()
    demand_clean(gateway.folder / "state" / "store.sqlite")
    switched = house.ask(ask="writes", device="battery", point="704.WSetEna")["changes"]
    gateway.start()
    wait_until(gateway.controls, f"the battery is controlled again; see {gateway.log}", limit_s=COMES_BACK_S)
    # Adopted: nothing moved. Released first and taken again: off and on, once.
    assert house.ask(ask="writes", device="battery", point="704.WSetEna")["changes"] - switched in (0, 1, 2)
    rows = {round(row["value"], 3) for row in stored(gateway, began)}
    safe = [one for one in seen if one.at < killed_at - timedelta(seconds=FLUSH_S + SPEED)]
    lost = [one for one in safe if round(one.kwh, 3) not in rows]
    assert not lost, f"acknowledged before {killed_at} and gone: {lost[:3]}"


def booked_kwh(gateway: GatewayProcess) -> float:
    """The demand of all days in the books, the running one included."""
    days: list[float] = gateway.read("/api/v1/savings?by=day")["demand_kwh"]
    return sum(days)


def demand_booked_once(gateway: GatewayProcess, house: HouseProcess, before_kwh: float) -> None:
    """Whatever was killed: all that the house used is in the books, once, but for the minute that is still open."""
    used_kwh = house.ask(ask="status")["consumed_kwh"] - before_kwh
    wait_until(
        lambda: booked_kwh(gateway) >= used_kwh - EDGE_KWH, f"{used_kwh:.3f} kWh are booked", limit_s=COMES_BACK_S
    )
    now_kwh = house.ask(ask="status")["consumed_kwh"] - before_kwh
    assert booked_kwh(gateway) <= now_kwh + EDGE_KWH


def kills(folder: Path, times: int, seed: int) -> None:
    chance = random.Random(seed)
    with ExitStack() as stack:
        house, gateway = world(stack, folder, speed=SPEED, flush_s=FLUSH_S)
        gateway.start()
        wait_until(gateway.controls, f"the battery is controlled; see {gateway.log}")
        began, used_kwh = house_time(gateway), house.ask(ask="status")["consumed_kwh"]
        seen: list[Seen] = []
        for _ in range(times):
            until_s = time.monotonic() + chance.uniform(0.2, 6.0)
            while time.monotonic() < until_s:
                if (now := imported(gateway)) is not None:
                    seen.append(now)
                time.sleep(0.1)
            kill_and_come_back(gateway, house, seen, began)
        assert len(seen) > times
        demand_booked_once(gateway, house, used_kwh)
        assert gateway.terminate() == 0


def test_two_kills(tmp_path: Path) -> None:
    kills(tmp_path, 2, seed=1)


@pytest.mark.soak
def test_fifty_kills(tmp_path: Path) -> None:
    kills(tmp_path, 50, seed=2)
