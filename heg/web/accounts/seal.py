"""What is kept beside the accounts file: the unit's audit key, and the sealed head of the chain.

The head tells a file that was cut, replaced or deleted. It also tells that the gateway was claimed, so that losing the
file never opens the claim again. It is replaced whole, after each commit: it may lag behind the file, never lead it.
"""

import fcntl
import hmac
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from heg.runtime.files import replace_durably
from heg.web.accounts.chain import GENESIS, Head, seal

_KEY_BYTES = 32
_LARGEST_BYTES = 4096


class SealError(Exception):
    """Key or sealed head are missing or not what this unit wrote."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """Where the chain began (what came before was let go), how far it has come, and whether there was a claim."""

    base: Head
    head: Head
    claimed: bool


EMPTY = Sealed(GENESIS, GENESIS, claimed=False)


class SealedHead:
    """The two files `accounts.key` and `accounts.head` in a folder, both for this user alone."""

    def __init__(self, folder: Path) -> None:
        self._key_path = folder / "accounts.key"
        self._head_path = folder / "accounts.head"

    @property
    def exists(self) -> bool:
        """True once anything was kept here."""
        return self._key_path.exists() or self._head_path.exists()

    def begin(self) -> bytes:
        """Make key and head for a unit that has neither, and return the key."""
        key = secrets.token_bytes(_KEY_BYTES)
        replace_durably(self._key_path, key)
        self.write(EMPTY, key)
        return key

    def key(self) -> bytes:
        """Return the key. Raises `SealError`."""
        found = _read(self._key_path)
        if len(found) != _KEY_BYTES:
            raise SealError(f"{self._key_path.name}: expected {_KEY_BYTES} bytes, came {len(found)}")
        return found

    def read(self, key: bytes) -> Sealed:
        """Return what was sealed last. Raises `SealError`."""
        body, _, mark = _read(self._head_path).rstrip(b"\n").partition(b" ")
        if not hmac.compare_digest(seal(key, body).hex().encode(), mark):
            raise SealError(f"{self._head_path.name}: expected the head this unit sealed")
        base_seq, base, seq, head, claimed = json.loads(body)
        return Sealed(Head(base_seq, bytes.fromhex(base)), Head(seq, bytes.fromhex(head)), claimed)

    def write(self, sealed: Sealed, key: bytes) -> None:
        """Replace the head, durably."""
        kept = [sealed.base.seq, sealed.base.hash.hex(), sealed.head.seq, sealed.head.hash.hex(), sealed.claimed]
        body = json.dumps(kept, separators=(",", ":")).encode()
        replace_durably(self._head_path, body + b" " + seal(key, body).hex().encode() + b"\n")

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other processes (the console's commands) out while file and head change together."""
        lock = os.open(self._key_path.with_name("accounts.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_LARGEST_BYTES)
    except FileNotFoundError as error:
        raise SealError(f"{path.name} is missing") from error
