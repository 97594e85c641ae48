"""The command as a person meets it: processes of its own, exit codes, words on stderr, JSON alone on stdout."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hil.ports import free_port

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.system


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def config(tmp_path: Path, port: int) -> Path:
    path = tmp_path / "heg.toml"
    path.write_text(
        f"""
[contract]
max_import_kw = 10
max_export_kw = 10

[unit]
state_dir = "{tmp_path}/state"

[web]
port = {port}
"""
    )
    return path


def heg(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "heg", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)


@contextmanager
def running(config: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "heg", "run", "--config", str(config)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def page_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def answers(address: str) -> bool:
    deadline_s = time.monotonic() + 10  # noqa: TID251 - processes know only real time
    while time.monotonic() < deadline_s:  # noqa: TID251 - processes know only real time
        try:
            with urllib.request.urlopen(address + "/api/v1/health", timeout=5) as response:
                return bool(response.status == 200)
        except OSError:
            time.sleep(0.02)  # noqa: TID251
    return False


def test_check_says_good_and_its_json_stands_alone(config: Path) -> None:
    assert heg("check", "--config", config).returncode == 0
    said = heg("check", "--config", config, "--json")
    assert json.loads(said.stdout)["good"] is True
    assert said.stderr == ""


def test_check_names_every_fault(config: Path) -> None:
    config.write_text("[contract]\nmax_import_kw = -3\n[batery]\n")
    said = heg("check", "--config", config)
    assert said.returncode == 78
    assert said.stdout == ""
    assert len(said.stderr.splitlines()) == 3
    assert "[contract] max_import_kw = -3: expected kilowatts from 0 to 1000" in said.stderr
    as_json = heg("check", "--config", config, "--json")
    assert as_json.returncode == 78
    assert json.loads(as_json.stdout)["faults"] == said.stderr.splitlines()


def test_a_missing_file_is_said_without_a_traceback(tmp_path: Path) -> None:
    said = heg("run", "--config", tmp_path / "heg.toml")
    assert said.returncode == 78
    assert "name another with --config FILE" in said.stderr
    assert "Traceback" not in said.stderr


@pytest.mark.parametrize("epoch", ["0", "1e12"])
def test_a_house_time_beyond_the_calendar_is_said(config: Path, epoch: str) -> None:
    clock = f'\n[clock]\nspeed = 60\nhouse_utc = "2024-07-29T05:00:00Z"\nreal_epoch_s = {epoch}\n'
    config.write_text(config.read_text() + clock)
    said = heg("run", "--config", config)
    assert said.returncode == 78
    assert "[clock] real_epoch_s" in said.stderr
    assert "Traceback" not in said.stderr


@pytest.mark.parametrize("share", ["80", "120%", "much", "-1%"])
def test_a_share_that_could_mean_two_things_is_asked_for_again(config: Path, share: str) -> None:
    said = heg("plug-in", f"--target={share}", "--config", config)
    assert said.returncode == 2
    assert "expected a share such as 80% or 0.8" in said.stderr


@pytest.mark.parametrize(
    "command", [["status"], ["devices"], ["try", "battery"], ["plug-in", "--departure", "07:30", "--target", "80%"]]
)
def test_without_a_gateway_the_answer_says_how_to_start_one(config: Path, command: list[str]) -> None:
    said = heg(*command, "--config", config)
    assert said.returncode == 69
    assert "start it with heg run" in said.stderr


def test_the_gateway_runs_answers_and_ends_gracefully_when_told(config: Path, port: int) -> None:
    with running(config) as process:
        address = page_of(process)
        assert address == f"http://127.0.0.1:{port}"
        assert answers(address)
        status = heg("status", "--config", config, "--json")
        assert json.loads(status.stdout)["unit"] == "home"
        assert heg("devices", "--config", config).stdout.strip()
        tried = heg("try", "nothing-of-this-name", "--config", config)
        assert tried.returncode == 1
        assert "refused" in tried.stdout
        car = heg("plug-in", "--departure", "07:30", "--target", "80%", "--config", config)
        assert car.returncode == 1
        assert "expected a charger among none" in car.stdout
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=20)
    assert process.returncode == 0
    assert "stopped" in log
    assert "Traceback" not in log


def test_ctrl_c_ends_it_as_gracefully_and_twice_is_no_harm(config: Path) -> None:
    with running(config) as process:
        assert answers(page_of(process))
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGINT)
        _, log = process.communicate(timeout=20)
    assert process.returncode == 0
    assert "Traceback" not in log


def test_a_second_gateway_on_the_same_folder_is_refused(config: Path) -> None:
    with running(config) as process:
        assert answers(page_of(process))
        second = heg("run", "--config", config)
        assert second.returncode == 1
        assert "another gateway works with this folder" in second.stderr


def test_a_port_in_use_is_said_with_its_key_and_the_page_comes_when_it_is_free(config: Path, port: int) -> None:
    with socket.create_server(("127.0.0.1", port)) as other, running(config) as process:
        with other:
            assert process.stderr is not None
            said = process.stderr.readline()
            assert re.search(rf"heg\.toml: \[web\] port = {port}: expected a free port", said)
        assert answers(page_of(process))
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=20)
    assert process.returncode == 0
    assert "Traceback" not in log


def test_a_folder_that_cannot_be_used_is_said(config: Path, tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")
    said = heg("run", "--config", config)
    assert said.returncode == 1
    assert "heg.toml: [unit] state_dir:" in said.stderr


def test_readiness_reaches_a_service_manager_only_with_a_completed_cycle(config: Path, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.bind(str(tmp_path / "notify"))
        line.settimeout(15)
        os.environ["NOTIFY_SOCKET"] = str(tmp_path / "notify")
        try:
            with running(config) as process:
                heard = [line.recv(4096), line.recv(4096)]
                process.send_signal(signal.SIGTERM)
                process.communicate(timeout=20)
                heard.append(line.recv(4096))
        finally:
            del os.environ["NOTIFY_SOCKET"]
    assert heard == [b"STATUS=unit home is running", b"READY=1", b"STOPPING=1"]


@pytest.mark.parametrize("command", ["import heg.cli", "import heg.cli; heg.cli.main(['check', '--config', 'none'])"])
def test_the_command_line_and_check_load_no_protocol_and_no_server(command: str) -> None:
    code = f"import sys\n{command}\nprint(sorted({{'aiohttp', 'pymodbus', 'serial', 'sqlite3'}} & set(sys.modules)))"
    said = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"


def test_import_brings_a_past_once_and_names_what_is_wrong(config: Path, tmp_path: Path) -> None:
    past = tmp_path / "past.csv"
    rows = [f"2026-02-01T{hour:02}:00:00Z,0.5,\n" for hour in range(24)]
    past.write_text("time_utc,demand_kw,production_kw\n" + "".join(rows))
    done = heg("import", past, "--config", config)
    assert (done.returncode, done.stderr) == (0, "")
    assert (
        done.stdout
        == "96 slots of 15 min written from 2026-02-01 00:00 to 2026-02-01 23:45 UTC; 0 known before, 24 empty\n"
    )
    assert heg("import", past, "--config", config).stdout == "0 slots of 15 min written; 96 known before, 24 empty\n"
    past.write_text("a,b\n1,2\n")
    refused = heg("import", past, "--config", config)
    assert refused.returncode == 1
    assert "expected columns time_utc, demand_kw and perhaps production_kw; came a, b" in refused.stderr
