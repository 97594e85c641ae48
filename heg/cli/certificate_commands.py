"""Commands of the console on the home network's certificate: fingerprint; certificate show, renew, install, remove.

They work beside a running gateway, which shows what changed to whoever comes some seconds later, and without one. With
a `--host`, the certificate is asked for over the API.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from heg.cli.common import default_config, drivers, load_config, with_config, with_json
from heg.cli.console import as_owner_of, folder_of
from heg.cli.ends import DONE, FAILED, CommandError
from heg.cli.login_commands import with_password
from heg.cli.remote import names_host, remote

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from heg.cli.parser import Add
    from heg.config.reader import LoadedConfig
    from heg.model.records import CertificateRecord
    from heg.runtime.clock import Clock
    from heg.web.tls.certificates import Certificates

    Work = Callable[[Certificates, Clock], Awaitable[CertificateRecord]]

_NONE_YET = "there is no certificate yet: it is made when the gateway starts with [web] host other than loopback"


def add_to(add: Add) -> None:
    """Add the commands."""
    with_json(
        with_config(add("fingerprint", _fingerprint, "print what a browser must show of the gateway's certificate"))
    )
    whole = add("certificate", _certificate, "the certificate that the home network is shown")
    actions = whole.add_subparsers(dest="action", required=True, metavar="ACTION")
    said = {
        "show": "its fingerprints, names and end",
        "renew": "make the unit's own anew, with today's names and the key it has",
        "install": "show one of yours in its place",
        "remove": "show the unit's own again",
    }
    parsers = {name: remote(actions.add_parser(name, help=text, description=text)) for name, text in said.items()}
    for name in ("renew", "install", "remove"):
        with_password(parsers[name])
    parsers["renew"].add_argument(
        "--new-key", action="store_true", help="a new identity: every fingerprint that was noted is void"
    )
    install = parsers["install"]
    install.add_argument("certificate", type=Path, metavar="CERT", help="PEM, the gateway's first; -: standard input")
    install.add_argument("key", type=Path, nargs="?", metavar="KEY", help="its private key, where CERT has it not")


def _fingerprint(options: argparse.Namespace) -> int:
    from heg.web.tls.fingerprints import shown

    found = shown_fingerprint(load_config(options.config, drivers()))
    if found is None:
        raise CommandError(FAILED, f"heg fingerprint: {_NONE_YET}")
    print(json.dumps({"sha256": found}) if options.json else shown(found))
    return DONE


def shown_fingerprint(loaded: LoadedConfig) -> str | None:
    """Return the fingerprint of what the home network is shown; None where there is none. Raises `CommandError`."""
    from heg.web.tls.fingerprints import fingerprint_in
    from heg.web.tls.vault import Vault, VaultError

    with as_owner_of(folder_of(loaded)) as folder:
        vault = Vault(folder)
        if vault.lacks:
            return None
        try:
            return fingerprint_in(vault.read(vault.shown))
        except VaultError as error:
            raise CommandError(FAILED, f"{error}; {error.mend}") from error
        except ValueError as error:
            raise CommandError(FAILED, f"{vault.shown}: {error}") from error


def known_fingerprint(loaded: LoadedConfig) -> str | None:
    """Return the same, and None also where its file cannot be read: an alarm of the running gateway says why."""
    try:
        return shown_fingerprint(loaded)
    except CommandError:
        return None


def _certificate(options: argparse.Namespace) -> int:
    if names_host(options):
        from heg.cli.certificate_remote import certificate

        return certificate(options, _bundle(options) if options.action == "install" else None)
    return _tell(options, _worked(options, _work_of(options)))


def _work_of(options: argparse.Namespace) -> Work:
    if options.action == "install":
        return _install(options)
    if options.action == "remove":
        return _remove
    if options.action == "renew":
        return _renew_with_new_key if options.new_key else _renew
    return _show


async def _show(certificates: Certificates, _clock: Clock) -> CertificateRecord:
    if certificates.vault.lacks:
        raise CommandError(FAILED, f"heg certificate show: {_NONE_YET}")
    return await certificates.shown()


async def _renew(certificates: Certificates, clock: Clock) -> CertificateRecord:
    return await certificates.renew(clock.utc())


async def _renew_with_new_key(certificates: Certificates, clock: Clock) -> CertificateRecord:
    return await certificates.make(clock.utc())


async def _remove(certificates: Certificates, clock: Clock) -> CertificateRecord:
    if not await certificates.remove():
        raise CommandError(FAILED, "heg certificate remove: nothing is installed; the unit's own is shown")
    if certificates.vault.lacks:
        return await certificates.make(clock.utc())
    return await certificates.shown()


def _bundle(options: argparse.Namespace) -> tuple[bytes, bytes]:
    """Return certificates and key. Raises `CommandError`."""
    from heg.web.tls.requests import LARGEST_BUNDLE_BYTES

    def read(path: Path) -> bytes:
        if str(path) == "-":
            return sys.stdin.buffer.read(LARGEST_BUNDLE_BYTES + 1)
        try:
            with path.open("rb") as file:
                return file.read(LARGEST_BUNDLE_BYTES + 1)
        except OSError as error:
            raise CommandError(FAILED, f"{path}: {error.strerror or error}") from error

    certificate = read(options.certificate)
    return certificate, certificate if options.key is None else read(options.key)


def _install(options: argparse.Namespace) -> Work:
    # Before root becomes the gateway's user, who may not read them.
    certificate, key = _bundle(options)

    async def install(certificates: Certificates, clock: Clock) -> CertificateRecord:
        installed = await certificates.install(certificate, key, clock.utc())
        if not options.json:
            print("\n".join(f"note: {one}" for one in installed.warnings), end="\n" if installed.warnings else "")
        return installed.record

    return install


def _worked(options: argparse.Namespace, work: Work) -> CertificateRecord:
    from heg.cli.unit_commands import timing_of
    from heg.runtime.loops import run
    from heg.web.tls.certificates import Certificates
    from heg.web.tls.machine import Machine
    from heg.web.tls.maker import answer
    from heg.web.tls.requests import Answer, Ask, BundleError
    from heg.web.tls.vault import Vault, VaultError

    loaded = load_config(options.config or default_config(), drivers())
    unit = loaded.unit
    state = folder_of(loaded)

    async def ask(request: Ask) -> Answer:
        return answer(request)  # this process ends with its answer, too

    async def at_the_console(clock: Clock) -> CertificateRecord:
        machine = Machine(clock.real_s, unit.unit.id, unit.web.names)
        with as_owner_of(state) as folder:
            return await work(Certificates(Vault(folder), machine.names, ask, wait=True), clock)

    try:
        return run(at_the_console, timing=timing_of(loaded))
    except VaultError as error:
        raise CommandError(FAILED, f"heg certificate {options.action}: {error}; {error.mend}") from error
    except BundleError as error:
        raise CommandError(FAILED, f"heg certificate {options.action}: {error}") from error
    except OSError as error:
        raise CommandError(FAILED, f"{state}: {error.strerror or error}; as another user: sudo heg ...") from error


def _tell(options: argparse.Namespace, record: CertificateRecord) -> int:
    from heg.web.tls.fingerprints import pinned

    if not options.json:
        print("\n".join(_lines(record)))
        return DONE
    said = {
        "sha256": record.fingerprint,
        "key_sha256": record.key_fingerprint,
        "pin": pinned(record.key_fingerprint),
        "names": record.names,
        "issuer": record.issuer,
        "begin": record.begin.isoformat(),
        "end": record.end.isoformat(),
        "own": record.own,
    }
    print(json.dumps(said))
    return DONE


def _lines(record: CertificateRecord) -> Iterable[str]:
    from heg.web.tls.fingerprints import pinned, shown

    yield f"SHA-256   {shown(record.fingerprint)}"
    yield f"key       {pinned(record.key_fingerprint)}"
    yield f"names     {', '.join(record.names)}"
    yield f"good      {record.begin:%Y-%m-%d} to {record.end:%Y-%m-%d}"
    yield f"signed by {record.issuer}" + ("; installed by the owner" if record.own else "")
