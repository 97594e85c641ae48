"""Rules, contracts, limits and evidence from the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.served import PASSWORD, Owner, Person, claimed_gateway


@pytest.fixture
def heg(person: Person, tmp_path: Path) -> Iterator[Owner]:
    with claimed_gateway(person, tmp_path) as heg:
        assert heg("login", "--name", "anna", "--password-stdin", typed=PASSWORD).code == 0
        yield heg


def test_a_rule_is_added_told_and_removed(heg: Owner) -> None:
    assert "nobody else" in heg("policies", "list").out
    added = heg("policies", "add", "dso:north", "power.active", "--device", "grid", "--every", "900")
    assert added.code == 0, added.err
    assert "dso:north" in added.out
    assert "900 s" in heg("policies", "of", "power.active", "grid").out
    rules = json.loads(heg("policies", "list", "--json").out)["rules"]
    assert [(one["stakeholder"], one["min_delay_s"], one["rights"]) for one in rules] == [("dso:north", 900, ["read"])]
    assert "dso:north" not in heg("policies", "remove", rules[0]["number"]).out.splitlines()[-2]
    gone = heg("policies", "remove", rules[0]["number"])
    assert (gone.code, "the number of a rule in force" in gone.err) == (1, True)


def test_a_contract_is_held_against_the_rules(heg: Owner) -> None:
    ask = ("contracts", "add", "grid-2026", "dso:north", "--demand", "power.active@grid:900")
    conflict = heg(*ask)
    assert conflict.code == 1
    assert "expected" in conflict.err
    assert "grid-2026" in heg(*ask, "--grant").out
    assert "dso:north" in heg("policies", "list").out
    assert "no contracts" in heg("contracts", "remove", "grid-2026").out
    assert heg("contracts", "add", "x", "dso:north", "--demand", ":900").code == 2


def test_limits_and_their_evidence_are_told(heg: Owner) -> None:
    assert heg("envelope").out
    for kind in ((), ("--json",), ("--csv",), ("--source", "dso")):
        told = heg("evidence", "--from", "7d", *kind)
        assert told.code == 0, told.err
        assert told.out
