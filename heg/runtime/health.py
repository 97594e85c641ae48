"""Health as values: how each supervised task stands, and what that means for the unit."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class TaskState(enum.Enum):
    """Where a supervised task stands in its life."""

    RUNNING = "running"
    RESTARTING = "restarting"
    FINISHED = "finished"
    FAILED = "failed"
    STOPPED = "stopped"
    STUCK = "stuck"


@dataclass(frozen=True, slots=True)
class TaskHealth:
    """One supervised task. `since_s` is the loop time at which it came into this state."""

    name: str
    state: TaskState
    critical: bool
    since_s: float
    failures: int = 0
    restarts: int = 0
    last_error: str = ""

    @property
    def good(self) -> bool:
        """False while the task is down without having been asked to end."""
        return self.state in (TaskState.RUNNING, TaskState.FINISHED, TaskState.STOPPED)


def unit_is_good(tasks: tuple[TaskHealth, ...]) -> bool:
    """Tell whether everything the unit cannot do without is up."""
    return all(task.good for task in tasks if task.critical)
