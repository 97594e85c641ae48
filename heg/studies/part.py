"""One run of a backtest in a process of its own: the study in on standard input, progress and the run out.

`python -m heg.studies.part NAME`, started by `side_by_side` only. Lines out are JSON: numbers of slots that were
lived, and at the end the run.
"""

import signal
import sys

import msgspec

from heg.studies.backtest import Run, RunName, Study, lived

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
            sys.stdout.write(f"{self._slots}\n")
            sys.stdout.flush()
            self._slots = 0


def main() -> int:
    """Live the run that the arguments name."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the whole command's, which ends us
    study = msgspec.json.decode(sys.stdin.buffer.read(), type=Study)
    run: Run = lived(study, RunName(sys.argv[1]), Told())
    sys.stdout.write(msgspec.json.encode(run).decode() + "\n")
    sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
