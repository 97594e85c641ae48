"""Writes into the audit log what the door tells: configurations, policies and contracts that came into force, evidence.

Who changed a policy or a contract stands in the record itself, where the one who let that person in has put it.
"""

import hashlib
import logging

from heg.data.door import Door, MailboxKind, Notification
from heg.model.instance import Location
from heg.model.records import CertificateRecord, ConfigurationRecord, ErasureRecord, EvidenceRecord
from heg.model.rights import ContractBook, PolicyBook
from heg.web.accounts.chain import Kind, Note
from heg.web.accounts.desk import AccountsDesk
from heg.web.accounts.records import DeskError
from heg.web.tls.fingerprints import shown

logger = logging.getLogger(__name__)
_UNIT = "gateway"
_MOST_CHANGES = 20


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
            for variable in ("configuration", "certificate", "policy", "contract.rights"):
                newest = self._door.latest(variable, self._here)
                if newest is not None:
                    await self._in_force(newest.value)
            async for one in told:
                await self._write(one)
        finally:
            told.close()

    async def _write(self, told: Notification) -> None:
        value = told.instance.value
        if isinstance(value, EvidenceRecord):
            before, after = _kw(value.grid_before_kw), _kw(value.grid_after_kw)
            detail = f"{value.what}: {value.reason.text}; grid {before} before, {after} after"
            await self._note(Note(Kind.EVIDENCE, _UNIT, "", "noted", detail))
        elif isinstance(value, ErasureRecord):
            outcome = "begun" if value.rows is None else "done"
            detail = value.what if value.rows is None else f"{value.what}: {value.rows} values erased"
            await self._note(
                Note(Kind.PERSONAL_DATA, value.by or _UNIT, value.address, outcome, detail), sparingly=False
            )
        else:
            await self._in_force(value)

    async def _in_force(self, value: object) -> None:
        """Write down what came into force, once: it is told again at every start."""
        if isinstance(value, ConfigurationRecord):
            digest = hashlib.sha256(value.toml.encode()).hexdigest()
            said = [f"version {value.version}", value.how, value.why, *value.changes[:_MOST_CHANGES]]
            detail = "; ".join(piece for piece in (*said, f"sha256 {digest}") if piece)
            note = Note(Kind.CONFIGURATION, value.who or _UNIT, "", "in force", detail)
            await self._note(note, unless_newest=True, sparingly=False)
        elif isinstance(value, CertificateRecord):
            detail = f"certificate {shown(value.fingerprint)}, key {value.key_fingerprint}"
            await self._note(Note(Kind.KEY, _UNIT, "", "shown", detail), unless_newest=True, sparingly=False)
        elif isinstance(value, PolicyBook | ContractBook):
            kind = Kind.POLICY if isinstance(value, PolicyBook) else Kind.CONTRACT
            detail = f"version {value.version}: {value.change}"
            outcome = "insisted" if value.forced else "in force"
            note = Note(kind, value.by or _UNIT, value.address, outcome, detail)
            # Each by itself: who could hide one among many would hide the one that matters.
            await self._note(note, unless_newest=True, sparingly=False)

    async def _note(self, note: Note, *, unless_newest: bool = False, sparingly: bool = True) -> None:
        try:
            refused = await self._desk.record(note, unless_newest=unless_newest, sparingly=sparingly)
        except DeskError as error:
            refused = error.refused
        if refused is not None:
            logger.warning("not in the audit log: %s (%s)", note.detail, refused)


def _kw(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3f} kW"
