"""The messages of the home network's certificate."""

from typing import Annotated

from msgspec import Meta

from heg.web.endpoint import Asked
from heg.web.messages import Message
from heg.web.tls.requests import LARGEST_BUNDLE_BYTES

Pem = Annotated[str, Meta(max_length=LARGEST_BUNDLE_BYTES, description="PEM text")]


class CertificateInfo(Message, frozen=True):
    """A certificate. `sha256` is what browsers show of it, `pin` its key as programs pin it; `own`: the owner's own."""

    sha256: str
    pin: str
    names: tuple[str, ...]
    issuer: str
    begin_utc: str
    end_utc: str
    own: bool


class CertificateNow(Message, frozen=True):
    """What the home network is shown, and by which addresses; null where it is not let in, or `trouble` says why to
    whoever is logged in.

    `notes` tell what will not be as whoever installed it may expect.
    """

    certificate: CertificateInfo | None
    addresses: tuple[str, ...] = ()
    trouble: str = ""
    mend: str = ""
    notes: tuple[str, ...] = ()


class Install(Asked, frozen=True):
    """A certificate with those of its issuers behind it, and its private key without a passphrase."""

    certificates: Pem
    key: Pem


class Renew(Asked, frozen=True):
    """That the unit's own is to be made anew. `new_key`: a new identity, every fingerprint that was noted is void."""

    new_key: bool = False
