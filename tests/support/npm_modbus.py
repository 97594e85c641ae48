"""npm's modbus-serial as a server in a process of its own: it shares no code with our driver or with the rig."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.support.peers import unless

PEERS = Path(__file__).parents[1] / "peers"
NODE = shutil.which("node", path=os.pathsep.join((os.environ.get("PATH", ""), str(Path(sys.executable).parent))))
HERE = NODE is not None and (PEERS / "node_modules" / "modbus-serial").is_dir()
needs_npm = unless(*(() if HERE else ("npm's modbus-serial",)))
"""Marks a test that talks to it."""


@contextmanager
def npm_server(registers: Mapping[int, Sequence[int]]) -> Iterator[int]:
    """Serve holding registers (start address to values) as unit 1; the port."""
    assert NODE is not None
    with TemporaryDirectory() as folder:
        file = Path(folder) / "registers.json"
        file.write_text(json.dumps({start: list(values) for start, values in registers.items()}))
        command = [NODE, str(PEERS / "modbus_server.js"), str(file)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdin is not None
            assert server.stdout is not None
            try:
                yield int(server.stdout.readline())
            finally:
                server.stdin.close()  # it ends with its standard input
                server.wait(10)


def words(image: bytes | bytearray) -> list[int]:
    """Registers of a register image."""
    return [int.from_bytes(image[at : at + 2], "big") for at in range(0, len(image), 2)]
