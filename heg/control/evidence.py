"""Evidence: every change of the envelope or of a lease, the meter before and after (DESIGN.md, Two clocks 1)."""

from dataclasses import dataclass

from heg.control.snapshot import Known, Reading
from heg.data.door import Door
from heg.model.instance import Location
from heg.model.leases import Reason
from heg.model.records import EvidenceRecord

AFTER_S = 10.0
_MOST_PENDING = 1024


@dataclass(frozen=True, slots=True)
class _Pending:
    place: Location
    record: EvidenceRecord
    due_s: float


class EvidenceLog:
    """Writes an entry at the change and, once the house has answered, again with the meter after."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._pending: list[_Pending] = []

    def note(self, place: Location, what: str, reason: Reason, grid: Reading, now_s: float) -> None:
        """Something changed now."""
        record = EvidenceRecord(what, reason, grid.value if isinstance(grid, Known) else None)
        self._door.write("evidence", place, record)
        self._pending = [*self._pending[-_MOST_PENDING + 1 :], _Pending(place, record, now_s + AFTER_S)]

    def follow_up(self, grid: Reading, now_s: float) -> None:
        """Complete what is due; with the meter lost there is no after."""
        due = [pending for pending in self._pending if pending.due_s <= now_s]
        self._pending = [pending for pending in self._pending if pending.due_s > now_s]
        if not isinstance(grid, Known):
            return
        for pending in due:
            before = pending.record
            self._door.write(
                "evidence",
                pending.place,
                EvidenceRecord(before.what, before.reason, before.grid_before_kw, grid.value),
            )
