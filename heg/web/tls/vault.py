"""The files of the unit's certificates, for its user alone. What is lost or damaged is never replaced by itself.

`device.pem` is the unit's own, `owner.pem` what its owner installed, which goes first: each a private key with its
certificates in one file, so that both change at once. `device.key.sha256` says which key is the unit's: where it
stands, a missing `device.pem` was lost and is not one that was never made.
"""

import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from heg.runtime.files import replace_durably, sync_folder
from heg.web.tls.requests import LARGEST_BUNDLE_BYTES

logger = logging.getLogger(__name__)

FOLDER = "tls"
Stamp = tuple[tuple[str, int, int, int], ...]


LOST = "put the file back from a backup, or accept a new identity: heg certificate renew --new-key"
OWNERS_LOST = "install it again: heg certificate install CERT KEY; or take the unit's own: heg certificate remove"
OWNERS_ENDS = "install its successor: heg certificate install CERT KEY; or take the unit's own: heg certificate remove"


class VaultError(Exception):
    """A file cannot be read, or is not what this unit made; the text says which and what was expected."""

    def __init__(self, text: str, mend: str) -> None:
        super().__init__(text)
        self.mend = mend


@dataclass(frozen=True, slots=True)
class Vault:
    """The folder `tls` of a unit's state folder. Blocking: the files are small."""

    state_dir: Path

    @property
    def folder(self) -> Path:
        """Where the files are."""
        return self.state_dir / FOLDER

    @property
    def device(self) -> Path:
        """The unit's own key and certificate."""
        return self.folder / "device.pem"

    @property
    def owner(self) -> Path:
        """What the owner installed."""
        return self.folder / "owner.pem"

    @property
    def marker(self) -> Path:
        """Which key is the unit's own."""
        return self.folder / "device.key.sha256"

    @property
    def lacks(self) -> bool:
        """True where the unit's own is to be shown and was never made."""
        return not any(path.exists() for path in (self.device, self.owner, self.marker))

    @property
    def shown(self) -> Path:
        """The file that is shown to the home network."""
        return self.owner if self.owner.exists() else self.device

    def read(self, path: Path) -> bytes:
        """Return a bundle. Raises `VaultError`."""
        mend = OWNERS_LOST if path == self.owner else LOST
        try:
            with path.open("rb") as file:
                mode = os.fstat(file.fileno()).st_mode
                if mode & 0o077:
                    logger.warning("%s could be read by others than the gateway; it no longer can", path)
                    os.fchmod(file.fileno(), 0o600)
                bundle = file.read(LARGEST_BUNDLE_BYTES + 1)
        except FileNotFoundError as error:
            raise VaultError(f"{path} is missing", mend) from error
        except OSError as error:
            raise VaultError(f"{path}: {error.strerror or error}", mend) from error
        if len(bundle) > LARGEST_BUNDLE_BYTES:
            raise VaultError(f"{path}: expected at most {LARGEST_BUNDLE_BYTES} bytes", mend)
        return bundle

    def demand_own(self, key_fingerprint: str) -> None:
        """See that a key is the one this unit made; it is noted where it was not. Raises `VaultError`, OSError."""
        try:
            noted = self.marker.read_bytes()[:256].decode("ascii", "replace").strip()
        except FileNotFoundError:
            replace_durably(self.marker, key_fingerprint.encode() + b"\n")
            return
        if noted != key_fingerprint:
            raise VaultError(f"{self.device}: expected the key {noted[:64]}, which this unit made", LOST)

    def keep_device(self, bundle: bytes, key_fingerprint: str) -> None:
        """Put the unit's own bundle in its place, durably. Raises OSError."""
        self._make_folder()
        replace_durably(self.device, bundle)
        replace_durably(self.marker, key_fingerprint.encode() + b"\n")

    def keep_owners(self, bundle: bytes) -> None:
        """Put what the owner brings in its place, durably. Raises OSError."""
        self._make_folder()
        replace_durably(self.owner, bundle)

    def drop_owners(self) -> bool:
        """Take the owner's away again; False when there is none. Raises OSError."""
        if not self.owner.exists():
            return False
        self.owner.unlink()
        sync_folder(self.folder)
        return True

    def stamp(self) -> Stamp:
        """Return what changes when another command changes a file."""
        found = []
        for path in (self.device, self.owner, self.marker):
            try:
                status = path.stat()
            except OSError:
                continue
            found.append((path.name, status.st_ino, status.st_size, status.st_mtime_ns))
        return tuple(found)

    @contextmanager
    def alone(self, *, wait: bool = True) -> Iterator[None]:
        """Keep others (the console's commands) out while files change. Raises OSError, at once unless `wait`."""
        self._make_folder()
        lock = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        finally:
            os.close(lock)

    def _make_folder(self) -> None:
        self.folder.mkdir(mode=0o700, exist_ok=True)
