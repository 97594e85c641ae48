"""Machines behind programs and behind a wire: what they tell, what switches them, what is done when they do not."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from appliance.bodies.command import CommandBody, conditions_that_hold
from appliance.bodies.gpio import GpioBody, KernelLines
from appliance.bodies.programs import ProgramError, run_program
from appliance.body import BodyError
from appliance.cycles import Cycle
from appliance.desk import ApplianceDesk
from appliance.faults import Fault
from appliance.model import ApplianceModel, Kind
from heg.model.appliances import PowerState
from heg.model.cycles import CycleCurve
from heg.runtime.clock import Clock
from heg.runtime.loops import RealTiming, run
from tests.support.stepped import stepped

ON, STANDBY, OFF = PowerState.ON, PowerState.STANDBY, PowerState.OFF


class Deaf:
    """Nobody listens."""

    def changed(self, *_: object) -> None:
        pass


def script(path: Path, text: str) -> str:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def machine(clock: Clock, folder: Path, **ways: str) -> tuple[ApplianceDesk, CommandBody]:
    """A machine whose state is a file, and programs that write it; `ways` are other programs."""
    state = folder / "state"
    if not state.exists():
        state.write_text("standby\n")
    desk = ApplianceDesk(ApplianceModel(Kind(), None), clock, name="machine")
    programs = {
        ON: (script(folder / "on", ways.get("on", f"echo on > {state}")),),
        OFF: (script(folder / "off", ways.get("off", f"echo off > {state}")),),
    }
    look = (script(folder / "look", ways.get("look", f"cat {state}")),)
    body = CommandBody(desk, clock, state=look, ways=programs, poll_s=0.05, limit_s=1.0)
    desk.join(body, Deaf())
    return desk, body


async def until(clock: Clock, true: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not true():
            await clock.sleep(0.01)


def working(test: Callable[[Clock], object]) -> None:
    run(test, timing=RealTiming())  # type: ignore[arg-type]


def test_programs_tell_and_switch(tmp_path: Path) -> None:
    async def main(clock: Clock) -> None:
        desk, body = machine(clock, tmp_path)
        watch = asyncio.create_task(body.run())
        try:
            await until(clock, lambda: desk.model.state is STANDBY)
            done = await desk.order(ON)
            assert not isinstance(done, Fault)
            assert desk.model.state == "on"
            (tmp_path / "state").write_text("off")  # somebody switched it by hand
            await until(clock, lambda: desk.model.state is OFF)
        finally:
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)
            await desk.close()

    working(main)


def test_an_answer_that_is_older_than_the_switch_does_not_undo_what_began_with_it(tmp_path: Path) -> None:
    async def main(clock: Clock) -> None:
        slow = f"s=$(cat {tmp_path}/state); if [ $s = standby ]; then sleep 0.8; fi; echo $s"
        desk, body = machine(clock, tmp_path, look=slow)
        desk.observed(STANDBY)
        assert await desk.offer(Cycle("c-1", "Cotton", CycleCurve((1.0,)))) is None
        watch = asyncio.create_task(body.run())
        await clock.sleep(0.3)  # it is asked, and knows what it will say
        assert not isinstance(await desk.order(ON), Fault)
        await clock.sleep(1.2)
        watch.cancel()
        await asyncio.gather(watch, return_exceptions=True)
        assert desk.model.state is ON
        assert desk.model.cycle is not None
        await desk.close()

    working(main)


@pytest.mark.parametrize(
    ("on", "said"), [("exit 3", "ended with 3"), ("sleep 60", "longer than 1 s"), ("kill -9 $$", "ended with -9")]
)
def test_a_program_that_fails_is_a_fault_and_the_state_is_what_it_was(tmp_path: Path, on: str, said: str) -> None:
    async def main(clock: Clock) -> None:
        desk, body = machine(clock, tmp_path, on=on)
        desk.observed(STANDBY)
        cycle = Cycle("c-1", "Cotton", CycleCurve((1.0,)))
        assert await desk.offer(cycle) is None
        begun_s = clock.real_s()
        refused = await desk.order(ON)
        assert clock.real_s() - begun_s < 20  # what it has started is gone, too
        assert isinstance(refused, Fault)
        assert said in refused.text
        assert desk.model.state is STANDBY
        assert desk.model.offered == cycle  # it has not begun
        with pytest.raises(BodyError, match="no program"):
            await body.go(STANDBY)
        await desk.close()

    working(main)


def test_a_state_that_is_none_is_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def main(clock: Clock) -> None:
        desk, body = machine(clock, tmp_path, look="echo warm")
        watch = asyncio.create_task(body.run())
        await clock.sleep(0.5)
        watch.cancel()
        await asyncio.gather(watch, return_exceptions=True)
        await desk.close()
        assert not desk.model.seen

    with caplog.at_level(logging.WARNING):
        working(main)
    assert [record.message for record in caplog.records if "expected on, standby or off" in record.message] == [
        f"its state is not known: {tmp_path}/look: expected on, standby or off and 0, came 'warm' and 0"
    ]


def test_no_shell_reads_what_is_run_and_little_of_what_it_says_is_kept(tmp_path: Path) -> None:
    async def main(clock: Clock) -> None:
        ran = await run_program(("/bin/echo", "$(touch x)", "; true"), 5.0)
        assert (ran.code, ran.said) == (0, "$(touch x) ; true\n")
        ran = await run_program(("/usr/bin/head", "-c", "3000000", "/dev/zero"), 5.0)
        assert (ran.code, len(ran.said)) == (0, 4096)
        begun_s = clock.real_s()
        leaves = script(tmp_path / "leaves", f"sleep 30 & echo $! > {tmp_path}/pid; echo on")  # which holds its output
        ran = await run_program((leaves,), 20.0)
        assert (ran.code, ran.said) == (0, "on\n")
        assert clock.real_s() - begun_s < 10
        os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)  # it was not ended
        with pytest.raises(ProgramError, match="/nowhere"):
            await run_program(("/nowhere",), 5.0)

    working(main)


def test_a_condition_that_cannot_say_holds(tmp_path: Path) -> None:
    commands = {
        "holds": ((script(tmp_path / "a", "exit 0"),), 1.0),
        "holds not": ((script(tmp_path / "b", "exit 1"),), 1.0),
        **{f"hangs {at}": ((script(tmp_path / "c", "exec sleep 60"),), 0.5) for at in range(4)},
        "is gone": (("/nowhere",), 1.0),
    }

    async def main(clock: Clock) -> None:
        begun_s = clock.real_s()
        holding = await conditions_that_hold(commands, frozenset(commands))
        assert holding == {"holds", *(name for name in commands if name.startswith("hangs")), "is gone"}
        assert clock.real_s() - begun_s < 1.9  # not one after the other

    working(main)


class Wire:
    """Two lines of a chip, without the chip."""

    def __init__(self, *, active: bool) -> None:
        self.active = active
        self.closed = False
        self.broken = False

    def switch(self, *, active: bool) -> None:
        if self.broken:
            raise OSError(5, "Input/output error")
        self.active = active

    def sensed(self) -> bool:
        return self.active

    def close(self) -> None:
        self.closed = True


@stepped
async def test_a_wire_tells_and_switches(clock: Clock) -> None:
    wire = Wire(active=False)
    desk = ApplianceDesk(ApplianceModel(Kind(states=frozenset({ON, STANDBY}))), clock, name="pump")
    body = GpioBody(desk, clock, lambda: wire, STANDBY)
    desk.join(body, Deaf())
    watch = asyncio.create_task(body.run())
    await clock.sleep(1)
    assert (desk.model.state, wire.active) == (STANDBY, False)  # starting switches nothing
    assert not isinstance(await desk.order(ON), Fault)
    assert (desk.model.state, wire.active) == (ON, True)
    wire.active = False
    await clock.sleep(1)
    assert desk.model.state == "standby"
    wire.broken = True
    refused = await desk.order(ON)
    assert isinstance(refused, Fault)
    assert "Input/output error" in refused.text
    watch.cancel()
    await asyncio.gather(watch, return_exceptions=True)
    assert wire.closed
    assert isinstance(await desk.order(ON), Fault)
    await desk.close()


def test_a_chip_that_is_not_there_is_an_os_error() -> None:
    with pytest.raises(OSError, match="No such file"):
        KernelLines("/dev/gpiochip-none", 1, None)
