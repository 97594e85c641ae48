"""What an appliance truly is, behind its desk: the contract of a computer, a machine behind programs, a wire."""

from typing import Protocol

from appliance.faults import Fault
from heg.model.appliances import PowerState


class BodyError(Exception):
    """The body did not do it; the fault says why."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.text)
        self.fault = fault


class Body(Protocol):
    """What an appliance truly is. It tells each change of its state to `ApplianceDesk.observed`, also its own."""

    async def go(self, target: PowerState) -> None:
        """Go to a state, or begin to. Raises `BodyError`."""
