"""The worker as a process: it leaves when nobody wants it, takes nothing along, and dies with whom it serves."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import pytest

from heg.model.plan import PlanReply
from heg.model.planner_wire import Failure, FrameReader, Message, Ready, WireRefusal, encode
from heg.planner.serving import Ending
from tests.planner.requests import request
from tests.support.processes import wait_until

ROOT = Path(__file__).parents[2]
LIMIT_S = 20.0

GATEWAY = """
import asyncio, sys
from heg.runtime.loops import RealTiming, run
from heg.services.planning.worker_link import WorkerLink
from tests.planner.requests import request

async def main(clock):
    link = WorkerLink(clock, (sys.executable, "-m", "tests.planner.odd_workers", sys.argv[1]))
    asking = asyncio.ensure_future(link.ask(request(), 600.0))
    while link.pid is None:
        await asyncio.sleep(0.01)
    if sys.argv[1] == "sound":
        await asking
    else:
        await asyncio.sleep(1.0)
    print(link.pid, flush=True)
    await asyncio.sleep(600.0)

run(main, timing=RealTiming())
"""


@contextmanager
def worker(way: str = "sound", *more: str) -> Iterator[subprocess.Popen[bytes]]:
    command = (sys.executable, "-m", "tests.planner.odd_workers", way, *more)
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0) as process:
        try:
            yield process
        finally:
            process.kill()


def ask(process: subprocess.Popen[bytes], data: bytes) -> None:
    assert process.stdin is not None
    process.stdin.write(data)


def answers(process: subprocess.Popen[bytes]) -> Iterator[Message | WireRefusal]:
    """What it says, message by message; waits for each at most `LIMIT_S`."""
    assert process.stdout is not None
    pipe: IO[bytes] = process.stdout
    reader = FrameReader()
    while select.select([pipe], [], [], LIMIT_S)[0] and (data := pipe.read(65536)):
        reader.feed(data)
        while (message := reader.next()) is not None:
            yield message


def test_it_is_ready_then_answers_each_request_in_turn() -> None:
    with worker() as process:
        ask(process, encode(request(1)) + encode(request(2, with_forecast=True)))
        said = answers(process)
        assert isinstance(next(said), Ready)
        first, second = next(said), next(said)
        assert isinstance(first, PlanReply)
        assert isinstance(second, PlanReply)
        assert (first.id, first.forecast) == (1, None)
        assert (second.id, second.plan.demand_kw) == (2, (1.0,) * 4)
        assert second.forecast is not None


def test_it_leaves_when_its_input_ends() -> None:
    with worker() as process:
        assert isinstance(next(answers(process)), Ready)
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(LIMIT_S) == Ending.EOF


def test_it_leaves_when_its_input_ends_in_the_middle_of_a_request() -> None:
    with worker() as process:
        ask(process, encode(request())[:-1])
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(LIMIT_S) == Ending.CUT_OFF


def test_it_leaves_when_nobody_asks_for_a_while_of_real_time() -> None:
    with worker("sound", "--idle-s", "0.1") as process:
        assert process.wait(LIMIT_S) == Ending.IDLE


def test_it_leaves_when_nobody_listens_any_more() -> None:
    with worker() as process:
        assert isinstance(next(answers(process)), Ready)
        assert process.stdout is not None
        process.stdout.close()
        ask(process, encode(request()))
        assert process.wait(LIMIT_S) == Ending.CUT_OFF


@pytest.mark.parametrize("data", [b"GET / HTTP/1.1\r\n\r\n", encode(Ready()), encode(request())[:-1] + b"\x00"])
def test_it_leaves_when_something_comes_that_is_no_request(data: bytes) -> None:
    with worker() as process:
        ask(process, data)
        assert process.wait(LIMIT_S) == Ending.REFUSED


def test_an_error_of_the_plan_is_said_and_the_next_is_answered() -> None:
    with worker("raise_error") as process:
        ask(process, encode(request(4)) + encode(request(5)))
        said = answers(process)
        assert isinstance(next(said), Ready)
        assert next(said) == Failure(4, "ZeroDivisionError: no slots to divide by")
        assert next(said) == Failure(5, "ZeroDivisionError: no slots to divide by")


def test_it_keeps_a_modest_place() -> None:
    with worker() as process:
        assert isinstance(next(answers(process)), Ready)
        assert os.getpriority(os.PRIO_PROCESS, process.pid) >= min(19, os.getpriority(os.PRIO_PROCESS, 0) + 5)
        limits = (Path("/proc") / str(process.pid) / "limits").read_text()
        assert next(line for line in limits.splitlines() if line.startswith("Max core file")).split()[4] == "0"
        os.kill(process.pid, signal.SIGINT)  # the gateway's Ctrl-C
        ask(process, encode(request()))
        assert isinstance(next(answers(process)), PlanReply)


def test_a_worker_of_a_gateway_inherits_nothing_but_its_pipes(tmp_path: Path) -> None:
    secret = os.open(tmp_path / "secret", os.O_RDWR | os.O_CREAT)
    os.set_inheritable(secret, True)
    try:
        with gateway("sound") as pid:
            names = [str(one.readlink()) for one in (Path("/proc") / str(pid) / "fd").iterdir()]
    finally:
        os.close(secret)
    assert not [name for name in names if "secret" in name or name.startswith("socket:")], names


@pytest.mark.parametrize("way", ["sound", "stall"], ids=["idle", "solving"])
def test_a_worker_dies_with_its_gateway(way: str) -> None:
    with gateway(way) as pid:
        assert is_there(pid)
    wait_until(lambda: not is_there(pid), "the worker is gone", limit_s=LIMIT_S)


@contextmanager
def gateway(way: str) -> Iterator[int]:
    """A process that asks through the link; its worker's number. Ended by `kill -9`: no farewell."""
    command = (sys.executable, "-c", GATEWAY, way)
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, close_fds=False) as process:
        try:
            assert process.stdout is not None
            yield int(process.stdout.readline())
        finally:
            process.kill()


def is_there(pid: int) -> bool:
    """A process of this number runs; a zombie that its new parent has not looked at yet does not."""
    with suppress(FileNotFoundError, ProcessLookupError):
        return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False
