"""The three loops: what time does, and what holds it (facts/time.md)."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heg.runtime.clock import Clock, ClockMode
from heg.runtime.loops import ClockStalledError, RealTiming, ScaledTiming, SteppedTiming, run
from tests.support.stepped import START_UTC, stepped

SHORT = SteppedTiming(START_UTC, held_limit_s=0.2, stalled_limit_s=0.05)


@stepped
async def test_two_weeks_pass_in_a_moment(clock: Clock) -> None:
    real_s, loop_s = clock.real_s(), clock.monotonic_s()
    await clock.sleep(14 * 86400)
    assert clock.monotonic_s() - loop_s == pytest.approx(14 * 86400)
    assert clock.utc() == START_UTC + timedelta(days=14)
    assert clock.real_s() - real_s < 5


@stepped
@pytest.mark.parametrize("timeout_s", [0.5, 3600.0])
async def test_library_timeouts_follow_simulated_time(clock: Clock, timeout_s: float) -> None:
    began_s = clock.monotonic_s()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.Event().wait(), timeout_s)
    assert clock.monotonic_s() - began_s == pytest.approx(timeout_s)


@given(delays_s=st.lists(st.floats(min_value=0.0, max_value=1e6), min_size=1, max_size=20))
@stepped
async def test_sleepers_wake_in_the_order_of_their_times_and_never_early(clock: Clock, delays_s: list[float]) -> None:
    began_s = clock.monotonic_s()
    woken: list[tuple[float, float]] = []

    async def sleeper(delay_s: float) -> None:
        await clock.sleep_until(began_s + delay_s)
        woken.append((delay_s, clock.monotonic_s() - began_s))

    await asyncio.gather(*(sleeper(delay_s) for delay_s in delays_s))
    for wanted_s, actual_s in woken:
        assert actual_s == pytest.approx(wanted_s, abs=1e-6)
    assert [round(wanted_s, 6) for wanted_s, _ in woken] == sorted(round(delay_s, 6) for delay_s in delays_s)


@stepped
async def test_requests_over_loopback_cost_no_simulated_time(clock: Clock) -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(line)
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname()[:2])
    began_s = clock.monotonic_s()
    for cycle in range(200):
        writer.write(b"%d\n" % cycle)
        assert await asyncio.wait_for(reader.readline(), 1.0) == b"%d\n" % cycle
        await clock.sleep_until(began_s + cycle + 1)
    assert clock.monotonic_s() - began_s == pytest.approx(200)
    writer.close()
    await writer.wait_closed()
    server.close()
    await server.wait_closed()


@stepped
async def test_threads_of_the_loop_hold_the_clock(clock: Clock) -> None:
    began_s = clock.monotonic_s()
    ticker = asyncio.ensure_future(clock.sleep(1.0))
    await asyncio.to_thread(time.sleep, 0.05)
    with ThreadPoolExecutor(1) as pool:
        assert await asyncio.get_running_loop().run_in_executor(pool, lambda: 42) == 42
    assert clock.monotonic_s() == began_s
    await ticker
    assert clock.monotonic_s() == began_s + 1.0


@stepped
async def test_a_thread_nobody_waits_for_any_more_still_holds_the_clock(clock: Clock) -> None:
    done = threading.Event()
    began_s = clock.monotonic_s()

    def slow() -> None:
        time.sleep(0.05)
        done.set()

    work = asyncio.ensure_future(asyncio.to_thread(slow))
    await asyncio.sleep(0)
    work.cancel()
    await clock.sleep(1.0)
    assert done.is_set()
    assert clock.monotonic_s() == began_s + 1.0


@stepped
async def test_a_process_held_by_hand_costs_no_simulated_time(clock: Clock) -> None:
    began_s = clock.monotonic_s()
    with clock.holding():
        process = await asyncio.create_subprocess_exec(
            "sh", "-c", "sleep 0.05; echo done", stdout=asyncio.subprocess.PIPE
        )
        out, _ = await asyncio.wait_for(process.communicate(), 1.0)
    assert out == b"done\n"
    assert clock.monotonic_s() == began_s


@stepped
async def test_a_thread_wakes_the_loop(clock: Clock) -> None:
    loop = asyncio.get_running_loop()
    woken = asyncio.Event()
    with clock.holding():
        thread = threading.Thread(target=lambda: loop.call_soon_threadsafe(woken.set))
        thread.start()
        await woken.wait()
    thread.join()


def test_waiting_for_nothing_is_an_error_instead_of_a_hang() -> None:
    async def main(clock: Clock) -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(ClockStalledError, match="no timer is set"):
        run(main, timing=SHORT)


def test_a_listening_socket_without_timers_is_an_error_too() -> None:
    async def main(clock: Clock) -> None:
        server = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
        async with server:
            await server.serve_forever()

    with pytest.raises(ClockStalledError, match="1 registered socket"):
        run(main, timing=SHORT)


def test_work_that_holds_the_clock_for_ever_is_an_error() -> None:
    async def main(clock: Clock) -> None:
        with clock.holding():
            await clock.sleep(1.0)

    with pytest.raises(ClockStalledError, match="holds the clock"):
        run(main, timing=SHORT)


def test_a_peer_outside_may_still_speak_when_no_timer_is_set() -> None:
    async def main(clock: Clock) -> bytes:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        with ours, theirs:
            thread = threading.Timer(0.01, theirs.send, [b"x"])
            thread.start()
            got = await asyncio.get_running_loop().sock_recv(ours, 1)
            thread.join()
        return got

    assert run(main, timing=SteppedTiming(START_UTC)) == b"x"


def test_scaled_time_runs_faster_and_never_wakes_early() -> None:
    async def main(clock: Clock) -> tuple[float, float]:
        real_s, loop_s = clock.real_s(), clock.monotonic_s()
        await clock.sleep(6.0)
        return clock.real_s() - real_s, clock.monotonic_s() - loop_s

    real_s, loop_s = run(main, timing=ScaledTiming(60.0, START_UTC, time.time()))
    assert 0.099 <= real_s < 1.0
    assert loop_s >= 6.0


def test_two_scaled_processes_with_one_anchor_agree_and_a_restart_goes_on() -> None:
    async def main(clock: Clock) -> datetime:
        assert clock.mode is ClockMode.SCALED
        return clock.utc()

    timing = ScaledTiming(60.0, START_UTC, time.time() - 100.0)
    first, second = run(main, timing=timing), run(main, timing=timing)
    assert START_UTC + timedelta(seconds=6000) <= first <= second < first + timedelta(seconds=600)


def test_real_time_is_the_machines() -> None:
    async def main(clock: Clock) -> None:
        assert clock.mode is ClockMode.REAL
        assert abs((clock.utc() - datetime.now(UTC)).total_seconds()) < 5
        await clock.sleep(0.001)

    run(main, timing=RealTiming())


@pytest.mark.parametrize("speed", [0.0, -1.0, float("inf"), float("nan")])
def test_a_speed_that_is_none_is_refused(speed: float) -> None:
    with pytest.raises(ValueError, match="expected a positive number"):
        ScaledTiming(speed, START_UTC, 0.0)


def test_a_naive_start_is_refused() -> None:
    with pytest.raises(ValueError, match="expected an aware UTC time"):
        SteppedTiming(START_UTC.replace(tzinfo=None))


def test_what_the_machine_slept_has_elapsed_and_is_no_time_of_the_loop() -> None:
    """Eight hours of sleep, as a time namespace shows them."""
    said = (
        "import asyncio; from heg.runtime.loops import RealTiming, run\n"
        "async def main(clock): print(round(clock.elapsed_s() - clock.monotonic_s()))\n"
        "run(main, timing=RealTiming())"
    )
    asleep = ["unshare", "--time", "--fork", "--boottime", "28800"]
    if subprocess.run([*asleep, "true"], capture_output=True, check=False).returncode:
        pytest.skip("needs a time namespace of its own, which is root's (or CAP_SYS_ADMIN)")
    slept, awake = (
        subprocess.run([*how, sys.executable, "-c", said], capture_output=True, text=True, check=True).stdout
        for how in (asleep, [])
    )
    assert int(slept) - int(awake) == 28_800


@stepped
async def test_in_stepped_time_no_machine_sleeps(clock: Clock) -> None:
    await clock.sleep(3600.0)
    assert clock.elapsed_s() == clock.monotonic_s()
