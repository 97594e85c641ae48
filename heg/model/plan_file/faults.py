"""What is wrong with a file, in the form every error of ours has: where, what came, what was expected."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TypeAlias

MOST_SHOWN = 20
_PLAIN = re.compile(r"[A-Za-z0-9_]+")

Path: TypeAlias = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: the key (such as `ess.capacity_kwh` or `demand_kw[3]`), what came, what was expected."""

    key: str
    came: str
    expected: str

    def __str__(self) -> str:
        came = f" = {self.came}" if self.came else ""
        return f"{self.key}{came}: expected {self.expected}"


class PlanFileError(Exception):
    """The file states no problem; `faults` lists what is wrong with it, each by its key."""

    def __init__(self, *faults: Fault) -> None:
        lines = [str(fault) for fault in faults[:MOST_SHOWN]]
        if len(faults) > MOST_SHOWN:
            lines.append(f"and {len(faults) - MOST_SHOWN} more")
        super().__init__("\n".join(lines))
        self.faults = faults


def key_of(path: Path) -> str:
    """Return the path as people write it: `pev.plugged[3]`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += ("." if text else "") + (part if _PLAIN.fullmatch(part) else shown(part))
    return text


def shown(raw: object) -> str:
    """Return a value as it stands in the file, cut short, without what a terminal would take for an order."""
    text = json.dumps(_head(raw))
    return text if len(text) <= 60 else text[:57] + "..."


def _head(raw: object) -> object:
    """Return as much of a value as is going to be shown."""
    match raw:
        case list():
            return [_head(value) for value in raw[:9]] if len(raw) < 1000 else "a list"
        case dict():
            return {str(key): "..." for key in list(raw)[:9]}
        case str():
            return raw[:100]
        case int() if abs(raw) > 1 << 64:
            return "a very large number"
        case _:
            return raw
