"""What the driver asks of the kernel needs no capability: the service has none (systemd/heg.service)."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.support.namespaces import WIRE, needs_networks, wired
from tests.support.peers import needs, program

ROOT = Path(__file__).parents[3]
DOES = """
from drivers.upnp.interfaces import InterfaceChanges, read_links
from drivers.upnp.neighbours import card_of
from drivers.upnp.parts import Link
from drivers.upnp.server import _doorway, _open
from drivers.upnp.hosting.identity import machine_id
from drivers.upnp.ssdp.sockets import hearing_sockets, searching_socket
from drivers.upnp.wake import Datagram, directed_broadcast, magic_packet, send_datagram

links = [one for one in read_links(frozenset()) if not one.is_v6]
assert [one.link for one in links] == [Link("lan0", "10.77.0.1")], links
packet = magic_packet("02:00:00:00:00:01")
for one in links:
    searching_socket(one, 8466)[0].close()
    for each in hearing_sockets(one):
        each.close()
    _open(_doorway(one.link), 8465).close()
    for place in ("255.255.255.255", directed_broadcast(one.link)):
        send_datagram(Datagram(one.link, place, packet), 9)
    card_of("10.77.0.2", one.link)
machine_id()
print("done")
"""


@needs_networks
@needs("setpriv")
def test_everything_is_done_by_nobody_without_capabilities() -> None:
    with wired() as (gateway, _street):
        nobody = ("--reuid", "65534", "--regid", "65534", "--clear-groups")
        nothing = ("--no-new-privs", "--bounding-set", "-all", "--inh-caps", "-all", "--ambient-caps", "-all")
        python = (*nothing, sys.executable, "-B", "-c")
        asked = ("env", f"PYTHONPATH={ROOT}", program("setpriv"))
        # In a checkout that root alone may read it is root without its powers: to the kernel that is nobody, too.
        who = () if gateway.run(*asked, *nobody, *python, "import drivers.upnp.driver").returncode else nobody
        said = gateway.run(*asked, *who, *python, DOES)
        assert said.stdout == "done\n", said.stderr
        assert WIRE == "lan0"


def test_the_unit_gives_no_more_than_that() -> None:
    lines = (ROOT / "systemd" / "heg.service").read_text().splitlines()
    assert "CapabilityBoundingSet=" in lines
    assert "AmbientCapabilities=" in lines
    [families] = [line for line in lines if line.startswith("RestrictAddressFamilies=")]
    assert set(families.partition("=")[2].split()) == {"AF_INET", "AF_INET6", "AF_UNIX", "AF_NETLINK"}
    assert not [line for line in lines if line.startswith(("IPAddressDeny", "PrivateNetwork", "SocketBindDeny"))]
