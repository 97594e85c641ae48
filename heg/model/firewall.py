"""The firewall made from the table of sockets: a ruleset of nftables that drops all that it does not name.

Loopback sockets need no rule. What the home network may reach is open to its private addresses only, so that a router
that hands out public IPv6 addresses does not show the gateway to the world.
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
}}
"""


def ruleset(sockets: Sequence[OpenSocket], owners: str = OWNERS_RULES) -> str:
    """Return the whole ruleset; loaded twice it stands once. It has a table of its own and touches no other."""
    return _HEAD.format(owners=owners) + "".join(_doors(sockets)) + _TAIL.format(owners=owners)


def _doors(sockets: Sequence[OpenSocket]) -> Iterator[str]:
    for one in sockets:
        if one.listening.reach is Reach.LAN:
            what = f'{one.listening.protocol} dport {one.port} accept comment "{one.listening.name}"'
            yield f"        ip saddr @home4 {what}\n        ip6 saddr @home6 {what}\n"
