"""Writes into the audit log what the door tells: configurations that came into force, and evidence of limits."""

import hashlib
import logging

from heg.data.door import Door, MailboxKind, Notification
from heg.model.instance import Location
from heg.model.records import ConfigurationRecord, EvidenceRecord
from heg.web.accounts.chain import Kind, Note
from heg.web.accounts.desk import AccountsDesk, DeskError

logger = logging.getLogger(__name__)
_UNIT = "gateway"


class Recorder:
    """`run()` is one supervised task. What changes while the accounts are locked is not in the log, and said so."""

    def __init__(self, door: Door, desk: AccountsDesk, here: Location) -> None:
        self._door = door
        self._desk = desk
        self._here = here

    async def run(self) -> None:
        """Write until cancelled."""
        # Changes of the connection point only: leases change with every slot, and the store keeps their evidence.
        told = self._door.event("*", self._here, mailbox=MailboxKind.LATEST, size=256)
        try:
            await self._desk.opened()
            newest = self._door.latest("configuration", self._here)
            if newest is not None:
                await self._configuration(newest.value)
            async for one in told:
                await self._write(one)
        finally:
            told.close()

    async def _write(self, told: Notification) -> None:
        value = told.instance.value
        if isinstance(value, ConfigurationRecord):
            await self._configuration(value)
        elif isinstance(value, EvidenceRecord):
            before, after = _kw(value.grid_before_kw), _kw(value.grid_after_kw)
            detail = f"{value.what}: {value.reason.text}; grid {before} before, {after} after"
            await self._note(Note(Kind.EVIDENCE, _UNIT, "", "noted", detail))

    async def _configuration(self, value: object) -> None:
        if not isinstance(value, ConfigurationRecord):
            return
        digest = hashlib.sha256(value.toml.encode()).hexdigest()
        detail = f"version {value.version}, sha256 {digest}"
        await self._note(Note(Kind.CONFIGURATION, _UNIT, "", "in force", detail), unless_newest=True)

    async def _note(self, note: Note, *, unless_newest: bool = False) -> None:
        try:
            refused = await self._desk.record(note, unless_newest=unless_newest)
        except DeskError as error:
            refused = error.refused
        if refused is not None:
            logger.warning("not in the audit log: %s (%s)", note.detail, refused)


def _kw(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3f} kW"
