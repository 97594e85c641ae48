"""`heg config`: the configuration of the running gateway, shown, checked, changed and rolled back."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from heg.cli.common import default_config
from heg.cli.ends import BAD_CONFIG, DONE, FAILED, CommandError
from heg.cli.numbers import whole
from heg.cli.remote import ask, names_host, put, remote, shown
from heg.cli.words import in_columns, say

if TYPE_CHECKING:
    from heg.cli.house import House
    from heg.cli.parser import Add
    from heg.web.client.gateway import Gateway
    from heg.web.configuration_messages import ConfigurationText, Verdict, Versions

    Order = Callable[[Gateway], dict[str, object]]

_PATH = "/api/v1/configuration"
_WITHIN_S = 150.0
"""Devices are given back before their driver restarts."""


def add_to(add: Add) -> None:
    """Add the noun with its verbs."""
    config = add.noun("config", "the running gateway's configuration: show, check, diff, apply, history, rollback ...")
    show = remote(config("show", _show, "the text in force, or that of a version"))
    show.add_argument("version", type=whole, nargs="?", metavar="VERSION")
    _with_file(remote(config("check", _check, "name all that is wrong with a file, and what it would do")))
    diff = remote(config("diff", _diff, "what differs between a file and what is in force, or between two versions"))
    diff.add_argument("file", type=Path, nargs="?", metavar="FILE", help="against what is in force")
    diff.add_argument("--from", type=whole, dest="before", metavar="VERSION", help="default: the one before")
    diff.add_argument("--to", type=whole, dest="after", metavar="VERSION", help="default: the one in force")
    _with_why(_with_file(remote(config("propose", _propose, "leave a file for others to look at and apply"))))
    apply = _with_why(_with_file(remote(config("apply", _apply, "put a file into force, or the proposal")), "?"))
    made_from = "the version it was made from (default: the one in force now)"
    apply.add_argument("--base", type=whole, metavar="VERSION", help=made_from)
    apply.add_argument("--proposal", metavar="DIGEST", help="the standing proposal, by the digest it was told by")
    remote(config("history", _history, "the versions that can be gone back to"))
    back = _with_why(remote(config("rollback", _roll_back, "take the last change back, or go back to a version")))
    back.add_argument("version", type=whole, nargs="?", metavar="VERSION")
    remote(config("reload", _reload, "look at the gateway's own file now"))


def _with_file(command: argparse.ArgumentParser, nargs: str | None = None) -> argparse.ArgumentParser:
    what = "the whole configuration; - is standard input"
    command.add_argument("file", type=Path, nargs=nargs, metavar="FILE", help=what)
    return command


def _with_why(command: argparse.ArgumentParser) -> argparse.ArgumentParser:
    command.add_argument("-m", "--message", default="", metavar="WHY", help="why, for the history")
    return command


def _show(options: argparse.Namespace) -> int:
    def asked(gateway: Gateway) -> int:
        found = _in_force(gateway) if options.version is None else _version(gateway, options.version)
        if options.json:
            import msgspec

            return put(msgspec.json.encode(found))
        sys.stdout.write(found.toml)
        return DONE

    return ask(options, asked)


def _check(options: argparse.Namespace) -> int:
    return _send(options, "validate", lambda _gateway: {"toml": _text(options.file)})


def _propose(options: argparse.Namespace) -> int:
    return _send(options, "propose", lambda _gateway: {"toml": _text(options.file), "message": options.message})


def _apply(options: argparse.Namespace) -> int:
    if (options.file is None) == (options.proposal is None):
        raise CommandError(2, "heg config apply: expected a file, or --proposal DIGEST")
    if options.file is not None and not names_host(options):
        own = options.config or default_config()
        if options.file.resolve() == own.resolve():
            return _reload(options)  # it is the gateway's own file: changed by hand already

    def order(gateway: Gateway) -> dict[str, object]:
        base = options.base if options.base is not None else _in_force(gateway).version
        what = {"digest": options.proposal} if options.file is None else {"toml": _text(options.file)}
        return {**what, "base": base, "message": options.message}

    return _send(options, "apply", order)


def _roll_back(options: argparse.Namespace) -> int:
    wanted = {} if options.version is None else {"version": options.version}
    return _send(options, "rollback", lambda _gateway: {**wanted, "message": options.message})


def _reload(options: argparse.Namespace) -> int:
    return _send(options, "reload", lambda _gateway: {})


def _diff(options: argparse.Namespace) -> int:
    def asked(gateway: Gateway) -> int:
        import msgspec

        from heg.web.configuration_messages import Difference

        if options.file is None:
            query = {"since": options.before, "until": options.after}  # called from and to there
            said = gateway.get(f"{_PATH}/diff", Difference, **query)
            lines, document = list(said.message.lines), said.json
        else:
            lines = _against(gateway, options.file)
            document = msgspec.json.encode({"lines": lines})
        if options.json:
            return put(document)
        say(lines or ["nothing differs"])
        return DONE

    return ask(options, asked)


def _against(gateway: Gateway, file: Path) -> list[str]:
    import difflib

    text, found = _text(file), _in_force(gateway)
    names = (f"version {found.version}", str(file))
    return list(difflib.unified_diff(found.toml.splitlines(), text.splitlines(), *names, lineterm=""))


def _history(options: argparse.Namespace) -> int:
    from heg.web.configuration_messages import Versions

    return shown(options, f"{_PATH}/versions", Versions, _version_lines)


def _version_lines(told: Versions, house: House) -> Iterable[str]:
    rows = (
        (str(one.version), house.local(one.since_utc), one.how, one.who, one.why, str(len(one.changes)))
        for one in told.versions
    )
    return in_columns(("VERSION", "SINCE", "HOW", "WHO", "WHY", "CHANGES"), rows, "none is kept yet")


def _send(options: argparse.Namespace, what: str, order: Order) -> int:
    def asked(gateway: Gateway) -> int:
        from heg.web.configuration_messages import Verdict

        said = gateway.post(f"{_PATH}/{what}", Verdict, order(gateway), within_s=_WITHIN_S)
        verdict = said.message
        if options.json:
            put(said.json)
        else:
            say(_words(verdict))
        if verdict.outcome != "refused":
            return DONE
        return BAD_CONFIG if verdict.faults else FAILED

    return ask(options, asked)


def _words(verdict: Verdict) -> Iterable[str]:
    if verdict.faults:
        for fault in verdict.faults:
            yield f"{fault.where}{f' = {fault.came}' if fault.came else ''}: expected {fault.expected}"
        yield "nothing was changed"
        return
    yield verdict.text or verdict.refusal or verdict.outcome
    for change in verdict.changes:
        yield f"  {change}"
    if verdict.digest and verdict.outcome == "done" and verdict.version is None:
        yield f"digest {verdict.digest}"


def _in_force(gateway: Gateway) -> ConfigurationText:
    from heg.web.configuration_messages import Configured

    found = gateway.get(_PATH, Configured).message.configuration
    if found is None:
        raise CommandError(FAILED, "the gateway has no configuration in force yet: ask again in a moment")
    return found


def _version(gateway: Gateway, version: int) -> ConfigurationText:
    from heg.web.configuration_messages import ConfigurationText

    return gateway.get(f"{_PATH}/versions/{version}", ConfigurationText).message


def _text(file: Path) -> str:
    try:
        return sys.stdin.read() if str(file) == "-" else file.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(FAILED, f"{file}: expected a readable UTF-8 file ({error})") from error
