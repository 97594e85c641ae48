"""How a process answers requests over pipes, whatever answers them (DESIGN.md, Rules of the house).

Framed requests come on standard input and framed replies go to standard output until the input ends, nobody has asked
for a while (real time), or something comes that is no request. There is no state but the function that answers, so the
process may be killed at any moment; whoever asked sees to that.
"""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import os
import resource
import select
import signal
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

import heg
from heg.model.plan import PlanReply, PlanRequest
from heg.model.planner_wire import LONGEST_TEXT, Failure, FrameReader, Ready, WireRefusal, encode

Answer = Callable[[PlanRequest], PlanReply]

IDLE_S = 120.0
"""Real seconds without a request after which the worker gives its memory back to the machine."""

_READ_SIZE = 65536
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS")
_LONGEST_DATA = 1024 * 1024 * 1024
"""Bytes of memory a plan may take (it takes tens of MB): a runaway solve fails here before it takes the machine."""
_NICE = 5
_PR_SET_PDEATHSIG = 1


class Ending(IntEnum):
    """Why the worker ended: its exit code. `IDLE` and `EOF` are in order."""

    EOF = 0
    IDLE = 10
    REFUSED = 11
    CUT_OFF = 12


@dataclass(frozen=True, slots=True)
class Pipes:
    """The two ends of the talk, as descriptors that no library knows."""

    receive: int
    send: int

    @classmethod
    def taken_from_standard(cls) -> Pipes:
        """Move standard input and output away: what a library prints goes to standard error and spoils no frame."""
        sys.stdout.flush()
        pipes = cls(os.dup(0), os.dup(1))
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
        os.dup2(2, 1)
        return pipes


def serve(pipes: Pipes, answer: Answer, *, idle_s: float = IDLE_S) -> Ending:
    """Answer requests until the talk ends; the first word is `Ready`."""
    reader = FrameReader()
    _send(pipes.send, encode(Ready(heg.__version__)))
    while True:
        message = reader.next()
        if message is None:
            ended = _wait_and_feed(pipes.receive, reader, idle_s)
            if ended is not None:
                return ended
        elif isinstance(message, PlanRequest):
            _send(pipes.send, _answered(message, answer))
        else:
            what = str(message) if isinstance(message, WireRefusal) else f"expected a request, came {message!r}"
            _say(f"planner: {what[:LONGEST_TEXT]}; ending")
            return Ending.REFUSED


def run(pipes: Pipes, answer: Answer, *, idle_s: float = IDLE_S) -> int:
    """Serve; the exit code. The gateway's own end in mid-talk is no error of ours."""
    try:
        return serve(pipes, answer, idle_s=idle_s)
    except BrokenPipeError:
        return Ending.CUT_OFF


def settle() -> None:
    """Take a modest place on the machine: behind the gateway for the processor, before it when memory runs out.

    The worker dies with the thread that started it (where the kernel knows how), also in the middle of a solve.
    """
    parent = os.getppid()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the gateway's business
    faulthandler.enable()
    for name in _ONE_THREAD:
        os.environ[name] = "1"
    with contextlib.suppress(OSError):
        os.nice(_NICE)
    for what, most in ((resource.RLIMIT_CORE, 0), (resource.RLIMIT_DATA, _LONGEST_DATA)):
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(what, (most, most))
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500", encoding="ascii")
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it died before we could ask to die with it
        os._exit(Ending.CUT_OFF)


def _wait_and_feed(receive: int, reader: FrameReader, idle_s: float) -> Ending | None:
    """Wait for more bytes; the ending when none will come."""
    poll = select.poll()
    poll.register(receive, select.POLLIN)
    if not poll.poll(idle_s * 1e3):
        return Ending.IDLE
    data = os.read(receive, _READ_SIZE)
    if not data:
        return Ending.CUT_OFF if reader.is_within_frame else Ending.EOF
    reader.feed(data)
    return None


def _answered(request: PlanRequest, answer: Answer) -> bytes:
    try:
        return encode(answer(request))
    except Exception as error:  # noqa: BLE001 - whatever a solve does costs this answer, never the process
        traceback.print_exc()
        return encode(Failure(request.id, f"{type(error).__name__}: {error}"[:LONGEST_TEXT]))


def _send(send: int, frame: bytes) -> None:
    left = memoryview(frame)
    while left:
        left = left[os.write(send, left) :]


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()
