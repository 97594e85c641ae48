"""The table of sockets: its page is printed, every row is one a configuration opens, the firewall follows from it."""

from __future__ import annotations

import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from drivers.upnp import DRIVER
from drivers.upnp.config import UpnpConfig
from heg.config.schema import HegConfig, WebSection
from heg.config.sockets import open_sockets
from heg.model.firewall import ruleset
from heg.model.sockets import LISTENING_SOCKETS, REDIRECT, WEB, WEB_TLS, OpenSocket, Reach, page
from tests.support.peers import demand_nft

ROOT = Path(__file__).parents[2]
ON_THE_LAN = OpenSocket(replace(WEB, name="lan", reach=Reach.LAN), "0.0.0.0", 8463)
OPEN_TO_THE_LAN = HegConfig(web=WebSection(host="0.0.0.0"))


def test_the_page_is_printed() -> None:
    mend = "python -c 'from heg.model import sockets; print(sockets.page(), end=\"\")' > docs/integrators/sockets.md"
    assert (ROOT / "docs" / "integrators" / "sockets.md").read_text() == page(), f"print it again: {mend}"


def test_every_row_is_one_a_configuration_opens() -> None:
    opened = (*open_sockets(OPEN_TO_THE_LAN), *DRIVER.sockets(UpnpConfig()))
    assert tuple(one.listening for one in opened) == LISTENING_SOCKETS
    assert [one.port for one in opened] == [one.default_port for one in LISTENING_SOCKETS]
    assert len({one.name for one in LISTENING_SOCKETS}) == len(LISTENING_SOCKETS)


def test_a_moved_socket_is_where_it_was_moved() -> None:
    [web] = open_sockets(HegConfig(web=WebSection(port=9000, host="::1")))
    assert (web.host, web.port) == ("::1", 9000)
    web, tls, redirect = open_sockets(
        HegConfig(web=WebSection(port=9000, host="192.168.1.5", tls_port=9443, redirect_port=9080))
    )
    assert (web.listening, web.host, web.port) == (WEB, "127.0.0.1", 9000)
    assert (tls.listening, tls.host, tls.port) == (WEB_TLS, "192.168.1.5", 9443)
    assert (redirect.listening, redirect.host, redirect.port) == (REDIRECT, "192.168.1.5", 9080)


def test_what_is_not_encrypted_never_reaches_the_network() -> None:
    reached = {one.name for one in LISTENING_SOCKETS if one.reach is Reach.LAN}
    assert reached == {"web-tls", "web-redirect", "upnp", "upnp-search", "ssdp"}
    assert all(one.host == "127.0.0.1" for one in open_sockets(OPEN_TO_THE_LAN) if one.listening is WEB)


def test_the_ports_people_know_are_led_to_those_we_open() -> None:
    rules = ruleset(open_sockets(HegConfig(web=WebSection(host="0.0.0.0", tls_port=9443))))
    ways = [line.strip() for line in rules.splitlines() if "redirect to" in line]
    assert ways == [
        "ip saddr @home4 fib daddr type local tcp dport 443 redirect to :9443",
        "ip6 saddr @home6 fib daddr type local tcp dport 443 redirect to :9443",
        "ip saddr @home4 fib daddr type local tcp dport 80 redirect to :8464",
        "ip6 saddr @home6 fib daddr type local tcp dport 80 redirect to :8464",
    ]
    assert "prerouting" not in ruleset(open_sockets(HegConfig()))


def test_only_what_the_home_network_may_reach_has_a_door() -> None:
    assert "8462" not in ruleset(open_sockets(HegConfig()))
    doors = [line.strip() for line in ruleset([ON_THE_LAN]).splitlines() if " dport 8463 " in line]
    assert doors == [
        'ip saddr @home4 tcp dport 8463 accept comment "lan"',
        'ip6 saddr @home6 tcp dport 8463 accept comment "lan"',
    ]


def test_appliances_come_in_where_they_are_looked_for() -> None:
    rules = ruleset(DRIVER.sockets(UpnpConfig(port=9000)))
    doors = [line.strip() for line in rules.splitlines() if "comment" in line or "igmp" in line]
    assert doors == [
        "meta l4proto igmp accept",
        'ip saddr @home4 tcp dport 9000 accept comment "upnp"',
        'ip6 saddr @home6 tcp dport 9000 accept comment "upnp"',
        'ip saddr @home4 udp dport 8466 accept comment "upnp-search"',
        'ip6 saddr @home6 udp dport 8466 accept comment "upnp-search"',
        'ip saddr @home4 udp dport 1900 accept comment "ssdp"',
        'ip6 saddr @home6 udp dport 1900 accept comment "ssdp"',
    ]
    on_loopback = DRIVER.sockets(UpnpConfig(interfaces=("lo",)))
    assert {one.listening.reach for one in on_loopback} == {Reach.LOOPBACK}
    assert "comment" not in ruleset(on_loopback)
    assert "igmp" not in ruleset(on_loopback)


def nft_in_a_network_of_its_own(folder: Path, rules: str, then: str) -> subprocess.CompletedProcess[str]:
    demand_nft()
    (folder / "heg.nft").write_text(rules)
    return subprocess.run(
        ["unshare", "-rnpf", "--kill-child", "--mount-proc", "sh", "-ec", then, "sh", folder / "heg.nft"],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.system
def test_nft_takes_it_and_twice_is_once(tmp_path: Path) -> None:
    opened = (*open_sockets(OPEN_TO_THE_LAN), *DRIVER.sockets(UpnpConfig()))
    rules = ruleset(opened, owners=f"{tmp_path}/*.mine")
    said = nft_in_a_network_of_its_own(
        tmp_path, rules, 'nft -c -f "$1"; nft -f "$1"; nft list ruleset; echo ==; nft -f "$1"; nft list ruleset'
    )
    assert said.returncode == 0, said.stderr
    once, twice = said.stdout.split("==\n")
    assert once == twice
    assert "policy drop" in once
    assert re.search(r"ip saddr @home4 tcp dport 8463 accept", once)
    assert re.search(r"tcp dport 443 redirect to :8463", once)


@pytest.mark.system
def test_the_owners_rules_come_in(tmp_path: Path) -> None:
    (tmp_path / "ssh.mine").write_text("tcp dport 22 accept\n")
    rules = ruleset(open_sockets(HegConfig()), owners=f"{tmp_path}/*.mine")
    said = nft_in_a_network_of_its_own(tmp_path, rules, 'nft -f "$1"; nft list ruleset')
    assert said.returncode == 0, said.stderr
    assert "tcp dport 22 accept" in said.stdout


@pytest.mark.system
def test_what_has_no_door_is_dropped(tmp_path: Path) -> None:
    """Two networks joined by a cable: from the other one only the named port answers."""
    rules = ruleset(open_sockets(OPEN_TO_THE_LAN), owners=f"{tmp_path}/*.mine")
    script = """
    ip link set lo up
    unshare -n sleep 30 & peer=$!
    while [ "$(readlink /proc/$peer/ns/net)" = "$(readlink /proc/self/ns/net)" ]; do sleep 0.02; done
    ip link add one type veth peer name two netns $peer
    ip addr add 192.168.77.1/24 dev one; ip link set one up
    nsenter -t $peer -n sh -c 'ip addr add 192.168.77.2/24 dev two; ip addr add 8.8.4.4/24 dev two; ip link set two up'
    ip route add 8.8.4.0/24 dev one
    nft -f "$1"
    foreign="8.8.4.4:8463 8.8.4.4:443"
    python3 -c "$ANSWERING" 8463 8462 & answering=$!
    nsenter -t $peer -n python3 -c "$ASKING" 192.168.77.2:8463 192.168.77.2:443 192.168.77.2:8462 $foreign
    kill $answering $peer
    """
    answering = (
        "import socket, sys, time\n"
        "kept = [socket.create_server(('0.0.0.0', int(port))) for port in sys.argv[1:]]\n"
        "time.sleep(30)\n"
    )
    asking = (
        "import socket, sys, time\n"
        "for one in sys.argv[1:]:\n"
        "    source, port = one.split(':')\n"
        "    for attempt in range(30):\n"
        "        try:\n"
        "            socket.create_connection(('192.168.77.1', int(port)), 0.7, (source, 0)).close()\n"
        "            print(one, 'open')\n"
        "            break\n"
        "        except ConnectionRefusedError:\n"
        "            time.sleep(0.1)\n"
        "        except OSError:\n"
        "            print(one, 'closed')\n"
        "            break\n"
    )
    said = nft_in_a_network_of_its_own(
        tmp_path, rules, f"ANSWERING={_quoted(answering)}\nASKING={_quoted(asking)}\n{script}"
    )
    assert said.returncode == 0, said.stderr
    assert said.stdout.splitlines() == [
        *("192.168.77.2:8463 open", "192.168.77.2:443 open", "192.168.77.2:8462 closed"),
        *("8.8.4.4:8463 closed", "8.8.4.4:443 closed"),
    ]


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"
