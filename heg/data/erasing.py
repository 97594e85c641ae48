"""Erasing at an owner's word, in two steps: first what would go is told, then the word given with it confirms it.

What is begun goes on in the background until it is done; a crash only delays it.
"""

import asyncio
import logging
import secrets
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

import msgspec

from heg.data.commands import refused
from heg.data.door import CommandAnswer, Outcome
from heg.data.requests import RequestProcessor
from heg.data.selection import Estimate, Selection
from heg.data.validation import location_refusal
from heg.model.instance import Location
from heg.model.policy import CUSTOMER
from heg.model.records import ErasureRecord
from heg.model.refusals import Refusal, RefusalCode
from heg.runtime.clock import Clock

VALID_S = 600.0
_ANSWER_WITHIN_S = 20.0
_LONGEST = 200

logger = logging.getLogger(__name__)


class Keeps(Protocol):
    """What holds the past and can be emptied."""

    async def estimate(self, selection: Selection) -> Estimate | None:
        """What a selection comes to; None when that cannot be told now."""

    async def erase(self, selection: Selection) -> int | None:
        """Erase it; how many rows went, None when that could not be done now."""


class Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The arguments of `command.erase`: what is to go, or the word that confirms it."""

    confirm: str = ""
    device: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    by: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True)
class _Proposed:
    word: str
    selection: Selection
    by: str
    until_s: float


class ErasureDesk:
    """Answers `command.erase`. One proposal at a time: a second one ends the first."""

    def __init__(
        self,
        clock: Clock,
        here: Location,
        processor: RequestProcessor,
        keeps: Keeps,
        start: Callable[[Coroutine[object, object, None]], asyncio.Task[None]],
    ) -> None:
        self._clock = clock
        self._here = here
        self._processor = processor
        self._keeps = keeps
        self._start = start
        self._proposed: _Proposed | None = None
        self._running: asyncio.Task[None] | None = None
        processor.answer_itself("command.erase", here, self.answer)

    def rename(self, devices: Mapping[str, str]) -> None:
        """Devices get other names: what was proposed by an old one must not take away what has it now."""
        if self._proposed is not None:
            self._proposed = replace(self._proposed, selection=self._proposed.selection.renamed(devices))

    async def answer(self, _place: Location, arguments: Mapping[str, object]) -> CommandAnswer:
        """Tell what would go, or erase it."""
        try:
            asked = msgspec.convert(dict(arguments), Asked)
        except msgspec.ValidationError as error:
            return refused(
                Refusal(RefusalCode.WRONG_TYPE, "device, since and until, or confirm", str(error)[:_LONGEST])
            )
        if self._running is not None and not self._running.done():
            return refused(Refusal(RefusalCode.CONFLICT, "one erasure at a time", "another", "wait until it is done"))
        return await (self._confirmed(asked) if asked.confirm else self._told(asked))

    async def _told(self, asked: Asked) -> CommandAnswer:
        if (refusal := self._bad(asked)) is not None:
            return refused(refusal)
        selection = Selection(CUSTOMER, asked.device, asked.since, asked.until)
        estimate = await self._keeps.estimate(selection)
        if estimate is None:
            return refused(Refusal(RefusalCode.NOT_READY, "an open store", "none", "see the store's alarm"))
        self._proposed = _Proposed(secrets.token_hex(8), selection, asked.by, self._clock.monotonic_s() + VALID_S)
        what = _record(selection, asked).what
        detail: dict[str, object] = {
            "confirm": self._proposed.word,
            "valid_s": VALID_S,
            "what": what,
            "rows_at_most": estimate.rows_at_most,
            "rollups_at_most": estimate.rollups,
            "series": estimate.series,
            "first": None if estimate.first is None else estimate.first.isoformat(),
            "last": None if estimate.last is None else estimate.last.isoformat(),
        }
        many = f"at most {estimate.rows_at_most} values and {estimate.rollups} roll-ups of {estimate.series} series"
        text = f"{what}: {many}; confirm it to have it erased for good"
        return CommandAnswer(Outcome.PARTLY, text, detail=detail)

    async def _confirmed(self, asked: Asked) -> CommandAnswer:
        proposed, self._proposed = self._proposed, None
        if proposed is None or self._clock.monotonic_s() >= proposed.until_s:
            refusal = Refusal(RefusalCode.CONFLICT, "a word of the last ten minutes", "none", "ask again what would go")
            return refused(refusal)
        if not secrets.compare_digest(proposed.word.encode(), asked.confirm.encode()) or proposed.by != asked.by:
            refusal = Refusal(RefusalCode.CONFLICT, "the word that was told", "another", "ask again what would go")
            return refused(refusal)
        done: list[int | None] = []
        self._running = self._start(self._erase(_record(proposed.selection, asked), proposed.selection, done))
        await asyncio.wait({self._running}, timeout=_ANSWER_WITHIN_S)
        if not self._running.done():
            return CommandAnswer(Outcome.PARTLY, "erasing goes on; the record erasure tells when it is done")
        if not done or done[0] is None:
            expected = "a disk that takes what is written"
            return refused(
                Refusal(RefusalCode.NOT_READY, expected, "none", "what was begun goes on with the next start")
            )
        return CommandAnswer(Outcome.DONE, f"erased: {done[0]} values", detail={"rows": done[0]})

    async def _erase(self, record: ErasureRecord, selection: Selection, done: list[int | None]) -> None:
        # First those who remember are told, so that nothing of it is written anew; then memory, then the disk.
        self._processor.write_itself("erasure", self._here, record)
        self._processor.forget(selection)
        rows = await self._keeps.erase(selection)
        done.append(rows)
        if rows is None:
            logger.error("erasing could not be done: %s", record.what)
            return
        self._processor.write_itself("erasure", self._here, replace(record, rows=rows))

    def _bad(self, asked: Asked) -> Refusal | None:
        if any(time is not None and time.tzinfo is None for time in (asked.since, asked.until)):
            return Refusal(RefusalCode.BAD_TIME, "times with zone", "one without")
        if asked.since is not None and asked.until is not None and asked.until <= asked.since:
            return Refusal(RefusalCode.BAD_TIME, "since before until", f"{asked.since} to {asked.until}")
        if max(len(asked.by), len(asked.address)) > _LONGEST:
            return Refusal(RefusalCode.TOO_LARGE, f"at most {_LONGEST} characters", "more")
        return location_refusal(Location(self._here.unit, asked.device or ""))


def _record(selection: Selection, asked: Asked) -> ErasureRecord:
    return ErasureRecord(asked.by, asked.address, selection.device, selection.since, selection.until)
