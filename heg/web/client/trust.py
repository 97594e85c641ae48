"""Whether a peer is the gateway that was meant: fingerprints of what it shows, and of what is expected. Pure.

The certificate's fingerprint is what consoles and browsers show; the key's stays when the certificate is renewed, so it
is the key that is remembered.
"""

import base64
import binascii
import hashlib
import hmac
import re
from dataclasses import dataclass

_BEFORE_KEY = 5
"""Serial number, signature, issuer, validity and subject stand before the key, and first of all perhaps the version
(RFC 5280, 4.1).
"""
_SEQUENCE, _VERSION = 0x30, 0xA0


@dataclass(frozen=True, slots=True)
class Fingerprints:
    """SHA-256 of a certificate and of its public key, as lower hex digits."""

    certificate: str
    key: str

    @property
    def shown(self) -> str:
        """The certificate's, as consoles and browsers show it."""
        pairs = (self.certificate[at : at + 2] for at in range(0, len(self.certificate), 2))
        return "SHA256:" + ":".join(pairs).upper()

    @property
    def pinned(self) -> str:
        """The key's, as `curl --pinnedpubkey` takes it."""
        return "sha256//" + base64.b64encode(bytes.fromhex(self.key)).decode()


@dataclass(frozen=True, slots=True)
class Pin:
    """One fingerprint that is expected, of the certificate or (`of_key`) of its key."""

    sha256: str
    of_key: bool

    def fits(self, came: Fingerprints) -> bool:
        """Tell whether a peer shows it."""
        return hmac.compare_digest(self.sha256, came.key if self.of_key else came.certificate)


def parse_pin(text: str) -> Pin:
    """Read `SHA256:AB:CD:...` (or bare hex digits) of a certificate, `sha256//...` of a key. Raises ValueError."""
    text = text.strip()
    if text.startswith("sha256//"):
        try:
            found = base64.b64decode(text.removeprefix("sha256//"), validate=True)
        except binascii.Error:
            found = b""
        if len(found) == hashlib.sha256().digest_size:
            return Pin(found.hex(), of_key=True)
    digits = re.sub(r"^sha-?256[:=]", "", text.lower()).replace(":", "").replace(" ", "")
    if re.fullmatch(r"[0-9a-f]{64}", digits):
        return Pin(digits, of_key=False)
    raise ValueError("expected a fingerprint as the gateway shows it, SHA256: and 32 pairs such as AB:CD:...")


def fingerprints_of(der: bytes) -> Fingerprints:
    """Return the fingerprints of a certificate in DER. Raises ValueError for what is none."""
    return Fingerprints(hashlib.sha256(der).hexdigest(), hashlib.sha256(_key_of(der)).hexdigest())


def _key_of(der: bytes) -> bytes:
    """Return SubjectPublicKeyInfo, the header included."""
    _, start, end = _element(der, 0, len(der), _SEQUENCE)
    _, at, end = _element(der, start, end, _SEQUENCE)
    tag, _, behind = _element(der, at, end)
    at = behind if tag == _VERSION else at
    for _ in range(_BEFORE_KEY):
        _, _, at = _element(der, at, end)
    _, _, behind = _element(der, at, end, _SEQUENCE)
    return der[at:behind]


def _element(der: bytes, at: int, end: int, expected: int | None = None) -> tuple[int, int, int]:
    """Return tag, first byte of the content and first byte behind it (X.690, 8.1; short tags, definite lengths)."""
    if at + 2 > end:
        raise ValueError("expected a certificate in DER, it ends too early")
    tag, length, start = der[at], der[at + 1], at + 2
    if length & 0x80:
        size = length & 0x7F
        length, start = int.from_bytes(der[start : start + size], "big"), start + size
    if start + length > end or (expected is not None and tag != expected):
        raise ValueError("expected a certificate in DER")
    return tag, start, start + length
