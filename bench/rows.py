"""What a benchmark hands back, and how it becomes a table and a file."""

from __future__ import annotations

import math
import platform
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Row:
    """One figure. `limit` is what the project promises (`at_most` tells its side), `baseline` what to compare to."""

    name: str
    value: float
    unit: str
    note: str = ""
    limit: float | None = None
    at_most: bool = True
    baseline: float | None = None

    @property
    def kept(self) -> bool | None:
        """True or False where there is a promise, else None."""
        if self.limit is None:
            return None
        return self.value <= self.limit if self.at_most else self.value >= self.limit

    @property
    def ratio(self) -> float | None:
        """The figure over its baseline, None where there is none."""
        return self.value / self.baseline if self.baseline else None


def median_s(work: Callable[[], object], *, repeat: int = 5) -> float:
    """Run `work` a few times; the median of real seconds it took."""
    spans = []
    for _ in range(repeat):
        begun_s = time.perf_counter()
        work()
        spans.append(time.perf_counter() - begun_s)
    return statistics.median(spans)


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` (0-1) of all values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def table(rows: Iterable[Row]) -> str:
    """Rows as text, one line each."""
    cells = [("measured", "value", "unit", "promise", "x baseline", "note")]
    cells += [(row.name, _figure(row.value), row.unit, _promise(row), _ratio(row), row.note) for row in rows]
    widths = [max(len(line[column]) for line in cells) for column in range(5)]
    return "\n".join(
        "  ".join(
            (
                line[0].ljust(widths[0]),
                line[1].rjust(widths[1]),
                *(line[column].ljust(widths[column]) for column in (2, 3, 4)),
                line[5],
            )
        ).rstrip()
        for line in cells
    )


def as_document(rows: Iterable[Row]) -> dict[str, Any]:
    """Rows with date, machine and Python, ready for JSON."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "python": platform.python_version(),
        "rows": [asdict(row) | {"kept": row.kept, "ratio": row.ratio} for row in rows],
    }


def machine() -> str:
    """Processor, cores and system."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = info.read_text().splitlines()
        names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
        model = f"{names[0]}, {len(names)} cores" if names else model
    return f"{model}, {platform.system()} {platform.machine()}"


def _figure(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _promise(row: Row) -> str:
    if row.limit is None:
        return ""
    return f"{'<=' if row.at_most else '>='} {row.limit:g} {'kept' if row.kept else 'BROKEN'}"


def _ratio(row: Row) -> str:
    return "" if row.ratio is None else f"{row.ratio:.2f}"
