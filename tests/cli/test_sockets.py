"""`heg sockets` says what the kernel says: a running gateway listens there and nowhere else."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest

from tests.cli.test_cli import answers, config, heg, page_of, port, running

__all__ = ["config", "port"]


@pytest.mark.system
def test_a_running_gateway_listens_where_the_table_says_and_nowhere_else(config: Path) -> None:
    said = json.loads(heg("sockets", "--config", config, "--json").stdout)
    with running(config) as process:
        assert answers(page_of(process))
        assert listening(process) == {(one["protocol"], one["host"], one["port"]) for one in said}


def listening(process: subprocess.Popen[str]) -> set[tuple[str, str, int]]:
    family = psutil.Process(process.pid)
    found = [one for each in (family, *family.children(recursive=True)) for one in each.net_connections("inet")]
    tcp = {("tcp", one.laddr.ip, one.laddr.port) for one in found if one.status == psutil.CONN_LISTEN}
    udp = {("udp", one.laddr.ip, one.laddr.port) for one in found if one.type.name == "SOCK_DGRAM" and not one.raddr}
    return tcp | udp


def test_for_people_it_is_a_table(config: Path, port: int) -> None:
    said = heg("sockets", "--config", config)
    assert said.returncode == 0
    assert [line.split()[:4] for line in said.stdout.splitlines()[1:]] == [["web", "tcp", "127.0.0.1", str(port)]]


def test_its_firewall_is_a_ruleset(config: Path) -> None:
    assert "policy drop" in heg("sockets", "--nft", "--config", config).stdout


def test_device_nodes_are_those_of_the_configuration(config: Path) -> None:
    assert heg("device-nodes", "--config", config).stdout == ""
    lines = '\n[modbus]\nserial = [{ port = "/dev/ttyUSB0" }, { port = "/dev/mem" }]\n'
    config.write_text(config.read_text() + lines)
    said = heg("device-nodes", "--config", config)
    assert (said.returncode, said.stdout) == (0, "ttyUSB\n")
    assert "/dev/mem: expected a serial line" in said.stderr
    assert json.loads(heg("device-nodes", "--config", config, "--json").stdout)["kinds"] == ["ttyUSB"]
