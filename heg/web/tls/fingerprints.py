"""Fingerprints as people compare them."""

import base64
import hashlib
import re
import ssl

_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----")


def shown(fingerprint: str) -> str:
    """Return a fingerprint as browsers show it: pairs of capital hex digits with colons."""
    return ":".join(fingerprint[at : at + 2] for at in range(0, len(fingerprint), 2)).upper()


def fingerprint_in(bundle: bytes) -> str:
    """Return the fingerprint of a bundle's first certificate. Raises ValueError where there is none."""
    found = _CERTIFICATE.search(bundle)
    if found is None:
        raise ValueError("expected a certificate in PEM (-----BEGIN CERTIFICATE-----)")
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(found[0].decode("ascii"))).hexdigest()


def pinned(key_fingerprint: str) -> str:
    """Return a key's fingerprint as programs pin it, such as `curl --pinnedpubkey`."""
    return "sha256//" + base64.b64encode(bytes.fromhex(key_fingerprint)).decode()
