"""Keys and one-time codes: made from the system's randomness, kept only as hashes."""

import hashlib
import secrets
from enum import StrEnum

from heg.runtime.secrets import Secret

_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: no letter that a person takes for another."""
_READ_AS = str.maketrans({"O": "0", "I": "1", "L": "1", "-": None, " ": None})
_CODE_LETTERS = 12
_LONGEST_KEY = 64


class KeyKind(StrEnum):
    """What a key opens; it stands before the key, so that a leaked one can be told for what it is."""

    SESSION = "heg_s_"
    TOKEN = "heg_t_"  # noqa: S105 - a mark
    DEVICE = "heg_d_"


def new_key(kind: KeyKind) -> Secret:
    """Make a key of 256 random bits: what is so long needs no slow hash."""
    return Secret(kind + secrets.token_urlsafe(32))


def new_session_key() -> tuple[Secret, bytes]:
    """Make a session's key, and what it is kept as."""
    key = new_key(KeyKind.SESSION)
    return key, _hash(key.reveal())


def key_hash(kind: KeyKind, key: Secret) -> bytes | None:
    """Return what a key is kept as; None for a text that is no key of this kind."""
    text = key.reveal()
    if not text.startswith(kind) or len(text) > _LONGEST_KEY or not text.isascii():
        return None
    return _hash(text)


def new_code() -> Secret:
    """Make a one-time code of 60 random bits, such as 7K2M-9QXR-4DTH: too many to guess in its half hour."""
    letters = "".join(secrets.choice(_LETTERS) for _ in range(_CODE_LETTERS))
    return Secret("-".join(letters[start : start + 4] for start in range(0, _CODE_LETTERS, 4)))


def code_hash(code: Secret) -> bytes | None:
    """Return what a code is kept as, however it was typed; None for a text that can be no code."""
    if len(code.reveal()) > _LONGEST_KEY:
        return None
    letters = code.reveal().upper().translate(_READ_AS)
    if len(letters) != _CODE_LETTERS or not set(letters) <= set(_LETTERS):
        return None
    return _hash(f"code {letters}")


def _hash(text: str) -> bytes:
    return hashlib.sha256(b"heg accounts 1\0" + text.encode()).digest()
