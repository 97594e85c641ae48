"""The table of rooms refuses what DESIGN.md refuses, and every package of ours stands under it."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from grimp import ImportGraph

from tests.support.rooms import Rooms, RoomsContract, Row

ROOT = Path(__file__).parents[2]
NOT_ROOMS = {"tests", "bench"}  # they look at all of it

CONTRACT: dict[str, Any]
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
[CONTRACT] = SETTINGS["contracts"]


def problems(*imports: tuple[str, str]) -> list[str]:
    graph = ImportGraph()
    for importer, imported in imports:
        for module in (importer, imported):
            graph.add_module(module)
        graph.add_import(importer=importer, imported=imported, line_number=3, line_contents=f"import {imported}")
    contract = RoomsContract(name="", session_options={}, contract_options=CONTRACT)
    found: list[str] = contract.check(graph, verbose=False).metadata["problems"]
    return found


@pytest.mark.parametrize(
    ("importer", "imported"),
    [
        ("heg.model.instance", "heg.runtime.clock"),
        ("heg.runtime.clock", "heg.model.instance"),
        ("heg.services.automation", "heg.data.interface"),
        ("heg.services.automation", "heg.control.cycle"),
        ("heg.devices.manager", "heg.control.cycle"),
        ("heg.web.server", "heg.devices.manager"),
        ("heg.web.server", "heg.exports.mqtt"),
        ("heg.config.schema", "drivers.modbus"),
        ("drivers.modbus.bus", "heg.data.door"),
        ("drivers.modbus.bus", "drivers.zigbee.stick"),
        ("heg.control.cycle", "heg.unit"),
        ("heg.unit", "hil.house"),
        ("hil.house", "drivers.modbus.sunspec"),
        ("heg", "heg.model.instance"),
        ("heg.data.store", "numpy"),
        ("heg.control.cycle", "aiohttp"),
        ("heg.control.journal", "sqlite3"),
        ("hil.devices.server", "pymodbus"),
        ("heg.web.server", "uvloop"),
    ],
)
def test_the_table_refuses(importer: str, imported: str) -> None:
    assert problems((importer, imported)) == [f"{importer} (line 3) imports {imported}, which its room may not"]


def test_the_table_allows_what_it_names() -> None:
    assert not problems(
        ("heg.data.store", "heg.data.door"),
        ("heg.data.store", "sqlite3"),
        ("heg.services.automation", "heg.data.door"),
        ("heg.control.cycle", "heg.devices.contract"),
        ("heg.unit", "heg.control.cycle"),
        ("heg.cli", "heg"),
        ("heg.web.server", "aiohttp"),
        ("drivers.modbus.bus", "pymodbus"),
        ("heg.model.instance", "dataclasses"),
    )


def test_a_module_without_a_room_is_told_where_rooms_are_named() -> None:
    [problem] = problems(("heg.attic.boxes", "heg.model.instance"))
    assert problem.startswith("heg.attic.boxes lies in no room: give its room a row in pyproject.toml")


def test_a_row_without_a_colon_says_what_a_row_is() -> None:
    with pytest.raises(ValueError, match=r"row 'heg\.model': expected `names: what is allowed`"):
        Row.parse("heg.model")


def test_every_package_of_ours_stands_under_the_contract() -> None:
    ours = {folder.name for folder in ROOT.iterdir() if folder.is_dir() and any(folder.glob("*.py"))} - NOT_ROOMS
    assert ours == set(SETTINGS["root_packages"])
    table = Rooms.parse(CONTRACT["rooms"], CONTRACT["outside"])
    assert all(table.is_ours(package) for package in ours)
