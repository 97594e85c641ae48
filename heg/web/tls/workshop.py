"""Asks the maker of certificates in a process that ends with its answer: the gateway never loads what that needs."""

import asyncio
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import msgspec

import heg
from heg.web.tls.requests import Answer, Ask, decode, encode

COMMAND = (sys.executable, "-m", "heg.web.tls.maker")
_LIMIT_S = 60.0
"""Real seconds: a cold card on a small machine loads slowly."""
_HERE = Path(heg.__file__).parents[1]


class WorkshopError(Exception):
    """No answer came; the text says why. It may come another time."""


async def ask(request: Ask, command: tuple[str, ...] = COMMAND) -> Answer:
    """Return the answer. Raises `WorkshopError`. A cancelled question takes its process with it."""
    # A thread, because the limit is real seconds and the house's clock waits for the process meanwhile.
    thread = ThreadPoolExecutor(1, thread_name_prefix="certificate")
    talk = _Talk(command)
    try:
        return await asyncio.get_running_loop().run_in_executor(thread, talk.ask, request)
    finally:
        talk.give_up()
        thread.shutdown()


class _Talk:
    def __init__(self, command: tuple[str, ...]) -> None:
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None

    def ask(self, request: Ask) -> Answer:
        try:
            # `-m` looks here first: never in whatever folder the gateway was started from.
            with subprocess.Popen(  # noqa: S603 - our own module by our own interpreter
                self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=_HERE
            ) as process:
                self._process = process
                try:
                    said, words = process.communicate(encode(request), timeout=_LIMIT_S)
                finally:
                    process.kill()
        except (OSError, subprocess.TimeoutExpired) as error:
            raise WorkshopError(f"certificates cannot be made or read now: {error}") from error
        try:
            found: Answer = decode(said, Answer)
        except msgspec.DecodeError as error:
            why = words.decode(errors="replace").strip().rpartition("\n")[2][:300]
            raise WorkshopError(f"certificates cannot be made or read now: {why or 'no answer came'}") from error
        return found

    def give_up(self) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.kill()
