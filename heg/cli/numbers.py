"""Numbers as options: read, held inside a range, refused with what was expected."""

from __future__ import annotations

import argparse
from collections.abc import Callable

_LONGEST = 9


def within(low: float, high: float, expected: str) -> Callable[[str], float]:
    """Return what reads a number from `low` to `high`; `expected` says so to people."""

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"expected {expected}, came {text[:40]!r}")
        return value

    return read


def whole(text: str) -> int:
    """Read a whole number, 0 or more."""
    if not (text.isascii() and text.isdecimal() and len(text) <= _LONGEST):
        raise argparse.ArgumentTypeError(f"expected a whole number, such as 3, came {text[:40]!r}")
    return int(text)


above_zero = within(1e-3, 1e5, "a number above 0, such as 10")
share = within(0.5, 1.0, "a share between 0.5 and 1, such as 0.9")
