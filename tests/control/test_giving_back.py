"""When a device counts as given back."""

from heg.control.giving_back import GivingBack, Shown
from heg.control.lease_terms import LeaseRules
from heg.devices.contract import ReadBack
from heg.model.appliances import PowerState
from heg.model.leases import SetPoint

OURS = SetPoint(power_kw=2.0)


def test_a_device_is_back_when_it_no_longer_shows_our_command() -> None:
    giving = GivingBack(LeaseRules())
    giving.acknowledged(10.0)
    assert giving.read_due
    assert not giving.on_its_way
    assert giving.shown(ReadBack(True, OURS), OURS, None, 11.0) is Shown.STILL_OURS
    assert giving.shown(ReadBack(True, SetPoint(power_kw=0.0)), OURS, None, 11.0) is Shown.BACK
    assert giving.shown(ReadBack(False, OURS), OURS, None, 11.0) is Shown.BACK


def test_what_fails_is_counted_until_the_next_release() -> None:
    giving = GivingBack(LeaseRules())
    assert [giving.failed(), giving.failed()] == [1, 2]
    giving.begin()
    assert giving.failed() == 1


def test_an_appliance_is_back_when_it_is_as_it_was_found() -> None:
    giving = GivingBack(LeaseRules(user_first=True, settle_s=60.0))
    on, off, standby = (
        ReadBack(True, SetPoint(power_state=one)) for one in (PowerState.ON, PowerState.OFF, PowerState.STANDBY)
    )
    giving.acknowledged(10.0)
    assert giving.on_its_way
    assert giving.shown(on, on.set_point, PowerState.OFF, 69.0) is Shown.ON_ITS_WAY
    assert giving.read_due
    assert giving.shown(on, on.set_point, PowerState.OFF, 70.0) is Shown.NOT_GONE
    assert giving.shown(off, on.set_point, PowerState.OFF, 70.0) is Shown.BACK
    assert giving.shown(standby, on.set_point, PowerState.OFF, 20.0) is Shown.BACK  # somebody else's hand
