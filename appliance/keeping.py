"""What an appliance keeps on disk: its UUID, its registrations and its cycle, each file replaced whole."""

import asyncio
import contextlib
import fcntl
import logging
import os
from datetime import datetime
from pathlib import Path
from uuid import UUID, uuid4, uuid5

import msgspec

from appliance.model import Kept
from heg.runtime.files import replace_durably

logger = logging.getLogger(__name__)

LARGEST_FILE_BYTES = 262_144
_STARTS_OF_A_RUN = 256
_NAMESPACE = UUID("6b1f6f0e-7f8a-4c55-9d0e-2f6f0c1d9a37")
"""Of ours, so that nobody learns the machine's own id from the UUID."""


class KeepError(RuntimeError):
    """The folder cannot be used; the text says why and how to mend it."""


class Folder:
    """The state folder, one process's alone (the lock is the kernel's)."""

    def __init__(self, path: Path, lock: int) -> None:
        self._path = path
        self._lock = lock

    @classmethod
    def open(cls, path: Path) -> "Folder":
        """Make it if it is missing. Raises `KeepError`."""
        try:
            path.mkdir(mode=0o750, parents=True, exist_ok=True)
        except OSError as error:
            raise KeepError(_unusable(path, error.strerror or str(error))) from error
        if not os.access(path, os.W_OK | os.X_OK):
            raise KeepError(_unusable(path, "it is read-only for this user"))
        lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(lock)
            text = "another heg-appliance works with this folder: stop it, or set another state_dir"
            raise KeepError(f"{path}: {text}") from error
        return cls(path, lock)

    def close(self) -> None:
        """Let another process have it; closing twice is allowed."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def uuid(self, machine_id: str) -> str:
        """Return the UUID, made at the first start and kept; it stays when names and addresses change."""
        file = self._path / "uuid"
        try:
            return str(UUID(file.read_text(encoding="ascii").strip()))
        except FileNotFoundError:
            pass
        except (OSError, ValueError) as error:
            raise KeepError(
                f"{file}: expected a UUID, or no such file; mend it, or remove it to be another: {error}"
            ) from error
        made = str(uuid5(_NAMESPACE, f"{machine_id} {self._path}") if machine_id else uuid4())
        replace_durably(file, f"{made}\n".encode())
        return made

    def boot(self, now: datetime) -> int:
        """Return a number of this run, larger than those of runs before, also where the clock begins in the past anew.

        It has room for as many starts on the network as a run may have.
        """
        file, last = self._path / "boot", 0
        with contextlib.suppress(OSError, ValueError):
            last = int(file.read_text(encoding="ascii"))
        number = max(last + _STARTS_OF_A_RUN, int(now.timestamp())) % 2**31
        try:
            replace_durably(file, f"{number}\n".encode())
        except OSError as error:
            logger.warning("%s: the next run may look like this one to its subscribers: %s", file, error)
        return number

    def kept(self) -> Kept:
        """Read what outlived the last run; a damaged file is put aside and said. Raises `KeepError`."""
        file = self._path / "kept.json"
        try:
            if file.stat().st_size > LARGEST_FILE_BYTES:
                raise ValueError(f"expected at most {LARGEST_FILE_BYTES} bytes")
            return msgspec.json.decode(file.read_bytes(), type=Kept)
        except FileNotFoundError:
            return Kept()
        except OSError as error:
            text = f"expected a file that user {os.getuid()} may read; mend it, or remove it to begin without: {error}"
            raise KeepError(f"{file}: {text}") from error
        except ValueError as error:
            aside = file.with_suffix(".damaged")
            logger.error("%s: its registrations are lost, the file is kept as %s: %s", file, aside.name, error)
            file.replace(aside)
            return Kept()

    async def keep(self, kept: Kept) -> None:
        """Put it on disk; who asks does so for one at a time. Raises OSError."""
        work = asyncio.to_thread(replace_durably, self._path / "kept.json", msgspec.json.encode(kept))
        writing = asyncio.ensure_future(work)
        try:
            await asyncio.shield(writing)
        except asyncio.CancelledError:
            await asyncio.wait([writing])  # a thread cannot be ended, and the next one would write into its file
            raise


def machine_id() -> str:
    """Read this machine's own id; empty where it has none."""
    try:
        return Path("/etc/machine-id").read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""


def _unusable(path: Path, why: str) -> str:
    return (
        f"{path}: expected a folder that user {os.getuid()} may write to, but {why}; "
        f"make it one (install -d -o {os.getuid()} {path}), or set another state_dir"
    )
