"""Ports for programs that are started: free, below what the kernel lends, and not the same twice."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from hil.ports import free_port, free_ports

LENT_FROM = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])


def test_none_is_what_the_kernel_may_lend_or_given_twice() -> None:
    given = [free_port() for _ in range(200)]
    assert len(set(given)) == 200
    assert max(given) < LENT_FROM
    assert min(given) > 8500


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM], ids=["TCP", "UDP"])
def test_what_somebody_has_is_passed_over_and_several_have_no_gap(kind: socket.SocketKind) -> None:
    first, second, third = free_ports(3)
    assert (second, third) == (first + 1, first + 2)
    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind(("127.0.0.1", third + 2))
        assert free_ports(3)[0] == third + 3


def test_of_an_address_that_is_not_here_there_are_none() -> None:
    with pytest.raises(OSError, match=r"192\.0\.2\.1 has no 1 free ports in a row"):
        free_port("192.0.2.1")
