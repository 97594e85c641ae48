"""Real time for blocking work outside an event loop, such as a command that asks a gateway. Import-light."""

import time


class Deadline:
    """Runs from its making. Whoever waits in small steps asks how much is left, so that their sum has an end."""

    def __init__(self, seconds: float) -> None:
        self._until_s = time.monotonic() + seconds

    def left_s(self) -> float:
        """Return the seconds left, above zero. Raises `TimeoutError` when there are none."""
        left_s = self._until_s - time.monotonic()
        if left_s <= 0:
            raise TimeoutError("it took too long")
        return left_s

    def renew(self, seconds: float) -> None:
        """Begin anew, for what goes on as long as something comes."""
        self._until_s = time.monotonic() + seconds


def pause(seconds: float) -> None:
    """Wait, before something is tried again."""
    time.sleep(seconds)
