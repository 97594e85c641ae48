"""One planner's process, spoken to by blocking calls with real time limits. For one thread; `kill` for any.

Waiting is done by `poll` with the operating system's own time-out: a solver takes real time, whatever time the house
lives in (DESIGN.md, Time). Nothing here waits without a limit.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import heg
from heg.model.plan import PlanReply, PlanRequest
from heg.model.planner_wire import Failure, FrameReader, Message, Ready, WireRefusal, encode

RealSeconds = Callable[[], float]

_PIECE = 65536
_WORDS_KEPT = 2000
_FAREWELL_S = 1.0
_END_WAIT_S = 5.0
RESTED = 10
"""Exit code of a worker that nobody asked for a while (heg/planner/worker.py)."""
_HERE = Path(heg.__file__).parents[1]


class LostError(Exception):
    """The process ended or could not be started; no answer came."""


class RestedError(LostError):
    """The process had ended by itself because nobody asked for a while: in order, and another one may be started."""


class StalledError(Exception):
    """The time was up before the answer was whole."""


class RefusedAnswerError(Exception):
    """What came is no answer."""


@dataclass(frozen=True, slots=True)
class _Limit:
    """Real seconds at which waiting ends, and what is said then."""

    until_s: float
    text: str


class WorkerProcess:
    """A running planner. Built by starting it; `end` must follow, and is enough whatever happened."""

    def __init__(self, command: Sequence[str], real_s: RealSeconds) -> None:
        self._real_s = real_s
        self._reader = FrameReader()
        self._words = bytearray()
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own module by our own interpreter
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                # `-m` looks here first: never in whatever folder the gateway was started from.
                cwd=_HERE,
                start_new_session=True,
            )
        except OSError as error:
            raise LostError(f"could not be started: {error}") from error
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._to, self._from, self._says = self._process.stdin, self._process.stdout, self._process.stderr
        for pipe in (self._to, self._from, self._says):
            os.set_blocking(pipe.fileno(), False)

    @property
    def pid(self) -> int:
        """Number of the process."""
        return self._process.pid

    @property
    def answers_on(self) -> int:
        """The descriptor its answers come on: readable while nothing was asked only when it has ended or raves."""
        return self._from.fileno()

    def wait_ready(self, limit_s: float) -> None:
        """Wait for its first word. Raises `LostError`, `StalledError`, `RefusedAnswerError`."""
        message = self._receive(self._limit(limit_s, "was not ready"))
        if not isinstance(message, Ready):
            raise RefusedAnswerError(f"expected the worker's first word, came {_named(message)}")

    def ask(self, request: PlanRequest, limit_s: float) -> PlanReply | Failure:
        """Send a request, wait for its answer. Raises `LostError`, `StalledError`, `RefusedAnswerError`."""
        frame = encode(request)
        limit = self._limit(limit_s, "gave no answer")
        self._send(frame, limit)
        message = self._receive(limit)
        if not isinstance(message, PlanReply | Failure):
            raise RefusedAnswerError(f"expected a reply, came {_named(message)}")
        if message.id != request.id:
            raise RefusedAnswerError(f"expected the answer to request {request.id}, came that to {message.id}")
        return message

    def kill(self) -> None:
        """End it at once; whoever waits for it sees it end. From any thread, any number of times."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    def end(self, *, gently: bool = False) -> str:
        """End it, reap it, close the pipes; how it ended, for people. `gently` lets it see its input end first."""
        self._to.close()
        if not gently or not self._ends_within(_FAREWELL_S):
            self.kill()
        ended = self._ends_within(_END_WAIT_S)
        self._listen()
        self._from.close()
        self._says.close()
        return _how(self._process.returncode) if ended else "it cannot be ended"

    @property
    def last_words(self) -> str:
        """The end of what it wrote to its standard error since this was last read."""
        words = bytes(self._words[-_WORDS_KEPT:]).decode(errors="replace").strip()
        self._words.clear()
        return words

    def _limit(self, limit_s: float, what: str) -> _Limit:
        return _Limit(self._real_s() + limit_s, f"{what} within {limit_s:g} s")

    def _send(self, frame: bytes, limit: _Limit) -> None:
        left = memoryview(frame)
        while left:
            self._wait(self._to.fileno(), select.POLLOUT, limit)
            try:
                left = left[os.write(self._to.fileno(), left) :]
            except BlockingIOError:
                continue
            except BrokenPipeError:
                raise self._lost() from None

    def _receive(self, limit: _Limit) -> Message:
        while (message := self._reader.next()) is None:
            self._wait(self._from.fileno(), select.POLLIN, limit)
            try:
                data = os.read(self._from.fileno(), _PIECE)
            except BlockingIOError:
                continue
            if not data:
                raise self._lost()
            self._reader.feed(data)
        if isinstance(message, WireRefusal):
            raise RefusedAnswerError(str(message))
        return message

    def _wait(self, descriptor: int, what: int, limit: _Limit) -> None:
        """Wait until the descriptor is ready or closed; what it says on standard error meanwhile is taken."""
        poll = select.poll()
        poll.register(descriptor, what)
        poll.register(self._says.fileno(), select.POLLIN)
        while (left_s := limit.until_s - self._real_s()) > 0:
            ready = dict(poll.poll(left_s * 1e3))
            if self._says.fileno() in ready and not self._listen():
                poll.unregister(self._says.fileno())
            if descriptor in ready:
                return
        raise StalledError(limit.text)

    def _listen(self) -> bool:
        """Take what it said; False when it will say no more. Only the end of a long speech is kept."""
        try:
            while data := os.read(self._says.fileno(), _PIECE):
                self._words += data
                del self._words[:-_WORDS_KEPT]
        except BlockingIOError:
            return True
        return False

    def _lost(self) -> LostError:
        within = self._reader.is_within_frame
        if not self._ends_within(_FAREWELL_S):
            return LostError("it closed its pipe and stayed")
        how = _how(self._process.returncode) + (", in the middle of its answer" if within else "")
        return RestedError(how) if self._process.returncode == RESTED and not within else LostError(how)

    def _ends_within(self, seconds: float) -> bool:
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True


def _how(code: int) -> str:
    if code < 0:
        with contextlib.suppress(ValueError):
            return f"it was ended by {signal.Signals(-code).name}"
    return f"it ended with code {code}"


def _named(message: Message) -> str:
    return type(message).__name__
