"""One build of a checkout at a time: they share the folders they work in."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def alone(work: Path) -> Iterator[None]:
    """Wait until no other process builds in `work`, and keep others waiting meanwhile."""
    work.mkdir(parents=True, exist_ok=True)
    with (work / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)  # let go with the descriptor, however the process ends
        yield
