"""The home network's certificate over the API: show; by the owner's password renew, install, remove."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from heg.cli.ends import DONE
from heg.cli.house import House
from heg.cli.login_commands import session
from heg.cli.remote import hosts_of_user, put, shown, understood
from heg.cli.words import say

if TYPE_CHECKING:
    import argparse

    from heg.web.certificate_messages import CertificateNow
    from heg.web.client.gateway import Gateway, Said

_WITHIN_S = 60.0


def certificate(options: argparse.Namespace, bundle: tuple[bytes, bytes] | None) -> int:
    """Do what the options ask for; `bundle` is what is to be installed. Raises `CommandError`."""
    from heg.web.certificate_messages import CertificateNow

    if options.action == "show":
        return shown(options, "/api/v1/certificate", CertificateNow, _lines)

    def asked() -> int:
        with session(options) as mine:  # no token may do it
            said = _ordered(mine, options, bundle)
            _keep(mine, said.message)
            if options.json:
                return put(said.json)
            say(_lines(said.message, House(mine)))
        return DONE

    return understood(asked)


def _ordered(mine: Gateway, options: argparse.Namespace, bundle: tuple[bytes, bytes] | None) -> Said[CertificateNow]:
    from heg.web.certificate_messages import CertificateNow, Install, Renew

    if bundle is not None:
        certificates, key = (one.decode("ascii", "replace") for one in bundle)
        body = Install(certificates=certificates, key=key)
        return mine.post("/api/v1/certificate", CertificateNow, body, within_s=_WITHIN_S)
    if options.action == "renew":
        renew = Renew(new_key=options.new_key)
        return mine.post("/api/v1/certificate/renew", CertificateNow, renew, within_s=_WITHIN_S)
    return mine.post("/api/v1/certificate/remove", CertificateNow, within_s=_WITHIN_S)


def _keep(gateway: Gateway, now: CertificateNow) -> None:
    """Recognise it by its new key from now on: who told of it was recognised by the old one."""
    hosts, address = hosts_of_user(), gateway.line.address
    known = hosts.known(address)
    if address.tls and known.key and now.certificate is not None and known.key != now.certificate.pin:
        hosts.keep_key(address, now.certificate.pin)


def _lines(now: CertificateNow, house: House) -> Iterable[str]:
    one = now.certificate
    if one is None:
        yield now.trouble or "the home network is not let in ([web] host in heg.toml)"
    else:
        yield f"SHA-256   {one.sha256}"
        yield f"key       {one.pin}"
        yield f"names     {', '.join(one.names)}"
        yield f"good      {house.local(one.begin_utc)[:10]} to {house.local(one.end_utc)[:10]}"
        yield f"signed by {one.issuer}" + ("; installed by the owner" if one.own else "")
    yield from (f"open it at {address}" for address in now.addresses)
    yield from (f"note: {note}" for note in now.notes)
    if now.mend:
        yield now.mend
