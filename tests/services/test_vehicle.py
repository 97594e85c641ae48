"""The service over a running gateway and the rig: what is said reaches the record, also by API and after a restart."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from heg.cli.gateway_commands import status_lines
from heg.runtime.clock import Clock
from heg.web.state_messages import State
from hil.plan import rig_plan
from hil.rig import Rig
from tests.scenarios.test_car import UNPLANNED, tables
from tests.services.planning.test_in_the_house import paced
from tests.support.house import NOON, House, a_gateway, a_house
from tests.support.stepped import stepped

CAR: dict[str, Any] = {"initial_soc": 0.4, "capacity_kwh": 60.0}


async def say(house: House, **words: Any) -> dict[str, Any]:
    return await house.view.command("plug-in", **words)


async def known_soc(house: House) -> float:
    rows = await house.view.get("/api/v1/history?variable=soc&device=charger&resolution=raw")
    return float(rows["rows"][-1]["value"])


PACED = {**UNPLANNED, **paced(10.0)["sections"]}


@stepped
async def test_said_and_metered_is_what_the_car_has(clock: Clock, tmp_path: Path) -> None:
    async with a_house(clock, tmp_path, tables=tables(**CAR), sections=PACED) as house:
        await house.until(lambda: house.reason_for("charger") == "unplanned")
        answer = await say(house, soc=0.4, target=0.8, departure="07:30")
        assert answer["outcome"] == "done"
        assert "to 80% by Sun 07:30; 40% full" in answer["text"]
        assert answer["detail"]["departure_utc"] == "2026-03-01T06:30:00Z"
        _, body = await house.view.ask("GET", "/api/v1/state")
        lines = list(status_lines(msgspec.json.decode(body, type=State)))
        assert "charger: car 40 % full, give or take 5; to 80 % by 2026-03-01 07:30" in lines
        await house.after(3600)
        assert await known_soc(house) == pytest.approx(house.rig.charger.soc, abs=0.01)
        assert house.rig.charger.soc > 0.55
        assert house.reason_for("charger") == "automation", "what was asked for holds without a plan, too"
        await house.after(2 * 3600)
        assert house.rig.charger.soc == pytest.approx(0.8, abs=0.02), "to the target and no further"
        assert house.rig.charger.power_kw == 0.0


@stepped
async def test_a_restart_goes_on_in_the_same_stay(clock: Clock, tmp_path: Path) -> None:
    """Unit after unit on one folder, the rig's car charging on meanwhile."""
    async with Rig(rig_plan(tables(**CAR), NOON), clock) as rig:
        async with a_gateway(rig, clock, tmp_path, sections=PACED) as house:
            await house.until(lambda: house.reason_for("charger") == "unplanned")
            assert (await say(house, soc=0.4, target=0.9))["outcome"] == "done"
            await house.after(1800)
        await rig.after(600)
        async with a_gateway(rig, clock, tmp_path, sections=PACED) as house:
            await house.after(1200)
            assert await known_soc(house) == pytest.approx(rig.charger.soc, abs=0.01)
            assert rig.charger.soc > 0.5


@stepped
async def test_what_cannot_be_is_refused_and_what_comes_early_is_noted(clock: Clock, tmp_path: Path) -> None:
    async with a_house(clock, tmp_path, tables=tables(plugged=False, **CAR), sections=UNPLANNED) as house:
        await house.until(lambda: house.reason_for("charger") == "not_plugged")
        early = await say(house, charger="charger", soc=0.4, departure="07:30")
        assert early["outcome"] == "partly"
        house.rig.charger.plug_in()
        await house.until(lambda: house.reason_for("charger") == "automation", within_s=20)
        assert await known_soc(house) == pytest.approx(0.4, abs=0.01)
        for words in ({"charger": "garage", "target": 0.8}, {"departure": "soon"}, {"soc": 0.4, "soc_kwh": 3.0}):
            status, body = await house.view.ask("POST", "/api/v1/commands/plug-in", json.dumps(words).encode())
            assert status >= 400
            assert b"refus" in body
        assert (await say(house, forget=True))["outcome"] == "done"
        await house.until(lambda: house.reason_for("charger") == "unplanned", within_s=10)
