"""The runs of a backtest, those that plan in processes of their own beside each other, and forecasts in a third."""

import selectors
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from typing import IO, BinaryIO, Self

import msgspec

from heg.studies.backtest import Backtested, Progress, Run, RunName, Study, lived
from heg.studies.part import EXPECTED, STARVED

PLANNED = (RunName.EBR, RunName.EBR_PERFECT)
FEW_SLOTS = 300
"""As many slots are lived before a second process would have begun."""

LONGEST_ANSWER = 64 * 1024 * 1024
_CHUNK = 1 << 16


class PartError(Exception):
    """A run's process ended without its run; says what it said last."""


def backtested(study: Study, progress: Progress | None = None) -> Backtested:
    """Return all runs. `progress` is told of slots that were planned, `len(PLANNED)` times those of the study in all.

    Raises `PartError` where a process ended before its work did.
    """
    runs = {name: lived(study, name) for name in RunName if name not in PLANNED}
    if study.slots <= FEW_SLOTS:
        runs |= {name: lived(study, name, progress) for name in PLANNED}
    else:
        with _Parts(study) as parts:
            runs |= parts.runs(progress)
    return Backtested(study=study, runs={name: runs[name] for name in RunName})


class _Parts:
    """The processes, ended with the block whatever happens in it."""

    def __init__(self, study: Study) -> None:
        self._question = msgspec.json.encode(study) + b"\n"
        self._stack = ExitStack()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._errors: dict[str, BinaryIO] = {}
        self._said: dict[RunName, bytearray] = {name: bytearray() for name in PLANNED}

    def __enter__(self) -> Self:
        with ExitStack() as started:
            expected = self._started(EXPECTED, self._asked(started), started).stdout
            if expected is not None:
                self._started(RunName.EBR, expected, started)
                expected.close()  # theirs alone: who is left of the two sees that the other has ended
            self._started(RunName.EBR_PERFECT, self._asked(started), started)
            self._stack = started.pop_all()
        return self

    def _asked(self, started: ExitStack) -> BinaryIO:
        """Return the study as a file, in place of a pipe: nobody waits until it has been read."""
        question = started.enter_context(tempfile.TemporaryFile())  # noqa: SIM115  # the stack closes it
        question.write(self._question)
        question.seek(0)
        return question

    def _started(self, name: str, asked: IO[bytes], started: ExitStack) -> subprocess.Popen[bytes]:
        errors = self._errors[name] = started.enter_context(tempfile.TemporaryFile())  # noqa: SIM115  # as above
        command = [sys.executable, "-m", "heg.studies.part", name]
        process = subprocess.Popen(command, stdin=asked, stdout=subprocess.PIPE, stderr=errors)  # noqa: S603  # our own
        self._processes[name] = process
        started.callback(_ended, process)
        return process

    def __exit__(self, *_why: object) -> None:
        self._stack.close()

    def runs(self, progress: Progress | None) -> Mapping[RunName, Run]:
        """Wait for all of them."""
        found: dict[RunName, Run] = {}
        with selectors.DefaultSelector() as selector:
            for name in PLANNED:
                if (said := self._processes[name].stdout) is not None:
                    selector.register(said, selectors.EVENT_READ, name)
            while selector.get_map():
                for key, _ in selector.select():
                    name = RunName(key.data)
                    chunk = key.fileobj.read1(_CHUNK)  # type: ignore[union-attr]  # a pipe, opened above
                    if not chunk:
                        selector.unregister(key.fileobj)
                        found[name] = self._run(name)
                        continue
                    self._take(name, chunk, progress)
        return found

    def _take(self, name: RunName, chunk: bytes, progress: Progress | None) -> None:
        said = self._said[name]
        said += chunk
        if len(said) > LONGEST_ANSWER:
            raise PartError(f"{name}: expected at most {LONGEST_ANSWER} bytes")
        while (end := said.find(b"\n")) > 0 and said[:end].isdigit():
            if progress is not None:
                progress(int(said[:end]))
            del said[: end + 1]

    def _run(self, name: RunName) -> Run:
        try:
            return msgspec.json.decode(bytes(self._said[name]), type=Run)
        except msgspec.MsgspecError as error:
            raise PartError(self._why(name)) from error

    def _why(self, name: str) -> str:
        code = self._processes[name].wait()
        if code == STARVED and name != EXPECTED:
            return self._why(EXPECTED)
        self._errors[name].seek(0)
        said = self._errors[name].read()[-1000:].decode(errors="replace").strip().splitlines()
        return f"{name}: its process ended with {code} before its work did: {said[-1] if said else 'it said nothing'}"


def _ended(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.kill()
    process.wait()
    if process.stdout is not None:
        process.stdout.close()
