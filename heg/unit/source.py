"""The configuration's file while the unit runs: read, written and looked at off the loop's thread."""

import asyncio
import hashlib
from collections.abc import Mapping
from pathlib import Path

from heg.config.faults import ConfigFault
from heg.config.file import replace_text
from heg.config.last import IN_FORCE
from heg.config.reader import ConfigError, DriverSection, LoadedConfig, parse, read_text

_Stamp = tuple[int, int, int]


class Source:
    """One file. `drivers` are those that are installed; `look_every_s` is between two looks for changes by hand."""

    def __init__(
        self, path: Path, drivers: Mapping[str, DriverSection], state_dir: Path, look_every_s: float = 2.0
    ) -> None:
        self.path = path
        self.look_every_s = look_every_s
        self._drivers = drivers
        self._copy = state_dir / IN_FORCE
        self._seen: _Stamp | None = None
        self._coming: _Stamp | None = None

    def parse(self, text: str) -> LoadedConfig:
        """Validate a text. Raises `ConfigError`."""
        return parse(text, self._drivers, self.path)

    async def read(self) -> str:
        """Return what the file says. Raises `ConfigError`."""
        return await asyncio.to_thread(read_text, self.path)

    async def write(self, text: str) -> None:
        """Put a text in its place. Raises `OSError`."""
        await asyncio.to_thread(replace_text, self.path, text)
        self._seen = self._coming = await asyncio.to_thread(_stamp, self.path)

    async def keep(self, text: str) -> None:
        """Keep a copy of what came into force. Raises `OSError`."""

        def differing() -> None:
            try:
                if self._copy.read_bytes() == text.encode():
                    return
            except OSError:
                pass
            replace_text(self._copy, text)

        await asyncio.to_thread(differing)

    async def changed(self, *, at_once: bool = False) -> bool:
        """Tell whether somebody has written the file; a pen that still moves is waited for unless `at_once`."""
        now = await asyncio.to_thread(_stamp, self.path)
        settled = now == self._coming
        self._coming = now
        if (now == self._seen and not at_once) or not (settled or at_once):
            return False
        self._seen = now
        return True


def digest_of(text: str) -> str:
    """Return what tells one text from another."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def faults_of(error: ConfigError) -> list[dict[str, object]]:
    """Return faults as plain values, for an answer."""
    return [_plain(fault) for fault in error.faults]


def _plain(fault: ConfigFault) -> dict[str, object]:
    return {"where": fault.where, "came": fault.came, "expected": fault.expected}


def _stamp(path: Path) -> _Stamp | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
