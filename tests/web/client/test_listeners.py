"""Whose a port of this machine is: nobody else's program is handed a password."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from heg.runtime.secrets import Secret
from heg.web.client.address import Address
from heg.web.client.faults import StrangerError
from heg.web.client.gateway import Gateway, Key
from heg.web.client.line import Line
from heg.web.client.listeners import stranger_at
from heg.web.state_messages import Health

_HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
SOMEBODY = 54_321


class Connected(socket.socket):
    """One end of a connection from port 40000 to port 8462 of this machine."""

    def __init__(self, host: str) -> None:
        super().__init__()
        self.close()
        self._host = host

    def getsockname(self) -> Any:
        return self._host, 40_000

    def getpeername(self) -> Any:
        return self._host, 8462


def row(address: str, uid: int, *, port: int = 8462, remote: str = "00000000:0000", state: str = "0A") -> str:
    return f"   0: {address}:{port:04X} {remote} {state} 00000000:00000000 00:00000000 00000000 {uid} 0 1\n"


HERE, ANY, US = "0100007F", "00000000", f"0100007F:{40_000:04X}"
OTHER = f"user {SOMEBODY}"


@pytest.mark.parametrize(
    ("rows", "stranger"),
    [
        (row(HERE, SOMEBODY), OTHER),
        (row(HERE, 0), None),
        (row(HERE, os.geteuid()), None),
        (row(ANY, SOMEBODY), OTHER),
        (row(ANY, SOMEBODY) + row(HERE, 0), None),
        (row(HERE, 0) + row(HERE, SOMEBODY), OTHER),
        (row(HERE, SOMEBODY, port=8463), None),
        (row(HERE, SOMEBODY, remote=US, state="01"), "nobody who still listens"),
        (row(HERE, 0) + row(HERE, SOMEBODY, remote=US, state="01"), OTHER),
        (row(HERE, 0) + row(HERE, SOMEBODY, remote="0100007F:0001", state="01"), None),
        ("nonsense\n", None),
        ("", None),
    ],
)
def test_who_holds_the_port_is_read_from_the_kernels_table(tmp_path: Path, rows: str, stranger: str | None) -> None:
    table = tmp_path / "tcp"
    table.write_text(_HEAD + rows)
    assert stranger_at(Connected("127.0.0.1"), (table, tmp_path / "absent")) == stranger


def test_an_address_of_six_is_found_in_its_own_table(tmp_path: Path) -> None:
    table = tmp_path / "tcp6"
    table.write_text(_HEAD + row("00000000000000000000000001000000", SOMEBODY))
    assert stranger_at(Connected("::1"), (table,)) == OTHER


def test_our_own_listener_is_no_stranger() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as own,
        socket.create_connection(own.getsockname()[:2]) as connected,
        own.accept()[0],
    ):
        assert stranger_at(connected) is None


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, who alone may let another user listen")
def test_somebody_elses_program_hears_nothing_secret() -> None:
    code = (
        "import os, socket, sys\n"
        "listener = socket.create_server(('127.0.0.1', 0)); os.setuid(54321)\n"
        "listener = [listener.close(), socket.create_server(('127.0.0.1', 0))][1]\n"
        "print(listener.getsockname()[1], flush=True)\n"
        "connected, _ = listener.accept(); print(len(connected.recv(4096)), flush=True)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        port = int(other.stdout.readline())
        gateway = Gateway(Line(Address("127.0.0.1", port, tls=False)), Key(Secret("heg_t_secret")))
        with pytest.raises(StrangerError, match="held by user 54321"):
            gateway.get("/api/v1/health", Health)
        assert other.stdout.readline() == "0\n"
