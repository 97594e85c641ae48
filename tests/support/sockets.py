"""What `heg sockets` says beside what the kernel says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

EVERYWHERE = "*"
"""Each address of the interfaces in use, which only the running gateway knows."""


def heard_by(ss: str) -> set[tuple[str, str, int]]:
    """Protocol, address (without its zone) and port of each line of `ss -Htuln`."""
    found = set()
    for line in ss.splitlines():
        protocol, _, _, _, place, *_ = line.split()
        host, _, port = place.rpartition(":")
        found.add((protocol, host.partition("%")[0].strip("[]"), int(port)))
    return found


def differences(told: Iterable[Mapping[str, object]], heard: set[tuple[str, str, int]]) -> list[str]:
    """What listens and is not in the table, and what of the table with an address of its own does not listen."""
    table = {(str(one["protocol"]), str(one["host"]), int(str(one["port"]))) for one in told}
    fixed = {one for one in table if one[1] != EVERYWHERE}
    followed = {(protocol, port) for protocol, host, port in table if host == EVERYWHERE}
    more = {one for one in heard - fixed if (one[0], one[2]) not in followed}
    return [f"{one} listens and is not told" for one in sorted(more)] + [
        f"{one} is told and does not listen" for one in sorted(fixed - heard)
    ]
