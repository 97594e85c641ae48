"""The firewall made from the table of sockets: a ruleset of nftables that drops all that it does not name.

Loopback sockets need no rule. What the home network may reach is open to its private addresses only, so that a router
that hands out public IPv6 addresses does not show the gateway to the world. A socket that people know by a port below
1024 gets that one led to it.
"""

from collections.abc import Iterator, Sequence

from heg.model.sockets import OpenSocket, Reach

OWNERS_RULES = "/etc/heg-firewall.d/*.nft"
"""What the owner adds, such as the door for ssh: rules of the chain `input`, one file or more, perhaps none."""

_HEAD = """\
# Made by `heg sockets --nft`; what you change here is lost. Rules of your own: {owners}
table inet heg
delete table inet heg
table inet heg {{
    set home4 {{
        type ipv4_addr; flags interval
        elements = {{ 10.0.0.0/8, 169.254.0.0/16, 172.16.0.0/12, 192.168.0.0/16 }}
    }}
    set home6 {{
        type ipv6_addr; flags interval
        elements = {{ fc00::/7, fe80::/10 }}
    }}
    chain input {{
        type filter hook input priority filter; policy drop;
        iif "lo" accept
        ct state established,related accept
        ct state invalid drop
        meta l4proto icmp icmp type {{ destination-unreachable, time-exceeded, parameter-problem }} accept
        icmp type echo-request limit rate 5/second accept
        icmpv6 type {{ destination-unreachable, packet-too-big, time-exceeded, parameter-problem }} accept
        icmpv6 type {{ nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert, mld-listener-query }} accept
        icmpv6 type echo-request limit rate 5/second accept
        udp sport 67 udp dport 68 accept
        ip6 saddr fe80::/10 udp sport 547 udp dport 546 accept
"""
_TAIL = """\
        include "{owners}"
        limit rate 10/minute log prefix "heg dropped: " level info
    }}
{led}}}
"""
_LED = """\
    chain prerouting {{
        type nat hook prerouting priority dstnat; policy accept;
{ways}    }}
"""


def ruleset(sockets: Sequence[OpenSocket], owners: str = OWNERS_RULES) -> str:
    """Return the whole ruleset; loaded twice it stands once. It has a table of its own and touches no other."""
    ways = "".join(_ways(sockets))
    led = _LED.format(ways=ways) if ways else ""
    doors = "".join((*_groups(sockets), *_doors(sockets)))
    return _HEAD.format(owners=owners) + doors + _TAIL.format(owners=owners, led=led)


def _ways(sockets: Sequence[OpenSocket]) -> Iterator[str]:
    for one in sockets:
        what = one.listening
        if what.reach is Reach.LAN and what.visited_at not in (0, one.port):
            way = f"{what.protocol} dport {what.visited_at} redirect to :{one.port}"
            for home in ("ip saddr @home4", "ip6 saddr @home6"):
                # To this machine itself: what it forwards for others is not ours to lead.
                yield f"        {home} fib daddr type local {way}\n"


def _groups(sockets: Sequence[OpenSocket]) -> Iterator[str]:
    """Who hears a group is asked from time to time whether it still does (IGMP; its sibling of IPv6 is let in above).

    A switch that gets no answer sends the group no more, and appliances would be lost after minutes.
    """
    if any(one.listening.groups and one.listening.reach is Reach.LAN for one in sockets):
        yield "        meta l4proto igmp accept\n"


def _doors(sockets: Sequence[OpenSocket]) -> Iterator[str]:
    for one in sockets:
        what = one.listening
        if what.reach is Reach.LAN:
            door = f'{what.protocol} dport {one.port} accept comment "{what.name}"'
            yield f"        ip saddr @home4 {door}\n        ip6 saddr @home6 {door}\n"
