"""Orders to appliances: carried out, read back, refused, taken back, registered."""

from heg.devices.contract import ReadBack
from heg.model.appliances import PowerState
from heg.model.refusals import Refusal, RefusalCode
from heg.runtime.clock import Clock
from tests.drivers.upnp.home import OFF, ON, OURS, STANDBY, met
from tests.drivers.upnp.peer import Peer
from tests.support.stepped import stepped


@stepped
async def test_orders_are_carried_out_and_read_back(clock: Clock) -> None:
    async with met(clock) as (home, peer):
        actuator = home.kettle
        assert await actuator.read_back() == ReadBack(True, ON)
        assert await actuator.apply(STANDBY) is None
        assert peer.state == "Standby"
        assert await actuator.read_back() == ReadBack(True, STANDBY)
        assert await actuator.apply(OFF) is None
        assert await actuator.read_back() == ReadBack(True, OFF)
        assert await actuator.release() is None
        assert peer.state == "ON"
        assert await actuator.read_back() == ReadBack(False, OFF)  # no event told us yet


@stepped
async def test_what_somebody_else_changed_is_not_put_back(clock: Clock) -> None:
    async with met(clock) as (home, peer):
        actuator = home.kettle
        await actuator.apply(STANDBY)
        await peer.become("OFF")
        assert await actuator.release() is None
        assert peer.state == "OFF"


@stepped
async def test_its_own_judgement_stands_and_is_counted(clock: Clock) -> None:
    async with met(clock, Peer(faults={"OperationOff": (802, "the pump\x7f runs")})) as (home, _):
        actuator = home.kettle
        refusal = await actuator.apply(OFF)
        assert isinstance(refusal, Refusal)
        assert refusal.code is RefusalCode.DEVICE_REFUSED
        assert refusal.came == "UPnP error 802 (busy): the pump  runs"
        assert await actuator.read_back() == ReadBack(True, ON)
        assert home.refusals("kettle-1") == {"device_refused": 1}


@stepped
async def test_one_that_will_not_be_given_back_has_itself_back(clock: Clock) -> None:
    async with met(clock, Peer(state="Standby")) as (home, peer):
        actuator = home.kettle
        await actuator.apply(ON)
        await actuator.read_back()
        peer.faults = {"GoToStandby": (802, "")}
        assert await actuator.release() is None
        assert await actuator.read_back() == ReadBack(False, ON)
        assert home.refusals("kettle-1") == {"device_refused": 1}


@stepped
async def test_what_an_earlier_process_took_in_hand_goes_back_to_what_it_was(clock: Clock) -> None:
    async with met(clock, Peer(state="Standby")) as (home, peer):
        one = home.actuator("kettle-1")
        assert one.appliance is not None
        one.appliance.inherit(PowerState.ON)
        assert await one.actuator.release() is None
        assert peer.state == "ON"
        assert await one.actuator.release() is None
        assert peer.asked.count("OperationOn") == 1


@stepped
async def test_it_is_asked_how_it_is_and_what_it_says_is_reported(clock: Clock) -> None:
    async with met(clock) as (home, peer):
        appliance = home.actuator("kettle-1").appliance
        assert appliance is not None
        peer.state = "Standby"  # without a word
        assert await appliance.ask() is None
        assert home.value("state.power", "kettle-1") == "standby"
        peer.faults = {"GetPowerState": (501, "")}
        refusal = await appliance.ask()
        assert refusal is not None
        assert "GetPowerState" in str(refusal)
        await home.goes_to_sleep(peer)
        asleep = await appliance.ask()
        assert asleep is not None
        assert "one that sleeps; wake it first" in str(asleep)


@stepped
async def test_standby_periods_are_registered_at_the_appliance(clock: Clock) -> None:
    async with met(clock) as (home, peer):
        appliance = home.actuator("kettle-1").appliance
        assert appliance is not None
        assert await appliance.standby_period("22:00:00", "06:00:00") == 7
        assert peer.arguments[-1] == {
            "UUID": OURS,
            "Address": "127.0.0.1",
            "StartTime": "22:00:00",
            "StopTime": "06:00:00",
        }
        assert await appliance.withdraw(7) is None
        assert peer.arguments[-1]["RegID"] == "7"
        wrong = await appliance.standby_period("22:00", "06:00:00")
        assert isinstance(wrong, Refusal)
        assert peer.asked[-1] == "Withdraw"  # nothing was sent
        peer.faults = {"Withdraw": (803, "never seen")}
        refusal = await appliance.withdraw(8)
        assert isinstance(refusal, Refusal)
        assert "803 (not registered)" in refusal.came
