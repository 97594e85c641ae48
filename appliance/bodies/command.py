"""A machine behind programs: one tells its state, others switch it."""

import asyncio
import logging
from collections.abc import Mapping

from appliance.bodies.programs import ProgramError, run_program
from appliance.body import BodyError
from appliance.desk import ApplianceDesk
from appliance.faults import Fault, SoapFault
from heg.model.appliances import PowerState
from heg.runtime.clock import Clock

logger = logging.getLogger(__name__)

_ASKED_AT_ONCE = 4
"""Programs of conditions; the unit lets no more than 32 tasks live."""


class CommandBody:
    """Asks for the state again and again, and after each switch."""

    def __init__(
        self,
        desk: ApplianceDesk,
        clock: Clock,
        *,
        state: tuple[str, ...],
        ways: Mapping[PowerState, tuple[str, ...]],
        poll_s: float,
        limit_s: float,
    ) -> None:
        self._desk = desk
        self._clock = clock
        self._state = state
        self._ways = ways
        self._poll_s = poll_s
        self._limit_s = limit_s
        self._troubled = False
        self._switched = 0

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            await self._look()
            await self._clock.sleep(self._poll_s)

    async def go(self, target: PowerState) -> None:
        """Run the program that leads there, and see whether it did. Raises `BodyError`."""
        argv = self._ways.get(target)
        if argv is None:
            raise BodyError(Fault(SoapFault.ACTION_FAILED, f"no program is configured that leads to {target}"))
        try:
            ran = await run_program(argv, self._limit_s)
        except ProgramError as error:
            raise BodyError(Fault(SoapFault.ACTION_FAILED, str(error))) from error
        if ran.code:
            raise BodyError(Fault(SoapFault.ACTION_FAILED, f"{argv[0]} ended with {ran.code}"))
        self._switched += 1
        await self._look()

    async def _look(self) -> None:
        switched = self._switched
        try:
            ran = await run_program(self._state, self._limit_s)
        except ProgramError as error:
            self._complain(str(error))
            return
        word = ran.said.split(maxsplit=1)[0].lower() if ran.said.strip() else ""
        if ran.code or word not in {"on", "standby", "off"}:
            self._complain(f"{self._state[0]}: expected on, standby or off and 0, came {word[:40]!r} and {ran.code}")
            return
        self._troubled = False
        if switched == self._switched:  # else it was asked before, and says what was
            self._desk.observed(PowerState(word))

    def _complain(self, text: str) -> None:
        (logger.debug if self._troubled else logger.warning)("its state is not known: %s", text)
        self._troubled = True


async def conditions_that_hold(
    commands: Mapping[str, tuple[tuple[str, ...], float]], names: frozenset[str]
) -> frozenset[str]:
    """Ask programs whether conditions hold (exit code 0); one that cannot say is taken to hold."""
    few = asyncio.Semaphore(_ASKED_AT_ONCE)

    async def holds(name: str) -> bool:
        try:
            async with few:
                return (await run_program(*commands[name])).code == 0
        except ProgramError as error:
            logger.warning("condition %s is taken to hold: %s", name, error)
            return True

    asked = sorted(names)
    answers = await asyncio.gather(*map(holds, asked))  # who ordered waits for them
    return frozenset(name for name, held in zip(asked, answers, strict=True) if held)
