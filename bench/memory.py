"""What a process has needed of memory."""

from __future__ import annotations

from pathlib import Path


def peak_mib(pid: int | None) -> float:
    """The most MiB that a process had resident so far."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024.0
