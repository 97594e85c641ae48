"""What can be set about the store: its place, how often it is flushed, how long what is kept, how large it grows."""

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from heg.data.store.rollups import Level

_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Retention:
    """How long each resolution is kept, None for ever; `records` is commands, evidence, configuration and alarms."""

    raw: timedelta | None = timedelta(days=14)
    minute: timedelta | None = timedelta(days=90)
    quarter: timedelta | None = timedelta(days=3 * 366)
    hour: timedelta | None = timedelta(days=10 * 366)
    day: timedelta | None = None
    records: timedelta | None = timedelta(days=3 * 366)

    def of_level(self, level: Level) -> timedelta | None:
        """How long roll-ups of a level are kept."""
        return (self.minute, self.quarter, self.hour, self.day)[level]


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """`flush_s` is also what a power cut may cost. The sizes bound file, write-ahead log and memory.

    `reserve_bytes` of the disk are held for the day it is full: twice the log. `page_bytes` and `checkpoint_pages` are
    tuned for bytes written to flash (see `bench/bench_store.py`).
    """

    path: Path
    flush_s: float = 60.0
    retention: Retention = field(default_factory=Retention)
    max_file_bytes: int = 1024 * _MIB
    max_pending_bytes: int = 8 * _MIB
    max_tail_rows: int = 100_000
    page_bytes: int = 1024
    checkpoint_pages: int = 1000
    reserve_bytes: int = 2 * _MIB
    upkeep_every_s: float = 3600.0
