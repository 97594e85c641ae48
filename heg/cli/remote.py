"""Asking a running gateway: the options that say which, its login, and what a command says of the answer.

The pattern for a command is `shown` (read something) or `ordered` (have something done), with `remote` for its options:

    def add_to(add):
        remote(add("alarms", _alarms, "active alarms, and how to mend them"))

    def _alarms(options):
        return shown(options, "/api/v1/alarms", Alarms, lambda alarms, house: table(...))
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from heg.cli.common import default_config, drivers, load_config, with_json
from heg.cli.ends import DONE, FAILED, LATER, NOT_ALLOWED, STRANGER, UNREACHABLE, CommandError
from heg.cli.words import say

if TYPE_CHECKING:
    from heg.cli.house import House
    from heg.config.schema import WebSection
    from heg.runtime.secrets import Secret
    from heg.web.client.address import Address
    from heg.web.client.faults import GatewayError, UntrustedError
    from heg.web.client.gateway import Gateway, Key
    from heg.web.client.hosts import Hosts, Known
    from heg.web.client.line import Line
    from heg.web.client.trust import Pin
    from heg.web.messages import Message

    _M = TypeVar("_M", bound=Message)

ORDER_S = 30.0
"""Real seconds within which an everyday order is answered."""
LONG_ORDER_S = 900.0
"""One that waits for the planner's process, or for the grid meter to move."""


def remote(command: argparse.ArgumentParser, *, as_json: bool = True) -> argparse.ArgumentParser:
    """Let a command ask a running gateway: the one of a configuration on this machine, or one elsewhere."""
    whose = command.add_argument_group("which gateway")
    add_host(whose)
    whose.add_argument("--fingerprint", metavar="SHA256:...", help="by which it is recognised from now on")
    whose.add_argument("--config", type=Path, metavar="FILE", help="that of this machine; $HEG_CONFIG, or heg.toml")
    command.set_defaults(asks_gateway=True)
    return with_json(command) if as_json else command


def add_host(whose: argparse._ActionsContainer) -> None:
    """Add `--host`, before the command and behind it alike."""
    help_ = "one elsewhere, over TLS; default: $HEG_HOST, or this machine's"
    # SUPPRESS: what was said before the command stands unless it is said again.
    whose.add_argument("--host", metavar="ADDRESS[:PORT]", default=argparse.SUPPRESS, help=help_)


def names_host(options: argparse.Namespace) -> bool:
    """Tell whether the gateway is named by its address, for commands that work on this machine's files otherwise."""
    return _named(options) is not None


def ask(options: argparse.Namespace, asked: Callable[[Gateway], int]) -> int:
    """Ask the gateway that is meant. Raises `CommandError` where it cannot be reached, is a stranger, or refuses."""
    with_key, _ = open_gateway(options)
    return understood(lambda: asked(with_key))


def understood(asked: Callable[[], int]) -> int:
    """Call, and turn what went wrong into an exit code and words. Raises `CommandError`."""
    from heg.web.client.faults import GatewayError
    from heg.web.client.hosts import HostsError

    try:
        return asked()
    except GatewayError as error:
        raise CommandError(_code(error), str(error)) from error
    except HostsError as error:
        raise CommandError(FAILED, str(error)) from error


def shown(
    options: argparse.Namespace,
    path: str,
    type_: type[_M],
    told: Callable[[_M, House], Iterable[str]],
    **query: object,
) -> int:
    """Read a message and print it: as it came with --json, else as `told` says it for people. Raises as `ask`."""

    def asked(gateway: Gateway) -> int:
        from heg.cli.house import House

        said = gateway.get(path, type_, **query)
        if options.json:
            return put(said.json)
        say(told(said.message, House(gateway)))
        return DONE

    return ask(options, asked)


def ordered(options: argparse.Namespace, name: str, order: dict[str, object], *, within_s: float = ORDER_S) -> int:
    """Send an order and print its answer; the exit code says whether it was done. Raises as `ask`."""

    def asked(gateway: Gateway) -> int:
        from heg.web.messages import Answer

        said = gateway.post(f"/api/v1/commands/{name}", Answer, order, within_s=within_s)
        answer = said.message
        if options.json:
            put(said.json)
        else:
            say([f"{answer.outcome}: {answer.text or answer.refusal or ''}"])
        return FAILED if answer.outcome == "refused" else DONE

    return ask(options, asked)


def put(body: bytes) -> int:
    """Print an answer's JSON."""
    print(body.decode())
    return DONE


def open_gateway(options: argparse.Namespace) -> tuple[Gateway, Known]:
    """Return the gateway that is meant, recognised, with this user's login for it. Raises `CommandError`."""
    from heg.web.client.gateway import Gateway

    line, known = open_line(options)
    hosts = hosts_of_user()

    def keep(session: Secret) -> None:
        hosts.keep(line.address, replace(hosts.known(line.address), session=session))

    return Gateway(line, _key(known), keep), known


def open_line(options: argparse.Namespace) -> tuple[Line, Known]:
    """Return a line to the gateway that is meant, once it is recognised. Raises `CommandError`."""
    from heg.web.client.hosts import Hosts, HostsError
    from heg.web.client.line import Line

    address = _address(options)
    hosts = Hosts.of_user(os.environ)
    try:
        known = hosts.known(address)
    except HostsError as error:
        raise CommandError(FAILED, str(error)) from error
    given = _given(options)
    if not address.tls:
        if given is not None:
            raise CommandError(2, "--fingerprint: expected a gateway over TLS (--host): this machine's shows none")
        return Line(address), known
    line = Line(address, given or known.pin)
    understood(lambda: _recognise(line, hosts, known, given))
    return line, known


def hosts_of_user() -> Hosts:
    """Return what this user knows of gateways."""
    from heg.web.client.hosts import Hosts

    return Hosts.of_user(os.environ)


def _recognise(line: Line, hosts: Hosts, known: Known, given: Pin | None) -> int:
    """See that it is the one that is meant; whom nobody vouches for, a person may accept."""
    from heg.web.client.faults import UntrustedError
    from heg.web.client.trust import parse_pin

    if given is None and known.pin is not None:
        return DONE  # every request verifies it anyway
    try:
        came = line.verify()
    except UntrustedError as error:
        if not _person_accepts(line.address, error):
            raise
        came = error.fingerprints
    else:
        if given is None:
            return DONE  # a certificate authority vouches for it, and does so at every request
    if came is not None and known.key != came.pinned:
        hosts.keep_key(line.address, came.pinned)
    line.pin = parse_pin(came.pinned) if came is not None else None
    return DONE


def _person_accepts(address: Address, error: UntrustedError) -> bool:
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    print(f"Nothing is known yet of the gateway at {address}.", file=sys.stderr)
    print(f"It shows the certificate {error.fingerprints.shown}", file=sys.stderr)
    print("Its console shows the same (heg fingerprint)? Then it is recognised from now on.", file=sys.stderr)
    print("Yes, it is the same [yes/no]: ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() == "yes"


def _address(options: argparse.Namespace) -> Address:
    from heg.web.client.address import Address, AddressError, parse_address

    if (said := _named(options)) is not None:
        name, text = said
        try:
            return parse_address(text)
        except AddressError as error:
            raise CommandError(2, f"{name}: {error}") from error
    web = _web_of(options)
    here = web.loopback
    return Address("127.0.0.1" if here == "localhost" else here, web.port, tls=False)


def _web_of(options: argparse.Namespace) -> WebSection:
    """Read where the gateway of a configuration listens, and nothing else: what is wrong elsewhere may be mended by it.

    Raises `CommandError`.
    """
    import tomllib

    import msgspec

    from heg.config.schema import WebSection

    path = options.config or default_config()
    try:
        return msgspec.convert(tomllib.loads(path.read_text("utf-8")).get("web", {}), WebSection)
    except (OSError, ValueError):
        pass
    try:
        # Then what is in force tells where it is, or what is wrong is told.
        return load_config(path, drivers(), or_last=True).unit.web
    except CommandError as error:
        hint = "" if options.config else "\nor ask one elsewhere with --host ADDRESS"
        raise CommandError(error.code, f"{error}{hint}") from error


def _named(options: argparse.Namespace) -> tuple[str, str] | None:
    said = getattr(options, "host", None)
    if said is not None:
        return "--host", said
    said = os.environ.get("HEG_HOST")
    return ("HEG_HOST", said) if said and options.config is None else None


def _given(options: argparse.Namespace) -> Pin | None:
    from heg.web.client.trust import parse_pin

    if options.fingerprint is None:
        return None
    try:
        return parse_pin(options.fingerprint)
    except ValueError as error:
        raise CommandError(2, f"--fingerprint: {error}") from error


def _key(known: Known) -> Key | None:
    from heg.runtime.secrets import Secret
    from heg.web.client.gateway import Key

    # By the environment, not as an option: other users of a machine can read the options of a process.
    token = os.environ.get("HEG_TOKEN")
    if token:
        if not (token.isascii() and token.isprintable() and " " not in token):
            raise CommandError(2, "HEG_TOKEN: expected a token such as heg_t_..., and nothing around it")
        return Key(Secret(token))
    if known.token is not None:
        return Key(known.token)
    return None if known.session is None else Key(known.session, is_session=True)


def _code(error: GatewayError) -> int:
    from heg.web.client.faults import LaterError, LoginError, StrangerError, UnreachableError

    codes = {UnreachableError: UNREACHABLE, StrangerError: STRANGER, LoginError: NOT_ALLOWED, LaterError: LATER}
    return next((code for type_, code in codes.items() if isinstance(error, type_)), FAILED)
