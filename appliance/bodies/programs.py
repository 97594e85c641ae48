"""Running somebody's program: no shell, a time limit, little of what it says."""

import asyncio
import contextlib
import os
import signal
from dataclasses import dataclass

_MOST_OUTPUT = 4096


class ProgramError(Exception):
    """It could not be run, or did not end in time."""


@dataclass(frozen=True, slots=True)
class Ran:
    """How it ended, and what it said first."""

    code: int
    said: str


async def run_program(argv: tuple[str, ...], limit_s: float) -> Ran:
    """Run a program to its end; one that takes too long is killed. Raises `ProgramError`."""
    try:
        process = await asyncio.create_subprocess_exec(
            *argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,  # so that what it starts ends with it
        )
    except (OSError, ValueError) as error:
        raise ProgramError(f"{argv[0]}: {error}") from error
    assert process.stdout is not None
    try:
        async with asyncio.timeout(limit_s):
            said = await process.stdout.read(_MOST_OUTPUT)
            while await process.stdout.read(_MOST_OUTPUT):  # a program that talks on is let end
                pass
            code = await process.wait()
    except TimeoutError as error:
        raise ProgramError(f"{argv[0]}: it took longer than {limit_s:g} s") from error
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    return Ran(code, said.decode("utf-8", "replace"))
