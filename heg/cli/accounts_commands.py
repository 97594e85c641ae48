"""Commands of the console on the accounts file: claim-code, accounts recover, audit verify and export.

They work beside a running gateway and without one. Whoever may run them may read the unit's folder anyway. With a
`--host`, the audit log is asked for over the API.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from heg.cli.common import default_config, drivers, load_config, with_config, with_json
from heg.cli.console import as_owner_of, folder_of
from heg.cli.ends import DONE, FAILED, CommandError
from heg.cli.remote import names_host, remote

if TYPE_CHECKING:
    from collections.abc import Callable

    from heg.cli.parser import Add
    from heg.config.reader import LoadedConfig
    from heg.web.accounts.chain import Verdict
    from heg.web.accounts.records import Now
    from heg.web.login_messages import AuditVerdict


def add_to(add: Add) -> None:
    """Add the commands."""
    with_json(
        with_config(add("claim-code", _claim_code, "print the one-time code by which the gateway gets its owner"))
    )
    accounts = add("accounts", _accounts, "recover: a one-time code that sets an owner's password anew")
    with_json(with_config(accounts)).add_argument("action", choices=("recover",))
    audit = remote(add("audit", _audit, "verify, list or export the log of logins, commands and changes"))
    what = "verify: is it what was written; list: the newest lines; export: all, as lines of JSON"
    audit.add_argument("action", choices=("verify", "list", "export"), help=what)
    audit.add_argument("--file", type=Path, metavar="EXPORT", help="verify this export in place of the unit's log")
    audit.add_argument("--head", metavar="SEQ:HASH", help="a head noted earlier must be part of it")


def _claim_code(options: argparse.Namespace) -> int:
    from heg.runtime.secrets import Secret
    from heg.web.accounts.accounts import Accounts
    from heg.web.accounts.ledger import Ledger
    from heg.web.accounts.rules import Rules

    rules = Rules()

    def made(folder: Path, now: Now) -> int:
        ledger = Ledger.open(folder, rules)
        try:
            code = Accounts(ledger, "").claim_code(now)
        finally:
            ledger.close()
        if not isinstance(code, Secret):
            raise CommandError(FAILED, f"heg claim-code: {code}")
        return _tell_code(options, code, rules.code_s)

    return _in_folder(options, made)


def _accounts(options: argparse.Namespace) -> int:
    from heg.web.accounts.records import Refused
    from heg.web.accounts.recovery import recover
    from heg.web.accounts.rules import Rules

    rules = Rules()

    def recovered(folder: Path, now: Now) -> int:
        found = recover(folder, rules, now)
        if isinstance(found, Refused):
            raise CommandError(FAILED, f"heg accounts recover: {found}")
        aside = None if found.aside is None else str(found.aside)
        if found.damage and not options.json:
            print(f"the accounts were not usable: {found.damage}")
            print(f"they are kept as {aside}" if aside else "nothing was left of them")
            print("nobody but the new owner has an account now; the claim stays closed")
        return _tell_code(options, found.code, rules.code_s, damage=found.damage, aside=aside)

    return _in_folder(options, recovered)


def _audit(options: argparse.Namespace) -> int:
    if options.file is None and (options.action == "list" or names_host(options)):
        from heg.cli.audit_remote import audit

        return audit(options)
    return _audit_of_unit(options)


def _audit_of_unit(options: argparse.Namespace) -> int:
    from heg.web.accounts.file import DamagedError
    from heg.web.accounts.inspection import export_lines, parse_head, verify_export, verify_folder

    try:
        noted = () if options.head is None else (parse_head(options.head),)
        if options.file is not None:
            with options.file.open(encoding="utf-8", errors="surrogateescape") as texts:
                return _tell_verdict(options, verify_export(texts, noted))
        with as_owner_of(folder_of(_config(options))) as folder:
            if options.action == "verify":
                return _tell_verdict(options, verify_folder(folder, noted))
            for text in export_lines(folder):
                print(text)
            return DONE
    except (DamagedError, OSError, ValueError) as error:
        raise CommandError(FAILED, f"heg audit {options.action}: {error}") from error


def _tell_verdict(options: argparse.Namespace, verdict: Verdict) -> int:
    from heg.web.accounts.inspection import written

    found = {
        "good": verdict.good,
        "lines": verdict.lines,
        "head": written(verdict.head),
        "first_altered": verdict.first_altered,
        "why": verdict.why,
    }
    if options.json:
        print(json.dumps(found))
    else:
        print(verdict_line(verdict, written(verdict.head)))
    return DONE if verdict.good else FAILED


def verdict_line(verdict: Verdict | AuditVerdict, head: str) -> str:
    """Tell people whether the log is what was written."""
    if verdict.good:
        return f"good: {verdict.lines} lines are what was written; head {head}"
    return f"line {verdict.first_altered} is the first that is not what was written: {verdict.why}"


def _tell_code(options: argparse.Namespace, code: object, good_s: float, **also: object) -> int:
    from heg.cli.certificate_commands import known_fingerprint
    from heg.cli.visiting import pages
    from heg.runtime.secrets import Secret
    from heg.web.tls.fingerprints import shown

    assert isinstance(code, Secret)
    loaded = _config(options)
    minutes, addresses = round(good_s / 60), pages(loaded.unit)
    sha256 = known_fingerprint(loaded) if loaded.unit.web.on_lan else None
    if options.json:
        found = {"code": code.reveal(), "minutes": minutes, "pages": addresses, "sha256": sha256, **also}
        print(json.dumps(found))
        return DONE
    print(f"{code.reveal()}   (good once, for {minutes} minutes, on the gateway's page)")
    for address in addresses:
        print(f"  {address}")
    if sha256 is not None:
        print(f"Its certificate's SHA-256: {shown(sha256)}")
    return DONE


def _in_folder(options: argparse.Namespace, work: Callable[[Path, Now], int]) -> int:
    from heg.cli.unit_commands import timing_of
    from heg.runtime.loops import run
    from heg.web.accounts.file import DamagedError
    from heg.web.accounts.records import Now

    if TYPE_CHECKING:
        from heg.runtime.clock import Clock
    loaded = _config(options)

    async def at_the_console(clock: Clock) -> int:
        with as_owner_of(folder_of(loaded)) as folder:
            return work(folder, Now(round(clock.utc().timestamp() * 1000), clock.monotonic_s()))

    try:
        return run(at_the_console, timing=timing_of(loaded))
    except DamagedError as error:
        raise CommandError(
            FAILED, f"the accounts cannot be used: {error}; mend it with: heg accounts recover"
        ) from error
    except OSError as error:
        raise CommandError(
            FAILED, f"{folder_of(loaded)}: {error.strerror or error}; as another user: sudo heg ..."
        ) from error


def _config(options: argparse.Namespace) -> LoadedConfig:
    return load_config(options.config or default_config(), drivers())
