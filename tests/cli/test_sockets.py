"""`heg sockets` says what the kernel says: a running gateway listens there and nowhere else."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest

from hil.ports import free_port
from tests.cli.test_cli import ROOT, answers, config, heg, page_of, port, running
from tests.support.namespaces import needs_networks, wired
from tests.support.peers import needs, program
from tests.support.processes import wait_until
from tests.support.sockets import differences, heard_by

__all__ = ["config", "port"]


@pytest.mark.system
def test_a_running_gateway_listens_where_the_table_says_and_nowhere_else(config: Path) -> None:
    said = json.loads(heg("sockets", "--config", config, "--json").stdout)
    with running(config) as process:
        assert answers(page_of(process))
        assert listening(process) == {(one["protocol"], one["host"], one["port"]) for one in said}


@pytest.mark.system
def test_with_appliances_it_listens_for_them_too(config: Path) -> None:
    ports = free_port(), free_port()
    section = f'\n[upnp]\ninterfaces = ["lo"]\nport = {ports[0]}\nsearch_port = {ports[1]}\n'
    config.write_text(config.read_text() + section)
    said = json.loads(heg("sockets", "--config", config, "--json").stdout)
    with running(config) as process:
        assert answers(page_of(process))
        # Groups are heard only where loopback has multicast.
        opened = {("tcp", "127.0.0.1", ports[0]), ("udp", "127.0.0.1", ports[1])}
        wait_until(lambda: listening(process) >= opened, "it listens for appliances")
        assert differences(said, listening(process)) == []
        assert all(host.startswith(("127.", "::1", "ff0", "239.")) for _, host, _ in listening(process))


@needs_networks
@needs("ss")
@pytest.mark.system
def test_on_a_link_the_kernel_says_what_the_table_says(config: Path) -> None:
    config.write_text(config.read_text() + "\n[upnp]\n")
    said = json.loads(heg("sockets", "--config", config, "--json").stdout)
    with wired() as (gateway, _street):
        command = (sys.executable, "-m", "heg", "run", "--config", config)
        process = gateway.start(*command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wanted = {(one["protocol"], one["port"]) for one in said}

            def heard() -> set[tuple[str, str, int]]:
                return heard_by(gateway.says(program("ss"), "-Htuln"))

            wait_until(lambda: {(kind, port) for kind, _, port in heard()} == wanted, "it listens on its link")
            assert differences(said, heard()) == []
            assert {host for kind, host, port in heard() if (kind, port) == ("udp", 1900)} >= {"239.255.255.250"}
        finally:
            process.terminate()
            process.wait(20)


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
