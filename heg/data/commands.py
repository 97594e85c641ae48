"""Commands: one who answers, exactly one answer (DESIGN.md, The door: kinds of instance)."""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass

from heg.data.access import Principal
from heg.data.door import AskedHandler, Asker, CommandAnswer, CommandHandler, Outcome
from heg.data.encoding import EncodingError, encode
from heg.model.instance import ANY, Location
from heg.model.refusals import Refusal, RefusalCode

ARGUMENTS_LIMIT = 16 * 1024

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CommandRecord:
    """The instance of a command variable: who asked for what, and the answer once there is one (`outcome` not None)."""

    request: int
    stakeholder: str
    service: str
    arguments: str
    outcome: Outcome | None = None
    text: str = ""
    refusal: RefusalCode | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Registration:
    """Who answers a command at a place or under a pattern of places."""

    request: int
    who: Principal
    variable: str
    pattern: Location
    handler: AskedHandler


class CommandDesk:
    """Finds who answers, waits for the one answer, and turns silence and crashes into refusals."""

    def __init__(self) -> None:
        self._registrations: dict[tuple[str, Location], Registration] = {}

    def register(self, registration: Registration) -> Refusal | None:
        """Take in one who answers; refused while somebody else answers the same command at the same place."""
        key = (registration.variable, registration.pattern)
        if key in self._registrations:
            who = self._registrations[key].who
            return Refusal(RefusalCode.CONFLICT, f"one who answers {key[0]} at {key[1]}", f"a second, after {who}")
        self._registrations[key] = registration
        return None

    def withdraw(self, request: int, who: Principal) -> bool:
        """End the registration with this request id; False when this principal has none such."""
        for key, registration in self._registrations.items():
            if registration.request == request and registration.who is who:
                del self._registrations[key]
                return True
        return False

    async def ask(
        self, variable: str, location: Location, arguments: Mapping[str, object], asker: Asker, timeout_s: float
    ) -> CommandAnswer:
        """Return the one answer: the handler's, or a refusal when nobody answers, in time or at all."""
        registration = self._find(variable, location)
        if registration is None:
            refusal = Refusal(RefusalCode.NO_ONE_ANSWERS, f"one who answers {variable} at {location}", "nobody")
            return refused(refusal)
        try:
            async with asyncio.timeout(timeout_s) as limit:
                answer = await registration.handler(location, arguments, asker)
        except TimeoutError as error:
            if limit.expired():
                return refused(Refusal(RefusalCode.TIMEOUT, f"an answer within {timeout_s:g} s", "none"))
            return self._crashed(registration, error)
        except Exception as error:  # noqa: BLE001 - whatever it raises, the asker gets its one answer
            return self._crashed(registration, error)
        if not isinstance(answer, CommandAnswer):
            return self._crashed(registration, TypeError(f"expected a CommandAnswer, came {type(answer).__name__}"))
        return answer

    def _find(self, variable: str, location: Location) -> Registration | None:
        matching = [
            registration
            for (name, pattern), registration in self._registrations.items()
            if name == variable and location.matches(pattern)
        ]
        return min(matching, key=lambda registration: _wildcards(registration.pattern), default=None)

    def _crashed(self, registration: Registration, error: Exception) -> CommandAnswer:
        logger.error("%s, answered by %s, failed", registration.variable, registration.who, exc_info=error)
        return refused(Refusal(RefusalCode.NOT_READY, "an answer", f"a fault: {error!r}"[:200], "see the log"))


def whoever(handler: CommandHandler) -> AskedHandler:
    """Have one answer who need not know who asks."""

    async def answer(location: Location, arguments: Mapping[str, object], _asker: Asker) -> CommandAnswer:
        return await handler(location, arguments)

    return answer


def refused(refusal: Refusal) -> CommandAnswer:
    """Return the answer that refuses."""
    return CommandAnswer(Outcome.REFUSED, str(refusal), refusal)


def checked_arguments(arguments: Mapping[str, object]) -> str | Refusal:
    """Return the arguments as JSON, or why they cannot be taken: plain JSON values only, bounded."""
    if not isinstance(arguments, Mapping) or not all(isinstance(key, str) for key in arguments):
        return Refusal(RefusalCode.WRONG_TYPE, "arguments by name", type(arguments).__name__)
    try:
        data = encode(dict(arguments))
    except (EncodingError, RecursionError) as error:
        return Refusal(RefusalCode.WRONG_TYPE, "plain JSON arguments", str(error)[:200])
    if len(data) > ARGUMENTS_LIMIT:
        return Refusal(RefusalCode.TOO_LARGE, f"arguments of at most {ARGUMENTS_LIMIT} bytes", str(len(data)))
    return data.decode()


def _wildcards(pattern: Location) -> int:
    return (pattern.unit, pattern.device, pattern.part).count(ANY)
