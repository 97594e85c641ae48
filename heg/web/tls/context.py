"""What TLS is spoken: by Python's `ssl`, versions 1.2 and 1.3, forward secrecy and authenticated ciphers only."""

import ssl
from collections.abc import Callable
from pathlib import Path

_CIPHERS_1_2 = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""Of TLS 1.2; those of 1.3 are all good. Phones of the last ten years speak one of them."""


def context_for(bundle: Path) -> ssl.SSLContext:
    """Return a context that shows this bundle. Raises OSError (`ssl.SSLError` is one) where it cannot be used."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_CIPHERS_1_2)
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION | ssl.OP_CIPHER_SERVER_PREFERENCE
    context.set_alpn_protocols(["http/1.1"])
    # An encrypted key is refused, not asked about on the terminal that the gateway was started from.
    context.load_cert_chain(bundle, password=b"")
    return context


def following(newest: Callable[[], ssl.SSLContext], first: ssl.SSLContext) -> ssl.SSLContext:
    """Let each new handshake on the context `first` show what the newest one shows; whoever is connected stays so.

    The certificate is exchanged by changing contexts, because one context keeps one certificate of each kind of key:
    an RSA pair loaded into it would stand beside the old one of ECDSA.
    """

    def choose(connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        connection.context = newest()

    first.sni_callback = choose
    return first
