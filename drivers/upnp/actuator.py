"""What control may do to one appliance: bring it into a state, ask which it is in, give it back (driver contract).

An order that the appliance judges unsafe or untimely leaves it as it is (spec upnp-appliances.md, own judgement): that
is counted and told. One that sleeps is woken by magic packets; that they went out is all that can be acknowledged.
"""

from typing import Protocol

from drivers.upnp.appliance import SLEEPING, Appliance
from drivers.upnp.calls import Calls
from drivers.upnp.soap import Fault
from heg.devices.contract import ReadBack
from heg.model.appliances import PowerState
from heg.model.leases import SetPoint
from heg.model.refusals import Refusal, RefusalCode

_SILENT = frozenset({RefusalCode.TIMEOUT, RefusalCode.DEVICE_LOST})


class Means(Protocol):
    """What all appliances' actuators share."""

    @property
    def calls(self) -> Calls | None:
        """Who asks appliances; None while the driver does not run."""

    def tell(self, appliance: Appliance, state: PowerState) -> None:
        """Report what state an appliance says it is in."""

    def wake(self, appliance: Appliance) -> Refusal | None:
        """Begin to wake an appliance; None when the first packets went out."""


class ApplianceSwitch:
    """The `Actuator` and `ApplianceActuator` of one appliance."""

    __slots__ = ("_appliance", "_means")

    def __init__(self, appliance: Appliance, means: Means) -> None:
        self._appliance = appliance
        self._means = means

    async def apply(self, set_point: SetPoint) -> Refusal | None:
        """Bring it into a state; None when it took the order, or when it sleeps and was sent its packets."""
        wanted = set_point.power_state
        if wanted is None:
            return Refusal(RefusalCode.WRONG_KIND, "a power state", "something else")
        appliance = self._appliance
        if appliance.ordered is None and appliance.before is None:
            appliance.before = appliance.state
        if set_point.lasting:
            appliance.before = wanted  # a release takes nothing back
        appliance.ordered, appliance.released = wanted, False
        if wanted is not PowerState.ON:
            appliance.waking = None  # whoever wanted it on wants so no more
        return self._counted(await self._bring(wanted))

    async def read_back(self) -> ReadBack | Refusal:
        """Return the state it last told; one that it was ordered out of is asked for once more."""
        appliance = self._appliance
        if appliance.there and (appliance.state is None or appliance.ordered not in (None, appliance.state)):
            answer = await self._asked()
            if isinstance(answer, Refusal):
                return self._counted(answer) or answer
        if appliance.state is None:
            return Refusal(RefusalCode.NOT_READY, "an appliance that has told its state", "none yet")
        return ReadBack(not appliance.released, SetPoint(power_state=appliance.state))

    async def release(self) -> Refusal | None:
        """Bring it back into the state before the first order, unless somebody else has changed it since.

        One that refuses by its own judgement has itself back all the same.
        """
        appliance = self._appliance
        appliance.waking = None
        refusal = None
        as_ordered = appliance.ordered in (None, appliance.state)
        if appliance.before not in (None, appliance.state) and as_ordered:
            refusal = await self._restore(appliance.before)
        if refusal is None:
            appliance.before = appliance.ordered = None
            appliance.released = True
        return refusal

    def inherit(self, before: PowerState) -> None:
        """An earlier process took it in hand when it was in this state: `release` goes back to that."""
        self._appliance.before = before

    async def ask(self) -> Refusal | None:
        """Ask it how it is; None when it answered, and what it said is reported."""
        if self._appliance.asleep:
            return self._asleep("to be asked")
        if not self._appliance.there or self._means.calls is None:
            return _lost()
        return self._counted(await self._asked())

    async def standby_period(self, start: str, stop: str) -> int | Refusal:
        """Register at it that it puts itself to standby between two times of day (HH:MM:SS); returns the id."""
        described, calls = self._appliance.described, self._means.calls
        if described is None or calls is None or not self._appliance.there:
            return self._asleep("to register a standby")
        answer = await calls.standby_period(described, start, stop)
        if isinstance(answer, int):
            return answer
        refusal = answer.refusal("StandbyPeriod") if isinstance(answer, Fault) else answer
        return self._counted(refusal) or refusal

    async def withdraw(self, registration: int) -> Refusal | None:
        """Take back what was registered at it."""
        described, calls = self._appliance.described, self._means.calls
        if described is None or calls is None or not self._appliance.there:
            return self._asleep("to withdraw a registration")
        answer = await calls.withdraw(described, registration)
        return self._counted(answer.refusal("Withdraw") if isinstance(answer, Fault) else answer)

    async def _restore(self, state: PowerState | None) -> Refusal | None:
        if state is None or (self._appliance.asleep and state in SLEEPING):
            return None
        answer = await self._ordered(state)
        if isinstance(answer, Fault):
            self._counted(answer.refusal(_words(state)))
            return None if answer.own_judgement else answer.refusal(_words(state))
        return self._counted(answer)

    async def _bring(self, wanted: PowerState) -> Refusal | None:
        answer = await self._ordered(wanted)
        return answer.refusal(_words(wanted)) if isinstance(answer, Fault) else answer

    async def _ordered(self, wanted: PowerState) -> Fault | Refusal | None:
        appliance, calls = self._appliance, self._means.calls
        if appliance.asleep:
            return self._for_sleeper(wanted)
        if appliance.described is None or calls is None or not appliance.there:
            return _lost()
        answer = await calls.bring(appliance.described, wanted)
        if answer is None:
            appliance.accepted = wanted
        if isinstance(answer, Refusal) and answer.code in _SILENT and self._may_sleep(wanted):
            return self._means.wake(appliance)  # it fell asleep without a word
        return answer

    def _may_sleep(self, wanted: PowerState) -> bool:
        return wanted is PowerState.ON and self._appliance.state in SLEEPING and self._appliance.wakeable

    def _for_sleeper(self, wanted: PowerState) -> Refusal | None:
        if wanted is self._appliance.state:
            return None
        return self._means.wake(self._appliance) if wanted is PowerState.ON else self._asleep("to be switched")

    async def _asked(self) -> Refusal | None:
        described, calls = self._appliance.described, self._means.calls
        if described is None or calls is None:
            return None
        before = self._appliance.times_told
        answer = await calls.power_state(described)
        if isinstance(answer, PowerState):
            if self._appliance.times_told == before:  # else an event overtook the answer
                self._means.tell(self._appliance, answer)
            return None
        return answer.refusal("GetPowerState") if isinstance(answer, Fault) else answer

    def _asleep(self, wanted: str) -> Refusal:
        return Refusal(
            RefusalCode.NOT_READY, f"an appliance that is awake {wanted}", "one that sleeps", "wake it first"
        )

    def _counted(self, refusal: Refusal | None) -> Refusal | None:
        if refusal is not None:
            self._appliance.refused(refusal)
        return refusal


def _lost() -> Refusal:
    return Refusal(RefusalCode.DEVICE_LOST, "an appliance that is there", "one that is lost")


def _words(state: PowerState) -> str:
    return f"the order to be {state}"
