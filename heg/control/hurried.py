"""Claims about appliances that do not wait for the next control cycle: heard through the door, taken up soon after.

A person who presses a button, and a utility that wants a hundred appliances to rest, are answered at once; storages go
by measurements, which come once a cycle. What was claimed in one turn of the loop is taken up together, and turns are
`LEAST_APART_S` apart at least: a flood of claims costs a bounded number of decisions, and never delays a cycle.
"""

import asyncio

from heg.data.door import Door
from heg.model.capabilities import ApplianceCapability
from heg.model.instance import ANY, Instance, Location
from heg.model.leases import Claim, Claimant
from heg.model.records import DeviceRecord
from heg.runtime.clock import Clock

LEAST_APART_S = 0.2
_IN_A_HURRY = frozenset({Claimant.MANUAL, Claimant.APPLIANCE, Claimant.UTILITY, Claimant.PLAN})


class HurriedClaims:
    """Of one unit. The owner's rules may wait: they go by prices and by the clock."""

    def __init__(self, door: Door, unit: str, clock: Clock) -> None:
        self._door, self._clock = door, clock
        self._told = door.event("claim", Location(unit, ANY, ANY))
        self._taken_s = clock.monotonic_s() - LEAST_APART_S

    async def before(self, next_s: float) -> bool:
        """Wait until claims are to be taken up out of turn: True; or until the next cycle (monotonic s): False."""
        if await self._heard(next_s):
            due_s = max(self._taken_s + LEAST_APART_S, self._clock.monotonic_s())
            if due_s < next_s:
                await self._clock.sleep_until(due_s)  # lets those who claim claim for all of theirs
            await self._forget_what_waits()
            if due_s < next_s:
                self._taken_s = self._clock.monotonic_s()
                return True
        await self._clock.sleep_until(next_s)
        return False

    def close(self) -> None:
        """Listen no more."""
        self._told.close()

    async def _heard(self, next_s: float) -> bool:
        try:
            async with asyncio.timeout(next_s - self._clock.monotonic_s()):
                async for one in self._told:
                    if self._hurries(one.instance):
                        return True
        except TimeoutError:
            pass
        return False

    async def _forget_what_waits(self) -> None:
        """The decision that follows sees all that is claimed now."""
        try:
            async with asyncio.timeout(0):
                async for _ in self._told:
                    pass
        except TimeoutError:
            pass

    def _hurries(self, instance: Instance) -> bool:
        claim = instance.value
        if not isinstance(claim, Claim) or claim.claimant not in _IN_A_HURRY:
            return False
        device = self._door.latest("device", Location(instance.location.unit, instance.location.device))
        record = None if device is None else device.value
        return isinstance(record, DeviceRecord) and any(
            isinstance(one, ApplianceCapability) for one in record.capabilities
        )
