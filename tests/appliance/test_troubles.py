"""heg-appliance where something is wrong: each is said with how to mend it, and what was agreed is not forgotten."""

from __future__ import annotations

import json
import socket
import threading
from pathlib import Path

import pytest

from appliance import cli
from tests.appliance.machine import Machine
from tests.support.processes import wait_until

pytestmark = pytest.mark.system


def test_what_the_machine_lacks_is_said_with_how_to_mend_it(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    machine.change(address='"127.0.44.2"')
    with socket.create_server(("127.0.44.2", machine.port)):
        assert "another program listens there: end it, or set another [network] port" in machine.said_within()
    said = machine.said_within(address='"192.0.2.77"')
    assert "no address of this machine: set another [network] address, or none" in said
    machine.config.write_text(machine.config.read_text().replace('address = "127.0.44.2"', 'interface = "none0"'))
    assert "none0 has no IPv4 address now, or is not there" in machine.said_within()
    assert "(install -d -o " in machine.said_within(state_dir=f'"{tmp_path}/state"')
    said = machine.said_within(state='["/nowhere/state"]')
    assert "its state is not known: /nowhere/state: [Errno 2] No such file" in said
    assert "Traceback" not in said


def test_a_check_looks_at_the_machine_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(tmp_path)
    assert json.loads(machine.said("--json", "check")) == {"name": "Washer", "body": "behind programs"}
    machine.change(state=f'["{tmp_path}/state"]', on='["/nowhere/on"]')
    refused = machine.asked("check")
    assert refused.returncode == 78
    assert refused.stderr.splitlines() == [
        f"{machine.config}: /nowhere/on: expected a program that can be run",
        f"{machine.config}: {tmp_path}/state: expected a program that can be run",
    ]
    monkeypatch.setattr(cli, "_NEEDED", {"command": ("no_such_package", "gpio")})
    assert cli.main(["--config", str(machine.config), "check"]) == 78
    assert cli.main(["--config", str(machine.config), "run"]) == 1


def test_two_with_one_socket_do_not_take_it_from_each_other(tmp_path: Path) -> None:
    machine, other = Machine(tmp_path), Machine(tmp_path / "other")
    other.change(socket=f'"{tmp_path}/run/socket"', address='"127.0.44.2"', name='"Dryer"')
    with machine.running():
        assert "another heg-appliance answers there: end it, or set another socket" in other.said_within()
        assert machine.status()["name"] == "Washer"


@pytest.mark.parametrize("end", ["kill", "terminate"])
def test_what_it_was_about_to_do_when_it_was_ended_it_does_when_it_is_back(tmp_path: Path, end: str) -> None:
    machine = Machine(tmp_path)
    good = machine.config.read_text()
    machine.change(on='["/bin/sleep", "60"]')
    with machine.started() as process:
        wait_until(lambda: machine.asked("status").returncode == 0, "it answers")
        machine.said("load", "cotton", "--ready-by", "07:00")
        asking = threading.Thread(target=machine.asked, args=("start",))
        asking.start()
        wait_until(lambda: '"going":"on"' in (tmp_path / "kept" / "kept.json").read_text(), "it goes on")
        getattr(process, end)()
        assert process.stderr is not None
        assert "Traceback" not in process.stderr.read()
        asking.join()
    assert machine.state.read_text() == "standby\n"
    machine.config.write_text(good)
    with machine.running():
        wait_until(lambda: machine.status()["cycle"]["state"] == "running", "the programme runs")
    assert machine.state.read_text() == "on\n"
    assert json.loads((tmp_path / "kept" / "kept.json").read_text())["going"] is None
