"""heg-appliance as people run it: started, asked, restarted, ended; and asking the gateway in its turn."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from appliance.keeping import Folder, KeepError
from appliance.model import Kept
from heg.model.appliances import APPLIANCE_DEVICE, APPLIANCE_SERVICE
from heg.runtime.clock import Clock
from tests.appliance.asker import GATEWAY
from tests.appliance.machine import Machine, a_program
from tests.drivers.upnp.hosted import WASHER
from tests.drivers.upnp.test_hosting_conformance import STREET, a_gateway
from tests.support.namespaces import WIRE, needs_networks, wired
from tests.support.peers import SOURCES, built_on_libupnp, needs_libupnp
from tests.support.processes import wait_until

pytestmark = pytest.mark.system


def test_a_person_loads_it_and_what_is_registered_outlives_it(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    assert "good; Washer, behind programs" in machine.said("check")
    with machine.running():
        uuid = machine.status()["uuid"]
        assert "cotton: 30 minutes, waiting for a good time" in machine.said("load", "cotton", "--ready-by", "07:00")
        number = machine.ordered("StandbyPeriod", StartTime="01:00:00", StopTime="02:00:00").result("RegID")
        words = machine.said("status")
        assert "Washer: standby" in words
        assert "01:00 to" in words
        assert "cotton, 30 minutes, waiting, over by" in words
    assert "Traceback" not in machine.log
    with machine.running():
        again = machine.status()
        assert again["uuid"] == uuid
        assert [str(one["id"]) for one in again["periods"]] == [number]
        assert again["cycle"]["state"] == "waiting"
        assert machine.ordered("OperationOn").status == 200
        assert machine.state.read_text() == "on\n"
        assert machine.status()["cycle"]["state"] == "running"
        assert machine.ordered("OperationOff").error_code == 802
        assert machine.state.read_text() == "on\n"
        assert machine.asked("unload").returncode == 1
        assert machine.ordered("Withdraw", RegID=number).status == 200
        assert machine.status()["periods"] == []


def test_what_cannot_be_done_is_said_with_its_exit_code(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    gone = machine.asked("status")
    assert (gone.returncode, "no appliance answers" in gone.stderr) == (69, True)
    with machine.running():
        for words, said in (
            (("load", "silk"), "expected a programme of cotton; came 'silk'"),
            (("load", "cotton", "--ready-by", "soon"), "expected a time of day such as 18:30; came 'soon'"),
            (("unload",), "no cycle waits"),
            (("wake-me", "6:30"), "expected a time as HH:MM:SS, such as 06:30:00; came '6:30'"),
            (("withdraw", "x"), "expected the number that the gateway gave"),
        ):
            refused = machine.asked(*words)
            assert (refused.returncode, said in refused.stderr) == (1, True), refused.stderr
        second = machine.asked()
        assert (second.returncode, "another heg-appliance" in second.stderr) == (1, True)
    machine.config.write_text("[appliance]\n")
    bad = machine.asked()
    assert bad.returncode == 78
    assert "appliance.toml: [appliance] name: required" in bad.stderr


def test_what_an_earlier_or_a_later_version_kept_is_read(tmp_path: Path) -> None:
    folder = Folder.open(tmp_path)
    period = (
        f'{{"id": 7, "owner": "{GATEWAY}", "address": "192.0.2.1", "start": "2026-03-01T22:00:00Z", '
        '"stop": "2026-03-02T06:00:00Z", "state": "in_force", "before": "on"}'
    )
    (tmp_path / "kept.json").write_text(f'{{"book": {{"next_id": 8, "periods": [{period}]}}, "later": [1]}}')
    kept = folder.kept()
    assert (kept.book.next_id, kept.book.periods[0].id, kept.cycle, kept.going) == (8, 7, None, None)
    folder.close()


def test_each_run_has_a_number_of_its_own_also_by_a_clock_that_begins_anew(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    dead, right = datetime(1970, 1, 1, 0, 0, 12, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC)
    folder = Folder.open(tmp_path)
    numbers = [folder.boot(now) for now in (dead, dead, right, dead, right)]
    assert numbers == sorted(set(numbers))
    (tmp_path / "boot").write_text("nonsense")
    assert folder.boot(right) == int(right.timestamp())
    (tmp_path / "boot").unlink()
    (tmp_path / "boot").mkdir()
    assert folder.boot(right) == int(right.timestamp())
    assert "the next run may look like this one" in caplog.text
    folder.close()


def test_a_damaged_file_is_put_aside_and_a_damaged_uuid_is_not_exchanged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = Folder.open(tmp_path)
    for damaged in (
        '{"book": 3}',
        '{"cycle": {"id": "1", "name": "x", "curve": {"power_kw": [1]}, "since": "2026-03-01T12:00"}}',
    ):
        (tmp_path / "kept.json").write_text(damaged)
        assert folder.kept() == Kept()
    assert "its registrations are lost" in caplog.text
    assert (tmp_path / "kept.damaged").exists()
    (tmp_path / "kept.json").mkdir()  # what cannot be read is not damaged: nothing is begun without it
    with pytest.raises(KeepError, match=r"expected a file that user [0-9]+ may read"):
        folder.kept()
    assert folder.uuid("machine") == folder.uuid("another machine")
    (tmp_path / "uuid").write_text("nobody")
    with pytest.raises(KeepError, match="expected a UUID"):
        folder.uuid("machine")
    with pytest.raises(KeepError, match="another heg-appliance works with this folder"):
        Folder.open(tmp_path)
    folder.close()
    Folder.open(tmp_path).close()


@needs_networks
def test_it_asks_the_gateway_and_takes_back_what_it_asked(tmp_path: Path) -> None:
    """The gateway is the real one's device; the house behind it is the test's."""
    questions: list[dict[str, str]] = [
        {"do": "gateway"},
        {"do": "wake-me", "at": "06:30:00"},
        {"do": "keep-awake", "start": "22:00:00", "stop": "23:00:00"},
        {"do": "withdraw", "id": "1"},
        {"do": "asked"},
        {"do": "withdraw", "id": "9"},
    ]
    said: list[dict[str, Any]] = []

    async def main(clock: Clock) -> None:
        program, stop = a_program(tmp_path, clock, WASHER, STREET), asyncio.Event()
        running = asyncio.create_task(program.run(stop))
        async with asyncio.timeout(10):
            while not program.upnp.running:
                await clock.sleep(0.05)
        said.extend([await asked(tmp_path / "socket", words) for words in questions])
        stop.set()
        await running

    with a_gateway() as street:
        street.loop(main)
    found, woken, kept, withdrawn, open_, unknown = said
    assert found["ok"]["address"] == "10.77.0.1"
    assert woken == {"ok": {"RegID": "1"}}
    assert kept == {"ok": {"RegID": "2"}}
    assert "ok" in withdrawn
    assert open_ == {"ok": {"numbers": ["2"]}}
    assert "the gateway refused (803)" in unknown["error"]["text"]


async def asked(path: Path, words: dict[str, str]) -> dict[str, Any]:
    reader, writer = await asyncio.open_unix_connection(path)
    try:
        writer.write(json.dumps(words).encode() + b"\n")
        answer = json.loads(await reader.readline())
        assert isinstance(answer, dict)
        return answer
    finally:
        writer.transport.abort()


_AS_CONTROL_POINT = {
    "urn:heg-energy:device:EnergyGateway:1": APPLIANCE_DEVICE,
    "urn:heg-energy:service:EnergyManagement:1": APPLIANCE_SERVICE,
    "OpenRegistrations": "PowerState",
    "/device.xml": "/description.xml",
    '"%s/control"': '"%s/power/control"',
    '"%s/subscribe"': '"%s/power/events"',
    '"WakeUpTime", given[2], given[3], "Time", "06:30:00"': '"Withdraw", given[2], given[3], "RegID", "7"',
    '"WakeUpTime", given[2], given[3], "Time", "25:30:00"': '"Withdraw", given[2], given[3], "RegID", "x"',
    '"WakeUpTime", given[2], given[3], "Clock", "06:30:00"': '"Withdraw", given[2], given[3], "Id", "7"',
}


@needs_networks
@needs_libupnp()
def test_a_control_point_of_libupnp_subscribes_renews_and_is_refused_in_its_words(tmp_path: Path) -> None:
    source = (SOURCES / "libupnp_control_point.c").read_text()
    for theirs, ours in _AS_CONTROL_POINT.items():
        assert theirs in source
        source = source.replace(theirs, ours)
    (tmp_path / "point.c").write_text(source)
    built = built_on_libupnp(tmp_path / "point.c", tmp_path / "point")

    async def main(clock: Clock, stop: asyncio.Event) -> None:
        await a_program(tmp_path, clock, WASHER, "10.77.0.2").run(stop)

    with wired("asks", "farm", addresses=(["10.77.0.1/16"], ["10.77.0.2/16"])) as (asks, farm), farm.beside(main):
        wait_until(lambda: "fe80:" in asks.says("ip", "addr", "show", "dev", WIRE), "it has its addresses")
        said = asks.run(built, WIRE, f"uuid:{GATEWAY}", "10.77.0.1").stdout.splitlines()
    assert said[3:5] == ["found http://10.77.0.2:8467/description.xml", "subscribe 0 1801 uuid:"]
    assert "event 0 1" in said
    assert [line for line in said if line.startswith(("Withdraw", "NoSuchThing"))] == [
        "Withdraw 803 -",
        "Withdraw 402 -",
        "Withdraw 402 -",
        "NoSuchThing 401 -",
    ]
    assert said[-2:] == ["renew 0 600", "unsubscribe 0"]
