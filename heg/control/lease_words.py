"""Why a lease is not what was wished, in words, with what its loss row says of meanwhile."""

from heg.model.appliances import PowerState
from heg.model.leases import Reason, ReasonCode
from heg.model.loss_types import LossRow
from heg.model.refusals import Refusal

OVERRIDDEN = Reason(ReasonCode.RELEASED, "Somebody else commands the device; ours is repeated.")


def not_journalled(why: str) -> Reason:
    """The disk did not take the record."""
    return Reason(ReasonCode.RELEASED, f"The lease journal cannot be written ({why}); no command is given.")


def silent(refusal: Refusal, *, appliance: bool) -> Reason:
    """Nobody answers commands."""
    code = ReasonCode.APPLIANCE_LOST if appliance else ReasonCode.STORAGE_LOST
    return Reason(code, f"The device does not answer commands ({refusal}).")


def refused(times: int, refusal: Refusal) -> str:
    """It answers, and would not."""
    return f"The device refused {times} commands in a row ({refusal})."


def ignored(wanted: PowerState | None, settle_s: float) -> str:
    """It says yes, and does not; `wanted` of an appliance."""
    if wanted is None:
        return "The device acknowledges commands and does not take them."
    if wanted is PowerState.ON:
        return f"It has not come on within {settle_s:.0f} s of being told or woken."
    return f"It says yes and has not gone to {wanted} within {settle_s:.0f} s."


def given_up(why: str, row: LossRow, rest_s: float) -> Reason:
    """It is given back and left alone."""
    again = f"It is left alone for {rest_s / 60:.0f} min, then tried again."
    return Reason(ReasonCode.RELEASED, f"{why} {again} {row.in_force}")


def left_to_user(rest_s: float) -> Reason:
    """A user switched the appliance."""
    return Reason(ReasonCode.BY_USER, f"Somebody switched it by hand; it is left to them for {rest_s / 60:.0f} min.")


def left_to_others(repetitions: int, row: LossRow, rest_s: float) -> Reason:
    """Another controller commands the device, whatever we repeat."""
    return Reason(
        ReasonCode.RELEASED,
        f"Somebody else commands the device, also after {repetitions} repetitions of ours; "
        f"it is left to them for {rest_s / 60:.0f} min. {row.in_force}",
    )


def unaffordable(revert_s: float, period_s: float) -> Reason:
    """Its registers would wear out."""
    return Reason(
        ReasonCode.WRITE_BUDGET,
        f"Every command lapses after {revert_s:g} s, and writing it again that often would wear the device out "
        f"(one write in {period_s:.0f} s is allowed). The device is left to itself.",
    )


def not_gone_back(state: PowerState | None, settle_s: float) -> Reason:
    """It was given back, and is not as it was found."""
    return Reason(ReasonCode.RELEASED, f"It was given back and has not gone to {state} within {settle_s:.0f} s.")


def not_given_back(times: int, why: str) -> Reason:
    """Its release fails."""
    return Reason(
        ReasonCode.RELEASED, f"Giving the device back has failed {times} times ({why}); tried on every minute."
    )
