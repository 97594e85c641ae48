"""Processes that answer as no worker should: `python -m tests.planner.odd_workers WAY [--idle-s N]`."""

from __future__ import annotations

import argparse
import ctypes
import os
import signal
import sys
import threading
from dataclasses import replace
from typing import NoReturn

from heg.model.plan import PlanReply, PlanRequest
from heg.model.planner_wire import LONGEST_PAYLOAD, Ready, encode
from heg.planner.answering import Answerer
from heg.planner.serving import IDLE_S, Pipes, run, settle
from tests.planner.requests import flat_forecast, idle_plan, idle_reply, no_other_way


def sound(request: PlanRequest) -> PlanReply:
    return Answerer(flat_forecast, idle_plan, no_other_way, lambda: 0.0)(request)


def chatty(request: PlanRequest) -> PlanReply:
    ctypes.CDLL(None).puts(b"a native library greets")
    sys.stdout.write("so does Python, at length" * 20_000)
    sys.stdout.flush()
    return idle_reply(request)


def crash(request: PlanRequest) -> NoReturn:
    os.kill(os.getpid(), signal.SIGSEGV)
    raise AssertionError


def stall(request: PlanRequest) -> NoReturn:
    threading.Event().wait()
    raise AssertionError


def raise_error(request: PlanRequest) -> NoReturn:
    raise ZeroDivisionError("no slots to divide by")


def other_id(request: PlanRequest) -> PlanReply:
    return replace(idle_reply(request), id=request.id + 1)


def nonsense(request: PlanRequest) -> PlanReply:
    reply = idle_reply(request)
    return replace(reply, plan=replace(reply.plan, ess_soc_kwh=(99.0,) * len(reply.plan.ess_soc_kwh)))


def leave(request: PlanRequest) -> NoReturn:
    os._exit(3)


def raw(pipes: Pipes, answer: bytes, *, then_stay: bool) -> int:
    """Say ready, wait for a question, answer with these bytes."""
    os.write(pipes.send, encode(Ready()))
    os.read(pipes.receive, 1)
    os.write(pipes.send, answer)
    if then_stay:
        threading.Event().wait()
    return 0


ANSWERS = {one.__name__: one for one in (sound, chatty, crash, stall, raise_error, other_id, nonsense, leave)}


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("way")
    parser.add_argument("--idle-s", type=float, default=IDLE_S)
    wanted = parser.parse_args()
    if wanted.way == "mute":
        threading.Event().wait()
    settle()
    pipes = Pipes.taken_from_standard()
    whole = encode(PlanReply(id=1, plan=idle_reply_plan()))
    match wanted.way:
        case "garbage":
            return raw(pipes, os.urandom(4096), then_stay=True)
        case "truncated":
            return raw(pipes, whole[:-7], then_stay=False)
        case "half":
            return raw(pipes, whole[:-7], then_stay=True)
        case "flipped":
            return raw(pipes, whole[:40] + bytes([whole[40] ^ 4]) + whole[41:], then_stay=True)
        case "huge":
            return raw(pipes, whole[:5] + (LONGEST_PAYLOAD + 1).to_bytes(4, "big") + whole[9:], then_stay=True)
        case "greeting":
            return raw(pipes, encode(Ready()), then_stay=True)
        case way:
            return run(pipes, ANSWERS[way], idle_s=wanted.idle_s)


def idle_reply_plan():
    from tests.planner.requests import request

    return idle_plan(request().problem)


if __name__ == "__main__":
    sys.exit(main())
