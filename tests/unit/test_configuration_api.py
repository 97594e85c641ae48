"""The configuration over HTTP, in front of a running house."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from heg.runtime.clock import Clock
from hil.gateway import GatewayView
from tests.support.house import House, a_house
from tests.support.stepped import stepped

PATH = "/api/v1/configuration"
DEVICES = "/api/v1/devices"


async def post(house: House, what: str, path: str = PATH, **body: Any) -> tuple[int, dict[str, Any]]:
    asking = GatewayView(house.view.port, limit_s=600.0)
    status, answer = await asking.ask("POST", f"{path}/{what}".rstrip("/"), json.dumps(body).encode())
    said = json.loads(answer)
    assert isinstance(said, dict)
    return status, said


async def in_force(house: House) -> dict[str, Any]:
    said = (await house.view.get(PATH))["configuration"]
    assert isinstance(said, dict)
    return said


@stepped
async def test_read_validate_propose_apply_history_and_roll_back(clock: Clock, tmp_path: Path) -> None:
    async with a_house(clock, tmp_path) as house:
        await house.until(lambda: house.battery.state == "confirmed")
        before = await in_force(house)
        assert before["version"] == 1
        assert before["toml"] == (tmp_path / "heg.toml").read_text()
        text = before["toml"].replace("max_import_kw = 17.0", "max_import_kw = 5.5 # less")
        status, said = await post(house, "validate", toml=text)
        assert (status, said["outcome"]) == (200, "done")
        assert said["changes"] == ["[contract] max_import_kw = 5.5, was 17.0"]
        assert said["effects"]["in_place"] == ["control"]
        assert (await in_force(house))["version"] == 1
        status, proposed = await post(house, "propose", toml=text, message="as the new contract says")
        assert (await house.view.get(PATH))["proposal"]["why"] == "as the new contract says"
        status, said = await post(house, "apply", digest=proposed["digest"], base=1)
        assert (status, said["version"]) == (200, 2), said
        assert (await house.view.get(PATH))["proposal"] is None
        await house.after(seconds=3)
        assert house.state["envelope"]["max_kw"] == 5.5
        difference = await house.view.get(f"{PATH}/diff")
        assert "+max_import_kw = 5.5 # less" in difference["lines"]
        status, said = await post(house, "rollback", message="too little")
        assert (status, said["version"]) == (200, 3)
        versions = (await house.view.get(f"{PATH}/versions"))["versions"]
        assert [(one["version"], one["how"], one["why"]) for one in versions] == [
            (3, "rolled back", "too little"),
            (2, "applied", ""),
            (1, "start", ""),
        ]
        assert (await house.view.get(f"{PATH}/versions/1"))["toml"] == before["toml"]


@stepped
async def test_refusals_say_what_and_where(clock: Clock, tmp_path: Path) -> None:
    async with a_house(clock, tmp_path) as house:
        text = (await in_force(house))["toml"]
        for what in ("validate", "propose", "apply"):
            more: dict[str, Any] = {"base": 1} if what == "apply" else {}
            status, said = await post(house, what, toml=text + "[site]\ntilt = 95.0\nkompass = 3\n", **more)
            assert (status, said["outcome"]) == (200 if what == "validate" else 409, "refused"), said
            assert {one["where"] for one in said["faults"]} == {"[site] tilt", "[site] kompass"}
        status, said = await post(house, "apply", toml=text + "# more\n", base=7)
        assert (status, said["version"]) == (409, 1)
        status, said = await post(house, "apply", base=1)
        assert status == 400
        status, said = await post(house, "rollback", version=9)
        assert status == 409
        assert "kept are 1" in said["refusal"]
        status, _ = await house.view.ask("GET", f"{PATH}/versions/9")
        assert status == 404
        assert (tmp_path / "heg.toml").read_text() == text


@stepped
async def test_devices_are_tested_named_removed_and_added(clock: Clock, tmp_path: Path) -> None:
    async with a_house(clock, tmp_path) as house:
        await house.until(lambda: house.battery.state == "confirmed")
        status, said = await post(house, "pv/test", DEVICES)
        assert (status, said["outcome"]) == (200, "done")
        assert said["values"]["power.active"] == 0.0
        status, said = await post(house, "pv/rename", DEVICES, name="roof", message="there it is")
        assert (status, said["effects"]["renames"]) == (200, ["pv is called roof"]), said
        await house.look()
        address = house.state["devices"]["roof"]["address"].rpartition("/")[0]
        status, said = await post(house, "roof/remove", DEVICES)
        assert (status, said["outcome"]) == (200, "done"), said
        status, said = await post(house, "", DEVICES, protocol="modbus", address=address)
        assert (status, said["devices"]) == (200, ["roof"]), said
        status, said = await post(house, "boiler/test", DEVICES)
        assert (status, said["outcome"]) == (409, "refused"), said
        status, said = await post(house, "", DEVICES, protocol="modbus", address="10.0.0.0/8")
        assert status == 409, said
