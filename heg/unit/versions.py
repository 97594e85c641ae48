"""The versions of the configuration: which is in force, and the newest ones to go back to. Each is a record."""

from heg.config.changes import changes
from heg.data.door import Door
from heg.model.instance import ANY, Location
from heg.model.records import ConfigurationRecord
from heg.model.refusals import Refusal

KEPT = 64
_MOST_CHANGES = 200


class Versions:
    """Written through the door, committed at once. What is older than the newest 64 is in the store's history only."""

    def __init__(self, door: Door, here: Location) -> None:
        self._door, self._here = door, here

    def newest(self) -> ConfigurationRecord | None:
        """Return the version that is in force, or was when the last run ended."""
        return self._read(self._here)

    def of(self, version: int) -> ConfigurationRecord | None:
        """Return a version, if it is kept."""
        record = self._read(self._slot(version))
        return record if record is not None and record.version == version else None

    def numbers(self) -> tuple[int, ...]:
        """Return which versions are kept, the oldest first."""
        found = self._door.latest_all("configuration", Location(self._here.unit, "", ANY))
        records = (one.value for one in found if one.location.part)
        return tuple(sorted(one.version for one in records if isinstance(one, ConfigurationRecord)))

    def add(self, text: str, how: str, who: str = "", why: str = "") -> ConfigurationRecord | Refusal:
        """Write the next version; or say why it was not taken."""
        before = self.newest()
        differs = () if before is None else tuple(map(str, changes(before.toml, text)))
        # Also beyond what is kept: a store that opened late may know more versions than were known so far.
        version = 1 + max(self.numbers(), default=0 if before is None else before.version)
        record = ConfigurationRecord(version, text, how, who, why, differs[:_MOST_CHANGES])
        for place in (self._slot(version), self._here):
            receipt = self._door.write("configuration", place, record)
            if receipt.refusal is not None:
                return receipt.refusal
        return record

    def keep(self, record: ConfigurationRecord) -> None:
        """See that a version written by an earlier program can be gone back to."""
        if self.of(record.version) is None:
            self._door.write("configuration", self._slot(record.version), record)

    def _slot(self, version: int) -> Location:
        return Location(self._here.unit, "", f"kept.{version % KEPT:02d}")

    def _read(self, place: Location) -> ConfigurationRecord | None:
        instance = self._door.latest("configuration", place)
        return instance.value if instance is not None and isinstance(instance.value, ConfigurationRecord) else None
