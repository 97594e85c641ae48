"""What this process costs its machine, as Linux counts it."""

import os
from dataclasses import dataclass
from pathlib import Path

_STATM = Path("/proc/self/statm")
_IO = Path("/proc/self/io")


@dataclass(frozen=True, slots=True)
class ProcessFigures:
    """Resident memory in MiB and bytes sent towards the disk since the start; None where the machine does not say."""

    resident_mib: float | None
    bytes_written: int | None


def measure() -> ProcessFigures:
    """Read both now."""
    return ProcessFigures(_resident_mib(), _bytes_written())


def _resident_mib() -> float | None:
    try:
        pages = int(_STATM.read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def _bytes_written() -> int | None:
    try:
        for line in _IO.read_text().splitlines():
            name, _, figure = line.partition(":")
            if name == "write_bytes":
                return int(figure)
    except (OSError, ValueError):
        return None
    return None
