"""Programs that nobody here wrote, listened to line by line in real time."""

from __future__ import annotations

import contextlib
import queue
import subprocess
import threading
import time
from collections.abc import Iterator
from typing import Any

from tests.support.namespaces import Network


class Talker:
    """A peer that says lines."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: queue.Queue[str] = queue.Queue()
        self.said: list[str] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.put(line.rstrip("\n"))

    def until(self, what: str, within_s: float = 20.0) -> str:
        """The next line with this in it."""
        end_s = time.monotonic() + within_s
        while (left_s := end_s - time.monotonic()) > 0.0:
            with contextlib.suppress(queue.Empty):
                line = self.lines.get(timeout=left_s)
                self.said.append(line)
                if what in line:
                    return line
        raise AssertionError(f"{what!r} never came; said were {self.said}")

    def close(self) -> None:
        self.process.kill()
        self.process.wait(10)
        self._reader.join(10)
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()


@contextlib.contextmanager
def talking(street: Network, *command: object, **how: Any) -> Iterator[Talker]:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
    talker = Talker(street.start(*command, **{**pipes, **how}))
    try:
        yield talker
    finally:
        talker.close()


def pause(real_s: float) -> None:
    """Let real time pass: such a program knows no other."""
    time.sleep(real_s)
