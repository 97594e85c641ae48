"""A computer as an appliance, against Debian's mocked logind on a private bus: calls and notices really seen."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from appliance.bodies.bus import Bus, BusError
from appliance.bodies.logind import LogindBody
from appliance.bodies.rtc import RtcAlarm
from appliance.cycles import Cycle
from appliance.desk import ApplianceDesk
from appliance.faults import Fault, SoapFault
from appliance.model import ApplianceModel, Kept, Kind
from appliance.registrations import PeriodState
from appliance.upnp.description import Identity
from appliance.upnp.device import Place, UpnpAppliance
from appliance.upnp.ground import Ground
from heg.model.appliances import ApplianceFault, PowerState
from heg.model.cycles import CycleCurve
from heg.runtime.clock import Clock
from heg.runtime.loops import RealTiming, run
from hil.ports import free_port
from tests.appliance.asker import GATEWAY, Listener, ask, call
from tests.appliance.mocked_logind import MockedLogind
from tests.support.processes import wait_until

pytestmark = pytest.mark.system
EACH_BY_ITSELF = ["sleep heg-appliance delay", "shutdown heg-appliance delay"]
"""Only so logind lets a service wait: for several at once it asks polkit what only a person at the lid may."""


@pytest.fixture
def rtc(tmp_path: Path) -> Path:
    """A clock of the machine, as sysfs shows it, that runs on local time."""
    folder = tmp_path / "rtc"
    folder.mkdir()
    (folder / "since_epoch").write_text(f"{1_900_000_000}\n")
    (folder / "wakealarm").write_text("")
    return folder


def standing(rtc: Path) -> int:
    """In how many seconds it would wake the machine; 0: not at all."""
    alarm = int((rtc / "wakealarm").read_text() or 0)
    return alarm and alarm - int((rtc / "since_epoch").read_text())


class Computer:
    """Everything of a computer that is an appliance, on the test's loop."""

    watch: asyncio.Task[None]

    def __init__(self, clock: Clock, logind: MockedLogind, rtc: Path) -> None:
        self.clock = clock
        self.ground = Ground(port=19_042)
        self.model = ApplianceModel(Kind())
        self.written: asyncio.Event | None = None
        self.desk = ApplianceDesk(self.model, clock, name="computer", keep=self._keep)
        identity = Identity("0cf4c7a6-5a12-4d1c-9a3e-00000000aaaa", "computer")
        self.upnp = UpnpAppliance(identity, self.desk, self.ground, clock, Place("127.0.42.1"))
        self.body = LogindBody(self.desk, self.upnp, clock, RtcAlarm(rtc, rtc / "note"), bus=logind.address)

    async def _keep(self, _: Kept) -> None:
        if self.written is not None:
            await self.written.wait()

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(10):
            while not true():
                await self.clock.sleep(0.01)


@asynccontextmanager
async def computer(clock: Clock, logind: MockedLogind, rtc: Path) -> AsyncIterator[Computer]:
    one = Computer(clock, logind, rtc)
    await one.upnp.start()
    one.desk.join(one.body, one.upnp)
    one.watch = asyncio.create_task(one.body.run())
    try:
        await one.until(lambda: one.body.holds_lock or one.watch.done())
        yield one
    finally:
        one.watch.cancel()
        await asyncio.gather(one.watch, return_exceptions=True)
        await one.upnp.stop()
        await one.desk.close()
        one.ground.close()


def test_the_gateway_is_told_before_the_computer_sleeps(logind: MockedLogind, rtc: Path) -> None:
    async def main(clock: Clock) -> None:
        async with computer(clock, logind, rtc) as one, Listener() as listener:
            assert await asyncio.to_thread(lambda: logind.inhibitors) == EACH_BY_ITSELF
            headers = {"CALLBACK": listener.callback, "NT": "upnp:event", "TIMEOUT": "Second-300"}
            await ask(one.upnp.location, "SUBSCRIBE", "/power/events", headers)
            assert (await call(one.upnp.location, "GoToStandby")).status == 200
            assert await asyncio.to_thread(lambda: logind.calls) == ["Suspend False"]
            assert one.model.state is PowerState.ON  # logind has said nothing yet

            listener.pause = asyncio.Event()
            await asyncio.to_thread(logind.says, "PrepareForSleep", begins=True)
            await one.until(lambda: one.model.state is PowerState.STANDBY)
            assert one.body.holds_lock  # the notice is under way
            listener.pause.set()
            await one.until(lambda: not one.body.holds_lock)
            assert listener.told()[-1] == (1, {"PowerState": "Standby"})
            assert await asyncio.to_thread(lambda: logind.inhibitors) == []

            await asyncio.to_thread(logind.says, "PrepareForSleep", begins=False)
            await one.until(lambda: one.body.holds_lock)
            await one.until(lambda: listener.told()[-1] == (2, {"PowerState": "ON"}))

    run(main, timing=RealTiming())


def test_a_subscriber_that_hangs_does_not_keep_it_awake(logind: MockedLogind, rtc: Path) -> None:
    async def main(clock: Clock) -> None:
        async with computer(clock, logind, rtc) as one, Listener() as listener:
            headers = {"CALLBACK": listener.callback, "NT": "upnp:event", "TIMEOUT": "Second-300"}
            await ask(one.upnp.location, "SUBSCRIBE", "/power/events", headers)
            listener.pause = asyncio.Event()
            begun_s = clock.monotonic_s()
            await asyncio.to_thread(logind.says, "PrepareForShutdown", begins=True)
            await one.until(lambda: not one.body.holds_lock)
            assert one.model.state is PowerState.OFF
            assert clock.monotonic_s() - begun_s < 4.0
            listener.pause.set()

    run(main, timing=RealTiming())


def test_it_does_not_sleep_before_what_it_knows_is_on_disk(logind: MockedLogind, rtc: Path) -> None:
    async def main(clock: Clock) -> None:
        async with computer(clock, logind, rtc) as one:
            start = clock.utc() - timedelta(minutes=1)
            one.model.registrations.register(GATEWAY, "127.0.0.1", start, start + timedelta(hours=1))
            one.written = asyncio.Event()
            (period,) = one.model.registrations.open()
            one.model.registrations.begin(period, PowerState.ON)
            await asyncio.to_thread(logind.says, "PrepareForSleep", begins=True)
            await one.until(lambda: one.model.state is PowerState.STANDBY)
            await clock.sleep(0.2)
            assert one.body.holds_lock
            one.written.set()
            await one.until(lambda: not one.body.holds_lock)

    run(main, timing=RealTiming())


def test_what_was_slept_through_is_not_begun_where_logind_said_nothing_of_waking(
    logind: MockedLogind, rtc: Path
) -> None:
    async def main(clock: Clock) -> None:
        async with computer(clock, logind, rtc) as one:
            await asyncio.to_thread(logind.says, "PrepareForSleep", begins=True)
            await one.until(lambda: not one.body.holds_lock)
            start = clock.utc() - timedelta(minutes=1)  # which came while it slept
            one.model.registrations.register(GATEWAY, "127.0.0.1", start, start + timedelta(hours=1))
            one.watch.cancel()  # the bus was lost, and is back
            await asyncio.gather(one.watch, return_exceptions=True)
            one.watch = asyncio.create_task(one.body.run())
            await one.until(lambda: one.body.holds_lock)
            await one.until(lambda: one.model.registrations.open()[0].state is PeriodState.IN_FORCE)
            assert one.model.registrations.open()[0].before is None
            assert await asyncio.to_thread(lambda: logind.calls) == []

    run(main, timing=RealTiming())


def test_a_shutdown_by_hand_breaks_a_cycle_off_and_says_so_and_pauses_one_that_can(
    logind: MockedLogind, rtc: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def main(clock: Clock) -> None:
        async with computer(clock, logind, rtc) as one:
            for interruptible in (False, True):
                assert await one.desk.offer(Cycle("c-1", "Render", CycleCurve((0.2,), 15, interruptible))) is None
                assert (await call(one.upnp.location, "OperationOn")).status == 200
                refused = 200 if interruptible else 500
                assert (await call(one.upnp.location, "OperationOff")).status == refused
                await asyncio.to_thread(logind.says, "PrepareForShutdown", begins=True)
                await one.until(lambda: not one.body.holds_lock)
                assert (one.model.cycle is None) is not interruptible
                await asyncio.to_thread(logind.says, "PrepareForShutdown", begins=False)  # it was called off
                await one.until(lambda: one.body.holds_lock and one.model.state is PowerState.ON)
            assert one.model.cycle is not None
            assert one.model.cycle.running

    run(main, timing=RealTiming())
    assert [one.message for one in caplog.records if "broken off" in one.message] == [
        "computer: the cycle Render was broken off: somebody brought it to off"
    ]


def test_nobody_else_says_that_it_sleeps_and_a_logind_that_began_anew_does(logind: MockedLogind, rtc: Path) -> None:
    async def main(clock: Clock) -> None:
        async with computer(clock, logind, rtc) as one:
            await asyncio.to_thread(logind.is_pretended_to_say, "PrepareForSleep", begins=True)
            await clock.sleep(0.3)
            assert (one.model.state, one.body.holds_lock) == (PowerState.ON, True)
            await asyncio.to_thread(logind.end)
            await asyncio.to_thread(logind.__enter__)
            await asyncio.to_thread(logind.says, "PrepareForSleep", begins=True)
            await one.until(lambda: one.model.state is PowerState.STANDBY)

    run(main, timing=RealTiming())


def test_an_order_in_the_middle_of_going_to_sleep_changes_nothing(logind: MockedLogind, rtc: Path) -> None:
    async def main(clock: Clock) -> None:
        async with computer(clock, logind, rtc) as one, Listener() as listener:
            headers = {"CALLBACK": listener.callback, "NT": "upnp:event", "TIMEOUT": "Second-300"}
            await ask(one.upnp.location, "SUBSCRIBE", "/power/events", headers)
            cycle = Cycle("c-1", "Render", CycleCurve((0.2,)))
            assert await one.desk.offer(cycle) is None
            listener.pause = asyncio.Event()
            await asyncio.to_thread(logind.says, "PrepareForSleep", begins=True)
            await one.until(lambda: one.model.state is PowerState.STANDBY)
            on, off = await asyncio.gather(
                call(one.upnp.location, "OperationOn"), call(one.upnp.location, "GoToStandby")
            )
            assert (on.error_code, off.status) == (ApplianceFault.NOT_NOW, 200)  # where it goes already
            assert one.model.offered == cycle
            listener.pause.set()
            await one.until(lambda: not one.body.holds_lock)
            assert await asyncio.to_thread(lambda: logind.calls) == []

    run(main, timing=RealTiming())


def test_its_alarm_is_set_for_the_end_of_its_standby(logind: MockedLogind, rtc: Path) -> None:
    async def main(clock: Clock) -> None:
        async with computer(clock, logind, rtc) as one:
            now = clock.utc()
            one.model.registrations.register(GATEWAY, "127.0.0.1", now, now + timedelta(hours=2))
            await one.desk.awoke()  # it slept through its beginning: nothing to restore, no alarm
            await asyncio.to_thread(logind.says, "PrepareForSleep", begins=True)
            await one.until(lambda: not one.body.holds_lock)
            assert standing(rtc) == 0
            await asyncio.to_thread(logind.says, "PrepareForSleep", begins=False)
            await one.until(lambda: one.body.holds_lock)

            start = clock.utc() + timedelta(hours=3)
            number = one.model.registrations.register(GATEWAY, "127.0.0.1", start, start + timedelta(hours=1))
            (period,) = (each for each in one.model.registrations.open() if each.id == number)
            one.model.registrations.begin(period, PowerState.ON)
            await asyncio.to_thread(logind.says, "PrepareForSleep", begins=True)
            await one.until(lambda: not one.body.holds_lock)
            assert abs(standing(rtc) - 4 * 3600) < 30

            await asyncio.to_thread(logind.says, "PrepareForSleep", begins=False)  # somebody wakes it before
            await one.until(lambda: one.body.holds_lock)
            await one.until(lambda: standing(rtc) == 0)  # and ends the program, or puts it to sleep by hand
            await asyncio.to_thread(logind.says, "PrepareForSleep", begins=True)
            await one.until(lambda: not one.body.holds_lock)
            assert standing(rtc) == 0

    run(main, timing=RealTiming())


def test_who_wakes_and_sleeps_again_at_once_sleeps(logind: MockedLogind, rtc: Path) -> None:
    async def main(clock: Clock) -> None:
        async with computer(clock, logind, rtc) as one, Listener() as listener:
            headers = {"CALLBACK": listener.callback, "NT": "upnp:event", "TIMEOUT": "Second-300"}
            await ask(one.upnp.location, "SUBSCRIBE", "/power/events", headers)
            listener.pause = asyncio.Event()  # the first notice is under way while the other two come
            for begins in (True, False, True):
                await asyncio.to_thread(logind.says, "PrepareForSleep", begins=begins)
            listener.pause.set()
            await one.until(lambda: not one.body.holds_lock)
            await clock.sleep(0.3)
            assert (one.model.state, one.body.holds_lock) == (PowerState.STANDBY, False)

    run(main, timing=RealTiming())


def test_what_was_said_before_the_bus_was_lost_is_over(logind: MockedLogind, rtc: Path) -> None:
    async def main(clock: Clock) -> None:
        async with computer(clock, logind, rtc) as one, Listener() as listener:
            headers = {"CALLBACK": listener.callback, "NT": "upnp:event", "TIMEOUT": "Second-300"}
            await ask(one.upnp.location, "SUBSCRIBE", "/power/events", headers)
            listener.pause = asyncio.Event()
            for begins in (True, False, True):
                await asyncio.to_thread(logind.says, "PrepareForSleep", begins=begins)
            one.watch.cancel()
            await asyncio.gather(one.watch, return_exceptions=True)
            listener.pause.set()
            one.watch = asyncio.create_task(one.body.run())
            await one.until(lambda: one.body.holds_lock)
            await clock.sleep(0.3)
            assert (one.model.state, one.body.holds_lock) == (PowerState.ON, True)

    run(main, timing=RealTiming())


class TestAlarm:
    NOW = datetime(2026, 3, 1, tzinfo=UTC)

    @pytest.fixture
    def alarm(self, rtc: Path) -> RtcAlarm:
        return RtcAlarm(rtc, rtc / "note")

    def test_it_is_taken_back_also_by_another_run(self, rtc: Path, alarm: RtcAlarm) -> None:
        assert alarm.set(self.NOW + timedelta(hours=1), self.NOW)
        assert standing(rtc) == 3600
        assert RtcAlarm(rtc, rtc / "note").set(None, self.NOW)
        assert standing(rtc) == 0

    def test_a_recorders_alarm_stays_where_it_wakes_the_machine_first(self, rtc: Path, alarm: RtcAlarm) -> None:
        (rtc / "wakealarm").write_text(f"{1_900_000_000 + 3600}\n")
        assert alarm.set(None, self.NOW)
        assert standing(rtc) == 3600
        assert alarm.set(self.NOW + timedelta(hours=2), self.NOW)
        assert standing(rtc) == 3600
        assert alarm.set(self.NOW + timedelta(minutes=30), self.NOW)
        assert standing(rtc) == 1800

    def test_where_nobody_can_write_down_whose_it_is_none_is_set(
        self, rtc: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        assert not RtcAlarm(rtc, rtc / "none" / "note").set(self.NOW + timedelta(hours=1), self.NOW)
        assert standing(rtc) == 0
        assert "it will not wake by itself" in caplog.text

    def test_one_that_cannot_be_set_is_said_and_no_more(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        note = tmp_path / "note"
        assert not RtcAlarm(tmp_path / "none", note).set(self.NOW + timedelta(hours=1), self.NOW)
        assert "it will not wake by itself" in caplog.text
        assert RtcAlarm(None, note).set(None, self.NOW)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ('raise dbus.exceptions.DBusException("no", name="org.freedesktop.DBus.Error.AccessDenied")', 501),
        ('raise dbus.exceptions.DBusException("busy", name="org.freedesktop.login1.OperationInProgress")', 802),
        ('raise dbus.exceptions.DBusException("?", name="org.freedesktop.login1.SleepVerbNotSupported")', 501),
    ],
)
def test_what_logind_refuses_is_a_fault(logind: MockedLogind, rtc: Path, code: str, expected: int) -> None:
    async def main(clock: Clock) -> None:
        async with computer(clock, logind, rtc) as one:
            await asyncio.to_thread(logind.answers, "Suspend", "b", code)
            refused = await call(one.upnp.location, "GoToStandby")
            assert (refused.status, refused.error_code) == (500, expected)
            assert one.model.state is PowerState.ON

    run(main, timing=RealTiming())


@pytest.mark.parametrize("how", ["BlockInhibited", "BlockWeakInhibited"])
def test_a_lock_of_another_program_is_respected(logind: MockedLogind, rtc: Path, how: str) -> None:
    async def main(clock: Clock) -> None:
        async with computer(clock, logind, rtc) as one:
            await asyncio.to_thread(logind.blocked, "sleep:idle", how)
            assert (await call(one.upnp.location, "GoToStandby")).error_code == ApplianceFault.BUSY
            assert (await call(one.upnp.location, "OperationOff")).status == 200
            assert await asyncio.to_thread(lambda: logind.calls) == ["PowerOff False"]

    run(main, timing=RealTiming())


@pytest.mark.parametrize(
    "says",
    [
        'ret = "na"',
        'raise dbus.exceptions.DBusException("Read-only file system", name="System.Error.EROFS")',  # systemd 257's
    ],
)
def test_what_the_computer_cannot_do_is_not_offered(logind: MockedLogind, rtc: Path, says: str) -> None:
    async def main(clock: Clock) -> None:
        await asyncio.to_thread(logind.answers, "CanSuspend", "", says)
        async with computer(clock, logind, rtc) as one:
            assert (await call(one.upnp.location, "GoToStandby")).error_code == ApplianceFault.UNSAFE
            period = {"StartTime": "22:00:00", "StopTime": "06:00:00"}
            refused = await call(one.upnp.location, "StandbyPeriod", **period)
            assert refused.error_code == ApplianceFault.UNSAFE

    run(main, timing=RealTiming())


def test_a_logind_that_ends_is_noticed_and_a_bus_that_is_not_there_is_said(logind: MockedLogind, rtc: Path) -> None:
    async def main(clock: Clock) -> None:
        with pytest.raises(BusError, match="D-Bus at unix:path=/nowhere"):
            await Bus.connect("unix:path=/nowhere")
        async with computer(clock, logind, rtc) as one:
            await asyncio.to_thread(logind.end)
            result = await one.desk.order(PowerState.STANDBY)
            assert isinstance(result, Fault)
            assert result.code is SoapFault.ACTION_FAILED

    run(main, timing=RealTiming())


def test_the_program_itself_sleeps_and_says_goodbye_at_the_end(logind: MockedLogind, rtc: Path, tmp_path: Path) -> None:
    """As a service runs it: a process of its own, told by its configuration where the bus is."""
    port, config = free_port(), tmp_path / "appliance.toml"
    config.write_text(
        f'state_dir = "{tmp_path}/kept"\nsocket = "{tmp_path}/socket"\n[appliance]\nname = "Computer"\n'
        f'[network]\naddress = "127.0.42.9"\nport = {port}\n[logind]\nbus = "{logind.address}"\nrtc = "{rtc}"\n'
    )
    location = f"http://127.0.42.9:{port}/description.xml"
    program = str(Path(sys.executable).parent / "heg-appliance")
    process = subprocess.Popen([program, "--config", str(config)], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        wait_until(lambda: logind.inhibitors, "it holds its lock")

        async def main(clock: Clock) -> None:
            async with Listener() as listener:
                headers = {"CALLBACK": listener.callback, "NT": "upnp:event", "TIMEOUT": "Second-300"}
                async with asyncio.timeout(10):
                    while True:
                        with contextlib.suppress(OSError):
                            assert (await ask(location, "SUBSCRIBE", "/power/events", headers)).status == 200
                            break
                        await clock.sleep(0.05)
                assert (await call(location, "GoToStandby")).status == 200
                assert await asyncio.to_thread(lambda: logind.calls) == ["Suspend False"]
                await asyncio.to_thread(logind.says, "PrepareForSleep", begins=True)
                async with asyncio.timeout(10):
                    while listener.told()[-1:] != [(1, {"PowerState": "Standby"})]:
                        await clock.sleep(0.01)
                assert (await call(location, "OperationOn")).error_code == ApplianceFault.NOT_NOW

        run(main, timing=RealTiming())
    finally:
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=15)
    assert process.returncode == 0, said
    assert b"Traceback" not in said
