"""The configuration while the unit runs: checked, put into force, rolled back, by command or by hand.

File, running configuration and newest record say the same once a change is done; a change is done wholly or not begun.
The order is: checked, file written, put into force, recorded. After a power cut between these the next start finds the
file, which is the source, and records what it finds.
"""

import asyncio
import logging
from collections.abc import Awaitable, Mapping, Sequence

from heg.config.changes import changes
from heg.config.editing import edited
from heg.config.reader import ConfigError, LoadedConfig
from heg.data.door import CommandAnswer, Door, Outcome
from heg.model.edits import Edit, EditError
from heg.model.instance import Location
from heg.model.refusals import Refusal, RefusalCode
from heg.runtime.clock import Clock, ClockMode
from heg.unit.configuring_words import Wish, draft_of, faulty, not_theirs, refused, stale, wish_of
from heg.unit.effects import Effects
from heg.unit.file_alarm import FileAlarm
from heg.unit.force import InForce
from heg.unit.source import Source, faults_of
from heg.unit.trial import Trial
from heg.unit.versions import Versions

logger = logging.getLogger(__name__)

_ANSWERED_S = 1.0
"""Real seconds until an answer is out, and the page it came through may restart."""


class Configuration:
    """Answers the commands of the configuration and watches its file; `run` is one supervised task."""

    def __init__(
        self, door: Door, clock: Clock, here: Location, config: LoadedConfig, source: Source, force: InForce
    ) -> None:
        self._door, self._clock, self._here = door, clock, here
        self._now = config
        self._source, self._force = source, force
        self._versions = Versions(door, here)
        self._trial = Trial(door, clock, here)
        self._changing = asyncio.Lock()
        self._wake = asyncio.Event()
        self._busy: set[asyncio.Future[CommandAnswer]] = set()
        self._finish_at_s: float | None = None
        self._alarm = FileAlarm(door, here, source.path)
        self._recorded = False

    @property
    def text(self) -> str:
        """The text in force."""
        return self._now.text

    def look(self) -> None:
        """Look at the file now (SIGHUP)."""
        self._wake.set()

    async def run(self) -> None:
        """Answer and watch until cancelled."""
        answering = tuple(
            self._door.answer(f"command.configuration.{name}", self._here, handler)
            for name, handler in (
                ("check", self._check),
                ("apply", self._apply),
                ("rollback", self._roll_back),
                ("reload", self._reload),
            )
        )
        try:
            async with self._changing:
                await self._found_at_start()
            while True:
                await self._pause()
        finally:
            for receipt in answering:
                self._door.unsubscribe(receipt.request)
            if self._busy:
                await asyncio.wait(self._busy)

    async def whole(self, change: Awaitable[CommandAnswer]) -> CommandAnswer:
        """Make a change to its end, whoever stops waiting for the answer: half of one is nobody's wish."""
        job = asyncio.ensure_future(change)
        self._busy.add(job)
        job.add_done_callback(self._busy.discard)
        return await asyncio.shield(job)

    async def edit(self, edits: Sequence[Edit], who: str, why: str) -> CommandAnswer:
        """Change single keys of the text in force and put it into force."""
        return await self.whole(self._edit(edits, who, why))

    async def _edit(self, edits: Sequence[Edit], who: str, why: str) -> CommandAnswer:
        async with self._changing:
            if (refusal := await self._file_refusal()) is not None:
                return refusal
            try:
                wanted = self._source.parse(edited(self._now.text, edits))
            except EditError as error:
                return refused(Refusal(RefusalCode.CONFLICT, "a file that can be changed by key", str(error)))
            except ConfigError as error:
                return faulty(error)
            return await self._take(wanted, "applied", who, why)

    # The file

    async def _pause(self) -> None:
        """Until the next look, or until somebody asks for one."""
        left_s = self._source.look_every_s * self._pace()
        if self._finish_at_s is not None:
            left_s = min(left_s, max(0.0, self._finish_at_s - self._clock.monotonic_s()))
        asked = True
        try:
            async with asyncio.timeout(left_s):
                await self._wake.wait()
        except TimeoutError:
            asked = False
        self._wake.clear()
        async with self._changing:
            if self._finish_at_s is not None and self._clock.monotonic_s() >= self._finish_at_s:
                self._finish_at_s = None
                await self._force.finish()
            if await self._source.changed(at_once=asked):
                await self._by_hand()
        self._trial.watch(self._force.health(self._trial.tasks))

    async def _by_hand(self) -> CommandAnswer:
        """What the file says now, put into force if it can be; otherwise an alarm names what is wrong."""
        try:
            text = await self._source.read()
            if text == self._now.text:
                self._alarm.over()
                return CommandAnswer(Outcome.DONE, "The file says what is in force.")
            wanted = self._source.parse(text)
        except ConfigError as error:
            self._alarm.raised(str(error))
            return faulty(error)
        return await self._take(wanted, "by hand", "", "", write=False)

    async def _found_at_start(self) -> None:
        """Record what the unit was started with, where it is not the version that was in force before."""
        if not self._recorded:
            newest = self._versions.newest()
            if newest is None or newest.toml != self._now.text:
                self._versions.add(self._now.text, "start")
            else:
                self._versions.keep(newest)
            self._recorded = True
            await self._keep(self._now.text)
        if await self._source.changed(at_once=True):
            await self._by_hand()

    # The commands

    async def _check(self, _place: Location, arguments: Mapping[str, object]) -> CommandAnswer:
        wish = wish_of(arguments)
        draft = draft_of(self._door, self._here, wish)
        if isinstance(draft, Refusal):
            return refused(draft)
        try:
            wanted = self._source.parse(draft)
        except ConfigError as error:
            return faulty(error)
        said = self._force.effects(wanted)
        return CommandAnswer(Outcome.DONE, f"It is good: {said.text}.", detail=self._detail(wanted, said))

    async def _apply(self, _place: Location, arguments: Mapping[str, object]) -> CommandAnswer:
        wish = wish_of(arguments)
        draft = draft_of(
            self._door, self._here, wish
        )  # before anything is awaited: the next one may be somebody else's
        if isinstance(draft, Refusal) or isinstance(wish, Refusal):
            return refused(draft if isinstance(draft, Refusal) else wish)  # type: ignore[arg-type]
        return await self.whole(self._apply_draft(draft, wish))

    async def _apply_draft(self, draft: str, wish: Wish) -> CommandAnswer:
        async with self._changing:
            if (refusal := self._base_refusal(wish) or await self._file_refusal()) is not None:
                return refusal
            try:
                wanted = self._source.parse(draft)
            except ConfigError as error:
                return faulty(error)
            if (refusal := not_theirs(wish, changes(self._now.text, wanted.text))) is not None:
                return refusal
            return await self._take(wanted, "applied", wish.who, wish.why)

    async def _roll_back(self, _place: Location, arguments: Mapping[str, object]) -> CommandAnswer:
        wish = wish_of(arguments)
        return refused(wish) if isinstance(wish, Refusal) else await self.whole(self._go_back(wish))

    async def _go_back(self, wish: Wish) -> CommandAnswer:
        async with self._changing:
            newest = self._versions.newest()
            if newest is None:
                return refused(Refusal(RefusalCode.NOT_READY, "a version in force", "none yet"))
            by_hand = await self._file_refusal()
            # Without a number it takes back what was done last: a faulty change by hand, or the newest version.
            number = wish.version or (newest.version if by_hand is not None else newest.version - 1)
            earlier = self._versions.of(number)
            if earlier is None:
                kept = self._versions.numbers()
                came = f"{number}; kept are {', '.join(map(str, kept[-12:]))}"
                return refused(Refusal(RefusalCode.OUT_OF_RANGE, "a version that is kept", came))
            try:
                wanted = self._source.parse(earlier.toml)
            except ConfigError as error:
                return faulty(error)
            if (refusal := not_theirs(wish, changes(self._now.text, wanted.text))) is not None:
                return refusal
            why = wish.why or f"back to version {number}"
            return await self._take(wanted, "rolled back", wish.who, why, always_write=by_hand is not None)

    async def _reload(self, _place: Location, _arguments: Mapping[str, object]) -> CommandAnswer:
        return await self.whole(self._look_now())

    async def _look_now(self) -> CommandAnswer:
        async with self._changing:
            await self._source.changed(at_once=True)
            return await self._by_hand()

    # Putting into force

    async def _take(
        self, wanted: LoadedConfig, how: str, who: str, why: str, *, write: bool = True, always_write: bool = False
    ) -> CommandAnswer:
        if wanted.text == self._now.text and not always_write:
            return CommandAnswer(Outcome.DONE, "Nothing differs from what is in force.", detail=self._versioned())
        if write:
            try:
                await self._source.write(wanted.text)
            except OSError as error:
                mend = f"let the gateway's user write {self._source.path} and its folder"
                came = error.strerror or str(error)
                return refused(Refusal(RefusalCode.NOT_READY, f"{self._source.path} to be written", came, mend))
        if wanted.text == self._now.text:  # the file alone had to be put back
            self._alarm.over()
            return CommandAnswer(Outcome.DONE, "The file says what is in force again.", detail=self._versioned())
        detail = self._detail(wanted, self._force.effects(wanted))
        said = await self._force.put(wanted)
        self._now = wanted
        record = self._versions.add(wanted.text, how, who, why)
        if isinstance(record, Refusal):
            logger.error("the configuration in force was not recorded: %s", record)
        await self._keep(wanted.text)
        self._alarm.over()
        self._finish_at_s = self._clock.monotonic_s() + _ANSWERED_S * self._pace()
        self._wake.set()
        self._trial.begin(self._version(), (*said.restarts, *said.begins))
        logger.info("configuration: version %d is in force (%s): %s", self._version(), how, said.text)
        text = f"Version {self._version()} is in force: {said.text}."
        return CommandAnswer(Outcome.DONE, text, detail={**detail, **self._versioned()})

    async def _keep(self, text: str) -> None:
        try:
            await self._source.keep(text)
        except OSError as error:
            logger.error("no copy of the configuration in force could be kept: %s", error)

    def _base_refusal(self, wish: Wish) -> CommandAnswer | None:
        """Who changes what others have changed meanwhile is shown what that was."""
        newest = self._versions.newest()
        if newest is None or wish.base == newest.version:
            return None
        earlier = self._versions.of(wish.base) if wish.base else None
        differs = () if earlier is None else changes(earlier.toml, newest.toml)
        return stale(wish.base, newest, tuple(map(str, differs)))

    async def _file_refusal(self) -> CommandAnswer | None:
        """A change by hand that is not in force would be lost: it is mended or taken back first."""
        try:
            text = await self._source.read()
        except ConfigError as error:
            came, faults = str(error), faults_of(error)
        else:
            if text == self._now.text:
                return None
            came, faults = "it was changed by hand", []
        refusal = Refusal(
            RefusalCode.CONFLICT,
            f"{self._source.path.name} to say what is in force",
            came[:500],
            "mend the file, or take the change back with `heg config rollback`",
        )
        return CommandAnswer(Outcome.REFUSED, str(refusal), refusal, {"faults": faults})

    # What is told

    def _detail(self, wanted: LoadedConfig, said: Effects) -> dict[str, object]:
        differs = [str(one) for one in changes(self._now.text, wanted.text)]
        return {"changes": differs, "effects": said.plain(), **self._versioned()}

    def _versioned(self) -> dict[str, object]:
        return {"version": self._version()}

    def _version(self) -> int:
        newest = self._versions.newest()
        return newest.version if newest is not None else 0

    def _pace(self) -> float:
        """House seconds of a real one: people and files keep real time."""
        return max(1.0, self._clock.speed) if self._clock.mode is ClockMode.SCALED else 1.0
