"""The folder a unit keeps its files in: made, writable, and this process's alone."""

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self


class StateDirError(RuntimeError):
    """The folder cannot be used; the text says why and how to mend it."""


class StateDir:
    """Held as long as the unit runs. The lock is the kernel's: it ends with the process, however that ends."""

    def __init__(self, path: Path, lock_fd: int) -> None:
        self.path = path
        self._lock_fd = lock_fd

    @classmethod
    def open(cls, path: Path) -> Self:
        """Make the folder if it is missing, see that it can be written, and lock it. Raises `StateDirError`."""
        try:
            path.mkdir(mode=0o750, parents=True, exist_ok=True)
            # The folder itself is locked: a full disk has room for no new file, and control must start all the same.
            lock_fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise StateDirError(_unusable(path, error.strerror or str(error))) from error
        try:
            fcntl.flock(lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(lock_fd)
            text = "another gateway works with this folder: stop it, or set another [unit] state_dir"
            raise StateDirError(f"{path}: {text}") from error
        if not os.access(path, os.W_OK | os.X_OK):
            os.close(lock_fd)
            raise StateDirError(_unusable(path, "it is read-only for this user"))
        return cls(path, lock_fd)

    def close(self) -> None:
        """Let another process have the folder; closing twice is allowed."""
        if self._lock_fd >= 0:
            os.close(self._lock_fd)
            self._lock_fd = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _unusable(path: Path, why: str) -> str:
    user = os.getuid()
    return (
        f"{path}: expected a folder that user {user} may write to, but {why}; "
        f"mend it with: chown {user} {path}, or set another [unit] state_dir"
    )
