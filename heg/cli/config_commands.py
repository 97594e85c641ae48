"""`heg config`: the configuration of the running gateway, shown, checked, changed and rolled back."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from heg.cli.common import table, with_config, with_json
from heg.cli.ends import BAD_CONFIG, DONE, FAILED, CommandError
from heg.cli.gateway_commands import ask, put

if TYPE_CHECKING:
    from heg.cli.parser import Add
    from heg.web.client import GatewayClient
    from heg.web.configuration_messages import ConfigurationText, Verdict

_PATH = "/api/v1/configuration"
_WITHIN_S = 150.0
"""Devices are given back before their driver restarts."""


def add_to(add: Add) -> None:
    """Add the command with its actions."""
    whole = add("config", _config, "the configuration of the running gateway")
    actions = whole.add_subparsers(dest="action", required=True, metavar="ACTION")
    said = {
        "show": "the text in force, or that of a version",
        "check": "name all that is wrong with a file, and what it would do",
        "diff": "what differs between a file and what is in force, or between two versions",
        "apply": "put a file into force",
        "history": "the versions that can be gone back to",
        "rollback": "take the last change back, or go back to a version",
        "reload": "look at the gateway's own file now",
    }
    parsers = {name: with_json(with_config(actions.add_parser(name, help=text))) for name, text in said.items()}
    parsers["show"].add_argument("version", type=int, nargs="?", metavar="VERSION")
    for name in ("check", "apply"):
        parsers[name].add_argument(
            "file", type=Path, metavar="FILE", help="the whole configuration; - is standard input"
        )
    parsers["apply"].add_argument(
        "--base", type=int, metavar="VERSION", help="the version it was made from (default: the one in force now)"
    )
    parsers["diff"].add_argument("file", type=Path, nargs="?", metavar="FILE", help="against what is in force")
    parsers["diff"].add_argument("--from", type=int, dest="before", metavar="VERSION")
    parsers["diff"].add_argument("--to", type=int, dest="after", metavar="VERSION")
    parsers["rollback"].add_argument("version", type=int, nargs="?", metavar="VERSION")
    for name in ("apply", "rollback"):
        parsers[name].add_argument("-m", "--message", default="", metavar="WHY", help="why, for the history")


def _config(options: argparse.Namespace) -> int:
    actions = {
        "show": _show,
        "check": _check,
        "diff": _diff,
        "apply": _apply,
        "history": _history,
        "rollback": _roll_back,
        "reload": _reload,
    }
    action = actions[options.action]
    return ask(options, lambda client: action(client, options))


def _show(client: GatewayClient, options: argparse.Namespace) -> int:
    found = _in_force(client) if options.version is None else _version(client, options.version)
    if options.json:
        import msgspec

        return put(msgspec.json.encode(found))
    sys.stdout.write(found.toml)
    return DONE


def _check(client: GatewayClient, options: argparse.Namespace) -> int:
    return _send(client, options, "validate", {"toml": _text(options.file)})


def _apply(client: GatewayClient, options: argparse.Namespace) -> int:
    if options.file.resolve() == options.config.resolve():
        return _reload(client, options)  # it is the gateway's own file: changed by hand already
    base = options.base if options.base is not None else _in_force(client).version
    return _send(client, options, "apply", {"toml": _text(options.file), "base": base, "message": options.message})


def _roll_back(client: GatewayClient, options: argparse.Namespace) -> int:
    wanted = {} if options.version is None else {"version": options.version}
    return _send(client, options, "rollback", {**wanted, "message": options.message})


def _reload(client: GatewayClient, options: argparse.Namespace) -> int:
    return _send(client, options, "reload", {})


def _diff(client: GatewayClient, options: argparse.Namespace) -> int:
    import difflib

    from heg.web.configuration_messages import Difference

    if options.file is not None:
        text, found = _text(options.file), _in_force(client)
        names = (f"version {found.version}", str(options.file))
        lines = list(difflib.unified_diff(found.toml.splitlines(), text.splitlines(), *names, lineterm=""))
        body = b""
    else:
        query = "&".join(
            f"{name}={value}" for name, value in (("from", options.before), ("to", options.after)) if value is not None
        )
        told, body = client.told(f"{_PATH}/diff" + (f"?{query}" if query else ""), Difference)
        lines = list(told.lines)
    if options.json and body:
        return put(body)
    print("\n".join(lines) if lines else "nothing differs")
    return DONE


def _history(client: GatewayClient, options: argparse.Namespace) -> int:
    from heg.web.configuration_messages import Versions

    told, body = client.told(f"{_PATH}/versions", Versions)
    if options.json:
        return put(body)
    head = ("VERSION", "SINCE", "HOW", "WHO", "WHY", "CHANGES")
    rows = [
        (str(one.version), one.since_utc, one.how, one.who, one.why, str(len(one.changes))) for one in told.versions
    ]
    print(table([head, *rows]))
    return DONE


def _send(client: GatewayClient, options: argparse.Namespace, what: str, body: dict[str, object]) -> int:
    from heg.web.configuration_messages import Verdict

    verdict, said = client.send(f"{_PATH}/{what}", body, Verdict, timeout_s=_WITHIN_S)
    if options.json:
        put(said)
    else:
        print("\n".join(_words(verdict)))
    if verdict.outcome != "refused":
        return DONE
    return BAD_CONFIG if verdict.faults else FAILED


def _words(verdict: Verdict) -> Iterator[str]:
    if verdict.faults:
        for fault in verdict.faults:
            yield f"{fault.where}{f' = {fault.came}' if fault.came else ''}: expected {fault.expected}"
        yield "nothing was changed"
        return
    yield verdict.text or verdict.refusal or verdict.outcome
    for change in verdict.changes:
        yield f"  {change}"


def _in_force(client: GatewayClient) -> ConfigurationText:
    from heg.web.configuration_messages import Configured

    told, _ = client.told(_PATH, Configured)
    if told.configuration is None:
        raise CommandError(FAILED, "the gateway has no configuration in force yet: ask again in a moment")
    return told.configuration


def _version(client: GatewayClient, version: int) -> ConfigurationText:
    from heg.web.configuration_messages import ConfigurationText

    return client.told(f"{_PATH}/versions/{version}", ConfigurationText)[0]


def _text(file: Path) -> str:
    try:
        return sys.stdin.read() if str(file) == "-" else file.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(FAILED, f"{file}: expected a readable UTF-8 file ({error})") from error
