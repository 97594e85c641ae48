"""Passwords: argon2id (RFC 9106) through argon2-cffi, with parameters that a Raspberry Pi can bear.

The 46 MiB are above the 32 MiB up to which the C library keeps freed memory for itself, so that the buffer of a hash
is given back at once; a smaller one with more rounds would stay in the process for good (docs/decisions.md).
"""

import base64
import re
import secrets
import unicodedata
from dataclasses import dataclass

from heg.runtime.secrets import Secret

SHORTEST = 10
LONGEST = 256
_SALT_BYTES = 16
_HASH_BYTES = 32
_ENCODED = re.compile(r"\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,2}),p=(\d)\$[A-Za-z0-9+/]{11,86}\$[A-Za-z0-9+/]{16,86}")
_COMMON = frozenset(
    {
        "0123456789",
        "0987654321",
        "0987654321a",
        "1234567890",
        "12345678910",
        "1q2w3e4r5t",
        "1qaz2wsx3edc",
        "abcd123456",
        "abcdefghij",
        "adminadmin",
        "administrator",
        "changeme123",
        "homeassistant",
        "iloveyou123",
        "letmein123",
        "passw0rd123",
        "password12",
        "password123",
        "password1234",
        "passwordpassword",
        "qwerty12345",
        "qwertyuiop",
        "qwertyuiop123",
        "raspberry123",
        "raspberrypi",
        "welcome123",
    }
)
"""Of those that are long enough, what is tried first."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one hash costs: KiB of memory, passes over it. One lane, for one core of a small machine."""

    memory_kib: int = 47_104
    passes: int = 2


class Passwords:
    """Hashes and checks; each call takes its cost in time and memory, so callers make one at a time."""

    def __init__(self, cost: Cost | None = None) -> None:
        self._cost = cost if cost is not None else Cost()
        # Checked for names nobody has: the same work, never a match.
        self.nobodys = self._encoded(secrets.token_bytes(_SALT_BYTES), secrets.token_bytes(_HASH_BYTES))

    def hash(self, password: Secret) -> str:
        """Return a password's encoded hash, with a salt of its own."""
        from argon2.low_level import Type, hash_secret_raw

        salt = secrets.token_bytes(_SALT_BYTES)
        raw = hash_secret_raw(
            _bytes(password),
            salt,
            time_cost=self._cost.passes,
            memory_cost=self._cost.memory_kib,
            parallelism=1,
            hash_len=_HASH_BYTES,
            type=Type.ID,
        )
        return self._encoded(salt, raw)

    def matches(self, encoded: str, password: Secret) -> bool:
        """Tell whether a password is the one; never raises, and never spends more than a sane hash asks for."""
        from argon2.exceptions import Argon2Error
        from argon2.low_level import Type, verify_secret

        if not _sane(encoded):
            encoded, sane = self.nobodys, False
        else:
            sane = True
        try:
            return verify_secret(encoded.encode(), _bytes(password), Type.ID) and sane
        except Argon2Error:
            return False

    def outdated(self, encoded: str) -> bool:
        """Tell whether a hash was made at another cost than today's."""
        return not encoded.startswith(self._head())

    def _head(self) -> str:
        return f"$argon2id$v=19$m={self._cost.memory_kib},t={self._cost.passes},p=1$"

    def _encoded(self, salt: bytes, raw: bytes) -> str:
        return f"{self._head()}{_b64(salt)}${_b64(raw)}"


def weakness(password: Secret, name: str) -> str | None:
    """Return what a new password lacks, None when it will do (NIST SP 800-63B: length, not ornament)."""
    text = unicodedata.normalize("NFC", password.reveal())
    plain = text.casefold()
    if not SHORTEST <= len(text) <= LONGEST:
        return f"{SHORTEST} to {LONGEST} characters"
    if len(set(plain)) < 5:
        return "at least 5 different characters"
    if plain in _COMMON or plain.strip("0123456789!.-_ ") in {name.casefold(), "password", "heg"}:
        return "a password that is not the first one others would try"
    return None


def _bytes(password: Secret) -> bytes:
    return unicodedata.normalize("NFC", password.reveal()[:LONGEST]).encode("utf-8", "surrogatepass")


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode().rstrip("=")


def _sane(encoded: str) -> bool:
    found = _ENCODED.fullmatch(encoded)
    return found is not None and 8 <= int(found[1]) <= 131_072 and 1 <= int(found[2]) <= 10 and found[3] == "1"
