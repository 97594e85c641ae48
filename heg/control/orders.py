"""The owner's orders: hands off, by hand, step test. Each is a command through the door with exactly one answer.

What else appliances are asked is in `standby_orders`.
"""

import math
from collections.abc import Mapping
from typing import Protocol

from heg.control.commissioning import Seeing, StepPlan, StepTest
from heg.control.standby_orders import StandbyDesk
from heg.data.door import CommandAnswer, Door, Outcome, Receipt
from heg.devices.contract import AttachedActuator
from heg.model.appliances import PowerState
from heg.model.capabilities import ApplianceCapability
from heg.model.instance import ANY, Location
from heg.model.leases import Claim, Claimant, Reason, ReasonCode
from heg.model.refusals import Refusal, RefusalCode
from heg.model.regimes import Regime, RegimeOrder
from heg.runtime.clock import Clock

LONGEST_MANUAL_S = 86400.0
_ENDED_S = 1e-6
_STEP_KW = 1.0
_BY_HAND = (Regime.HOLD, Regime.BALANCE, Regime.COVER, Regime.ABSORB, Regime.CHARGE, Regime.DISCHARGE)


class Room(Seeing, Protocol):
    """What the desk needs of the control room: what a step test sees, what is attached, the owner's switch to turn."""

    def attached(self, device: str) -> AttachedActuator | None:
        """What can be commanded under this name."""

    async def turn_hands_off(self, *, on: bool) -> None:
        """Turn the switch."""


class OrderDesk:
    """Answers `command.hands_off`, `command.manual` and `command.try` of one unit."""

    def __init__(self, room: Room, door: Door, clock: Clock) -> None:
        self._room, self._door, self._clock = room, door, clock
        self._standby = StandbyDesk(room, door, clock)
        self._testing = False
        self._answering: tuple[Receipt, ...] = ()

    def open(self) -> None:
        """Begin to answer; once."""
        if self._answering:
            return
        unit = self._room.settings.unit
        self._answering = (
            self._door.answer("command.hands_off", Location(unit), self._hands_off),
            self._door.answer("command.manual", Location(unit, ANY), self._manual),
            self._door.answer("command.try", Location(unit, ANY), self._try),
            self._door.answer("command.standby_period", Location(unit, ANY), self._standby.answer),
        )

    def close(self) -> None:
        """Answer no more."""
        for receipt in self._answering:
            self._door.unsubscribe(receipt.request)
        self._answering = ()

    async def _hands_off(self, _place: Location, arguments: Mapping[str, object]) -> CommandAnswer:
        on = arguments.get("on")
        if not isinstance(on, bool):
            return _refused(RefusalCode.WRONG_TYPE, "on = true or false", repr(on))
        try:
            await self._room.turn_hands_off(on=on)
        except OSError as error:
            text = "Done, but it will not outlive a restart: the lease journal cannot be written."
            refusal = Refusal(RefusalCode.NOT_READY, "a lease journal that can be written", str(error))
            return CommandAnswer(Outcome.PARTLY, text, refusal)
        if on:
            return CommandAnswer(Outcome.DONE, "Every device is given back; only a network operator's limit holds.")
        return CommandAnswer(Outcome.DONE, "Control is taken again.")

    async def _manual(self, place: Location, arguments: Mapping[str, object]) -> CommandAnswer:
        if (refusal := self._not_commandable(place.device)) is not None:
            return CommandAnswer(Outcome.REFUSED, refusal=refusal)
        if arguments.get("release") is True:
            self._claim(place.device, Claim(Claimant.MANUAL, _by_hand(""), _ENDED_S))
            return CommandAnswer(Outcome.DONE, f"{place.device} is no longer run by hand.")
        one = self._room.attached(place.device)
        switched = one is not None and isinstance(one.capability, ApplianceCapability)
        order = _state_of(arguments) if switched else _order_of(arguments)
        if isinstance(order, Refusal):
            return CommandAnswer(Outcome.REFUSED, refusal=order)
        valid_s = arguments.get("valid_s")
        if not _is_number(valid_s) or not 0 < float(str(valid_s)) <= LONGEST_MANUAL_S:
            return _refused(RefusalCode.OUT_OF_RANGE, f"valid_s from 1 to {LONGEST_MANUAL_S:g} seconds", repr(valid_s))
        return self._ordered(place.device, order, float(str(valid_s)))

    def _ordered(self, device: str, order: RegimeOrder | PowerState, valid_s: float) -> CommandAnswer:
        if isinstance(order, PowerState):
            what = str(order)
            claim = Claim(Claimant.MANUAL, _by_hand(f"By hand: {what}."), valid_s, power_state=order)
        else:
            what = str(order.regime)
            claim = Claim(Claimant.MANUAL, _by_hand(f"By hand: {what}."), valid_s, order=order)
        self._claim(device, claim)
        if self._room.hands_off:
            text = "Noted, but hands off is on: nothing is commanded until it is turned off."
            return CommandAnswer(Outcome.PARTLY, text)
        return CommandAnswer(Outcome.DONE, f"{device}: {what} for {valid_s / 60:g} min.")

    async def _try(self, place: Location, arguments: Mapping[str, object]) -> CommandAnswer:
        if (refusal := self._not_commandable(place.device)) is not None:
            return CommandAnswer(Outcome.REFUSED, refusal=refusal)
        one = self._room.attached(place.device)
        if one is not None and isinstance(one.capability, ApplianceCapability):
            expected = "a device that is given a power"
            return _refused(RefusalCode.UNSUPPORTED, expected, "an appliance", "switch it by `heg manual`")
        power_kw = arguments.get("power_kw", _STEP_KW)
        if not _is_number(power_kw) or not 0.1 <= abs(float(str(power_kw))) <= 100.0:
            return _refused(RefusalCode.OUT_OF_RANGE, "power_kw from 0.1 to 100", repr(power_kw))
        if self._room.hands_off:
            mend = "turn hands off off, then try again"
            return _refused(RefusalCode.CONFLICT, "a unit that may command its devices", "hands off is on", mend)
        if self._testing:
            return _refused(RefusalCode.CONFLICT, "one step test at a time", "another is running")
        self._testing = True
        try:
            plan = StepPlan(place.device, abs(float(str(power_kw))))
            return await StepTest(plan, self._room, self._door, self._clock).run()
        finally:
            self._testing = False

    def _claim(self, device: str, claim: Claim) -> None:
        self._door.write("claim", Location(self._room.settings.unit, device, "manual"), claim)

    def _not_commandable(self, device: str) -> Refusal | None:
        if self._room.closing:
            return Refusal(RefusalCode.NOT_READY, "a running unit", "it is shutting down")
        one = self._room.attached(device)
        switched = one is not None and one.present and isinstance(one.capability, ApplianceCapability)
        if self._room.hand_on(device) is None and not switched:
            mend = "`heg devices` lists what can be commanded"
            return Refusal(RefusalCode.DEVICE_LOST, "a device that can be commanded", device or "none", mend)
        return None


def _state_of(arguments: Mapping[str, object]) -> PowerState | Refusal:
    named = arguments.get("power_state")
    state = next((one for one in PowerState if one == named), None)
    if state is None:
        came = _instead(arguments, "regime") if named is None else repr(named)
        return Refusal(RefusalCode.OUT_OF_RANGE, f"power_state one of {', '.join(PowerState)}", came[:60])
    return state


def _instead(arguments: Mapping[str, object], other: str) -> str:
    """What came where an appliance is told a regime, or another device a state."""
    return f"{other} {arguments[other]!r}" if other in arguments else "none"


def _order_of(arguments: Mapping[str, object]) -> RegimeOrder | Refusal:
    named = arguments.get("regime")
    regime = next((one for one in _BY_HAND if one == named), None)
    if regime is None:
        came = _instead(arguments, "power_state") if named is None else repr(named)
        return Refusal(RefusalCode.OUT_OF_RANGE, f"regime one of {', '.join(_BY_HAND)}", came[:60])
    power_kw = arguments.get("power_kw", 0.0)
    if not _is_number(power_kw) or not 0.0 <= float(str(power_kw)) <= 1000.0:
        return Refusal(RefusalCode.OUT_OF_RANGE, "power_kw from 0 to 1000", repr(power_kw)[:60])
    return RegimeOrder(regime, float(str(power_kw)))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _by_hand(text: str) -> Reason:
    return Reason(ReasonCode.MANUAL, text)


def _refused(code: RefusalCode, expected: str, came: str, mend: str = "") -> CommandAnswer:
    return CommandAnswer(Outcome.REFUSED, refusal=Refusal(code, expected, came[:100], mend))
