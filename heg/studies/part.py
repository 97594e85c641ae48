"""A part of a backtest in a process of its own, started by `side_by_side` only: one run, or the forecasts for one.

`python -m heg.studies.part NAME` has the study as the first line of its standard input. A run says in JSON lines how
many slots were lived, and at last the run. `expected` says the study again and then what is expected at each slot, and
the run `ebr` is given just that: forecasts do not wait for what the battery does.
"""

import signal
import sys
from collections.abc import Sequence
from typing import BinaryIO, TypeAlias

import msgspec

from heg.studies.backtest import RunName, Study, expected, lived
from heg.studies.closed_loop import Foresight

EXPECTED = "expected"
STARVED = 3
"""How a run ends whose forecasts ended before: what is wrong is said there."""

TOLD_SLOTS = 20
"""So many slots are told of at once."""


class Told:
    """Collects what a run tells of its progress into lines."""

    def __init__(self) -> None:
        self._slots = 0

    def __call__(self, slots: int) -> None:
        """Take note of so many more slots."""
        self._slots += slots
        if self._slots >= TOLD_SLOTS:
            self.tell()

    def tell(self) -> None:
        """Write how many slots there were since the last time."""
        sys.stdout.write(f"{self._slots}\n")
        sys.stdout.flush()
        self._slots = 0


_Series: TypeAlias = Sequence[float]
_Seen: TypeAlias = tuple[int, _Series, _Series]


def tell_expected(study: Study, out: BinaryIO) -> None:
    """Write what our forecasts say at the start of each slot: its number, demand and production, a line each."""
    foresight = expected(study)
    for slot in study.span:
        seen: _Seen = (slot, *foresight(slot, min(study.horizon, study.recording.slots - slot)))
        out.write(msgspec.json.encode(seen) + b"\n")


def read_expected(lines: BinaryIO) -> Foresight:
    """Return what `tell_expected` wrote, to be asked for slot by slot. Raises `EOFError` where it ends too early."""
    decoder = msgspec.json.Decoder(_Seen)

    def foresight(first: int, count: int) -> tuple[_Series, _Series]:
        line = lines.readline()
        if not line.endswith(b"\n"):
            raise EOFError(f"expected forecasts at slot {first}, came the end")
        slot, demand_kw, production_kw = decoder.decode(line)
        if (slot, len(demand_kw), len(production_kw)) != (first, count, count):
            raise ValueError(f"expected forecasts of {count} slots from {first} on, came {len(demand_kw)} from {slot}")
        return demand_kw, production_kw

    return foresight


def main() -> int:
    """Do the part that the arguments name."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the whole command's, which ends us
    name, lines, out = sys.argv[1], sys.stdin.buffer, sys.stdout.buffer
    if not (asked := lines.readline()):
        return STARVED
    study = msgspec.json.decode(asked, type=Study)
    if name == EXPECTED:
        out.write(asked)
        tell_expected(study, out)
    else:
        told = Told()
        try:
            run = lived(study, RunName(name), told, foresight=read_expected(lines))
        except EOFError:
            return STARVED
        told.tell()
        sys.stdout.write(msgspec.json.encode(run).decode() + "\n")
    sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
