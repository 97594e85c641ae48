"""How far a long command is, on standard error: a bar that moves on a terminal, a line each tenth elsewhere."""

from __future__ import annotations

import sys
from typing import Self

_WIDTH = 40


class Bar:
    """Counts towards `whole`."""

    def __init__(self, what: str, whole: int) -> None:
        self._what, self._whole = what, max(1, whole)
        self._done = 0
        self._shown = -1
        self._terminal = sys.stderr.isatty()

    def __enter__(self) -> Self:
        self.more(0)
        return self

    def __exit__(self, *_why: object) -> None:
        if self._terminal:
            print(file=sys.stderr)

    def more(self, count: int) -> None:
        """Take note of so much more that is done."""
        self._done = min(self._whole, self._done + count)
        percent = 100 * self._done // self._whole
        step = percent if self._terminal else percent // 10 * 10
        if step == self._shown:
            return
        self._shown = step
        if self._terminal:
            full = _WIDTH * percent // 100
            bar = "#" * full + "." * (_WIDTH - full)
            print(f"\r{self._what} [{bar}] {percent:3d} %", end="", file=sys.stderr, flush=True)
        else:
            print(f"{self._what}: {step} %", file=sys.stderr, flush=True)
