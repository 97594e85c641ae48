"""Running somebody's program: no shell, a time limit, little of what it says."""

import asyncio
import contextlib
import os
import signal
from dataclasses import dataclass

_MOST_OUTPUT = 4096
_LAST_WORDS_S = 0.2
"""How long what it said may be under way when it has ended."""


class ProgramError(Exception):
    """It could not be run, or did not end in time."""


@dataclass(frozen=True, slots=True)
class Ran:
    """How it ended, and what it said first."""

    code: int
    said: str


async def run_program(argv: tuple[str, ...], limit_s: float) -> Ran:
    """Run a program to its end; one that takes too long is killed. Raises `ProgramError`.

    What it leaves running in the background goes on, and is not waited for.
    """
    try:
        transport, talk = await asyncio.get_running_loop().subprocess_exec(
            _Talk,
            *argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,  # so that what it starts is killed with it
        )
    except (OSError, ValueError) as error:
        raise ProgramError(f"{argv[0]}: {error}") from error
    try:
        async with asyncio.timeout(limit_s):
            await talk.ended.wait()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LAST_WORDS_S):
                await talk.silent.wait()
    except TimeoutError as error:
        raise ProgramError(f"{argv[0]}: it took longer than {limit_s:g} s") from error
    finally:
        if not talk.ended.is_set():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(transport.get_pid(), signal.SIGKILL)
            await talk.ended.wait()
        transport.close()
    code = transport.get_returncode()
    assert code is not None
    return Ran(code, talk.said.decode("utf-8", "replace"))


class _Talk(asyncio.SubprocessProtocol):
    """What a program says. Its end counts, not that of its output, which others may hold."""

    def __init__(self) -> None:
        self.said = bytearray()
        self.silent = asyncio.Event()
        self.ended = asyncio.Event()

    def pipe_data_received(self, fd: int, data: bytes) -> None:  # noqa: ARG002 - there is one
        """Keep the first of it."""
        self.said += data[: _MOST_OUTPUT - len(self.said)]

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:  # noqa: ARG002
        """Nothing more comes."""
        self.silent.set()

    def process_exited(self) -> None:
        """It has ended."""
        self.ended.set()
