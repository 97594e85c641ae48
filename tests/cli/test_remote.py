"""Commands against a real server: what is asked, shown, ordered, and how it ends."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from heg.model.instance import Location
from tests.cli.served import Person, plain_gateway
from tests.web.serving import Served


@pytest.fixture
def served() -> Iterator[Served]:
    with plain_gateway() as behind:
        behind.call(behind.served.house.tick)
        yield behind.served


def host(served: Served) -> str:
    return f"127.0.0.1:{served.port}"


LOOKS = (
    *("status", "devices", "leases", "alarms", "health", "latest", "variables", "energy", "savings", "plan", "week"),
    *("latest soc battery", "plan --past", "cycle", "openapi", "history soc battery", "api /api/v1/devices"),
)


def test_each_look_tells_people_and_gives_programs_json_alone(person: Person, served: Served) -> None:
    for look in LOOKS:
        told = person.heg("--host", host(served), *look.split())
        given = person.heg(*look.split(), "--host", host(served), "--json")
        assert told.code in (0, 1), told.err
        assert told.out.strip(), look
        assert (given.code, given.err) == (told.code, ""), look
        assert json.loads(given.out) is not None


def test_what_is_shown_is_what_the_house_has(person: Person, served: Served) -> None:
    devices = person.heg("--host", host(served), "devices")
    assert "NAME" in devices.out
    assert "battery" in devices.out
    assert "soc" in person.heg("--host", host(served), "latest", "soc").out
    assert "power.active" in person.heg("--host", host(served), "variables").out


def test_orders_are_carried_and_their_refusals_told(person: Person, served: Served) -> None:
    assert person.heg("--host", host(served), "hands-off", "on").out == "done: released\n"
    by_hand = ("manual", "battery", "charge", "--power-kw", "2.5", "--minutes", "30", "--json")
    assert json.loads(person.heg("--host", host(served), *by_hand).out)["outcome"] == "done"
    given = {"regime": "charge", "power_kw": 2.5, "valid_s": 1800.0}
    assert served.house.orders[-1] == ("command.manual", Location("home", "battery"), given)
    refused = person.heg("--host", host(served), "try", "battery")
    assert refused.code == 1
    assert refused.out.startswith("battery: refused: ")


def test_a_power_that_was_forgotten_is_asked_for(person: Person, served: Served) -> None:
    said = person.heg("--host", host(served), "manual", "battery", "charge")
    assert said.code == 2
    assert "--power-kw" in said.err


@pytest.mark.parametrize("name", ["$HEG_HOST", "before", "behind"])
def test_the_gateway_is_named_in_three_ways(person: Person, served: Served, name: str) -> None:
    if name == "$HEG_HOST":
        person.has(HEG_HOST=host(served))
        assert person.heg("health", "--json").code in (0, 1)
    elif name == "before":
        assert person.heg("--host", host(served), "health", "--json").code in (0, 1)
    else:
        assert person.heg("health", "--json", "--host", host(served)).code in (0, 1)


def test_what_works_on_this_machine_alone_takes_no_host(person: Person) -> None:
    said = person.heg("--host", "127.0.0.1", "check")
    assert said.code == 2
    assert "this machine" in said.err


def test_a_refusal_says_what_was_expected(person: Person, served: Served) -> None:
    said = person.heg("--host", host(served), "history", "no.such.variable")
    assert said.code == 1
    assert "expected a catalogued variable such as power.active; came no.such.variable" in said.err
    said = person.heg("--host", host(served), "history", "soc", "--from", "some day")
    assert said.code == 2
    assert "how long ago (90min, 48h, 7d)" in said.err


def test_history_comes_as_table_csv_and_json_with_the_same_rows(person: Person, served: Served, tmp_path: Path) -> None:
    ask = ("--host", host(served), "history", "soc", "battery", "--resolution", "raw")
    page = json.loads(person.heg(*ask, "--json").out)
    assert page["next_cursor"] is None
    file = tmp_path / "soc.csv"
    assert person.heg(*ask, "--csv", "-o", file).code == 0
    with file.open() as lines:
        rows = list(csv.DictReader(lines))
    assert [row["time"] for row in rows] == [row["time"] for row in page["rows"]]
    assert len(person.heg(*ask).out.splitlines()) == len(rows) + 1


def test_any_endpoint_can_be_asked_by_its_path(person: Person, served: Served) -> None:
    csv_text = person.heg("--host", host(served), "api", "/api/v1/latest?variable=soc&format=csv")
    assert csv_text.out.startswith("variable,device,part")
    done = person.heg("--host", host(served), "api", "POST", "/api/v1/commands/scan", "--data", "{}")
    assert json.loads(done.out)["outcome"]
    bad = person.heg("--host", host(served), "api", "POST", "/api/v1/commands/hands-off", "--data", '{"no": 1}')
    assert bad.code == 1
    assert "expected" in bad.err
    assert bad.out == ""


@pytest.mark.parametrize(
    "path", ["/api/v1/no thing", "/api/v1/\u00e4", "/api/v1/a\r\nX-Evil: 1", "/api/v1/..", "/" + "a" * 9000]
)
def test_what_no_address_may_hold_is_refused_in_words(person: Person, served: Served, path: str) -> None:
    said = person.heg("--host", host(served), "api", path)
    assert said.code in (1, 76), said
    assert said.out == ""
    assert said.err


def test_metrics_are_as_prometheus_reads_them(person: Person, served: Served) -> None:
    assert "# TYPE" in person.heg("--host", host(served), "metrics").out
