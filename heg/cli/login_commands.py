"""Commands on one's own login: login, logout, whoami, password, claim.

A password is asked for without echo, or read with --password-stdin; it is never an option, which others could read.
"""

from __future__ import annotations

import argparse
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from heg.cli.ends import DONE, FAILED, CommandError
from heg.cli.numbers import within
from heg.cli.remote import ask, hosts_of_user, open_line, put, remote, understood
from heg.cli.words import say

if TYPE_CHECKING:
    from heg.cli.parser import Add
    from heg.runtime.secrets import Secret
    from heg.web.client.gateway import Gateway, Key, Said
    from heg.web.client.hosts import Known
    from heg.web.client.line import Line
    from heg.web.login_messages import SessionState

_LONGEST = 1024


def add_to(add: Add) -> None:
    """Add the commands."""
    login = remote(add("login", _login, "log in to a gateway from this machine, once; a token is kept for it"))
    with_password(login)
    days = within(0.01, 366.0, "days up to 366, such as 90")
    login.add_argument("--days", type=days, default=90.0, metavar="N", help="until the token ends, default: 90")
    scope = "some of what you may do, such as read (default: all that a token can hold)"
    login.add_argument("--scope", action="append", metavar="PERMISSION", help=scope)
    remote(add("logout", _logout, "end what heg login keeps, here and on the gateway"))
    remote(add("whoami", _whoami, "as whom the gateway knows you, and what you may do"))
    with_password(remote(add("password", _password, "set a new password of your own")))
    claim = remote(add("claim", _claim, "use a one-time code: become the owner, or accept an invitation"))
    with_password(claim)
    claim.add_argument("--code-stdin", action="store_true", help="read the code from standard input, a line before it")


def with_password(command: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Let a command be told who asks, and from where the password comes."""
    command.add_argument(
        "--name", metavar="NAME", help="the name you log in by; default: as at heg login, or asked for"
    )
    command.add_argument("--password-stdin", action="store_true", help="read the password from standard input, a line")
    return command


@contextmanager
def session(options: argparse.Namespace) -> Iterator[Gateway]:
    """Log in by the password for what no token may do, and log out behind it. Raises `GatewayError`, `CommandError`."""
    from heg.web.client.gateway import Gateway

    line, known = open_line(options)
    nobody = Gateway(line)
    _, key = _by_password(options, nobody, known)
    mine = nobody.with_key(key)
    try:
        yield mine
    finally:
        _end(mine)


def _by_password(options: argparse.Namespace, nobody: Gateway, known: Known) -> tuple[Said[SessionState], Key]:
    from heg.web.login_messages import Login, SessionState

    name = _name(options, known.name)
    body = Login(name=name, password=secret(options, f"password of {name}").reveal())
    return nobody.opened_session("/api/v1/session", SessionState, body)


def _end(mine: Gateway) -> None:
    from heg.web.client.faults import GatewayError
    from heg.web.login_messages import Ended

    try:
        mine.post("/api/v1/session/end", Ended)
    except GatewayError as error:  # what was asked for is done; the session ends by itself
        print(f"the session could not be ended: {error}", file=sys.stderr)


def _login(options: argparse.Namespace) -> int:
    def asked() -> int:
        from heg.web.client.gateway import Gateway

        line, known = open_line(options)
        said, key = _by_password(options, Gateway(line), known)
        mine = Gateway(line, key)
        kept = replace(hosts_of_user().known(line.address).without_login(), name=said.message.name or "")
        scopes = _scopes(options, said.message)
        if scopes is None:  # whoever may make no token stays logged in by the session
            hosts_of_user().keep(line.address, replace(kept, session=key.secret))
            until = "until 12 hours after the last use"
        else:
            try:
                hosts_of_user().keep(line.address, replace(kept, token=_token(mine, options, scopes)))
            finally:
                _end(mine)
            until = f"for {options.days:g} days, for {', '.join(scopes)}"
        if options.json:
            return put(said.json)
        say([f"logged in at {line.address} as {kept.name} ({said.message.role}), {until}"])
        return DONE

    return understood(asked)


def _scopes(options: argparse.Namespace, state: SessionState) -> list[str] | None:
    from heg.web.accounts.roles import SCOPES, Permission

    if Permission.TOKENS not in state.permissions:
        return None
    mine = sorted(str(one) for one in SCOPES & set(state.permissions))
    wanted = options.scope or mine
    if unknown := [one for one in wanted if one not in mine]:
        raise CommandError(2, f"--scope: expected some of {', '.join(mine)}, came {unknown[0][:40]!r}")
    return wanted


def _token(mine: Gateway, options: argparse.Namespace, scopes: list[str]) -> Secret:
    from heg.runtime.secrets import Secret
    from heg.web.accounts.roles import Permission
    from heg.web.login_messages import IssuedToken, NewToken

    label = f"heg on {socket.gethostname()}"[:64]
    wish = NewToken(label=label, scopes=tuple(Permission(one) for one in scopes), days=options.days)
    return Secret(mine.post("/api/v1/tokens", IssuedToken, wish).message.key)


def _logout(options: argparse.Namespace) -> int:
    def asked() -> int:
        from heg.web.client.faults import LoginError
        from heg.web.client.gateway import Gateway, Key
        from heg.web.login_messages import Ended

        line, _ = open_line(options)
        hosts = hosts_of_user()
        known = hosts.known(line.address)
        kept = known.token or known.session
        if kept is None:
            raise CommandError(FAILED, f"nobody is logged in at {line.address} from here")
        with suppress(LoginError):  # it was over already
            Gateway(line, Key(kept, is_session=known.token is None)).post("/api/v1/session/end", Ended)
        hosts.keep(line.address, known.without_login())
        say([f"logged out at {line.address}"] if not options.json else [])
        return put(b'{"sessions":1}') if options.json else DONE

    return understood(asked)


def _whoami(options: argparse.Namespace) -> int:
    def asked(gateway: Gateway) -> int:
        from heg.web.login_messages import SessionState

        said = gateway.get("/api/v1/session", SessionState)
        if options.json:
            return put(said.json)
        state = said.message
        if state.name is None:
            say([_nobody(state)])
            return FAILED
        say([f"{state.name}, {state.role}", f"may: {', '.join(state.permissions)}"])
        return DONE

    return ask(options, asked)


def _nobody(state: SessionState) -> str:
    if state.locked:
        return "its accounts are locked: at its console heg accounts recover"
    return "nobody: heg login" if state.claimed else "it has no owner yet: at its console heg claim-code"


def _password(options: argparse.Namespace) -> int:
    def asked() -> int:
        from heg.web.client.gateway import Gateway
        from heg.web.login_messages import Login, NewPassword, SessionState

        line, known = open_line(options)
        name = _name(options, known.name)
        old = secret(options, f"password of {name}")
        login = Login(name=name, password=old.reveal())
        _, key = Gateway(line).opened_session("/api/v1/session", SessionState, login)
        change = NewPassword(old=old.reveal(), new=_new(options).reveal())
        try:
            said, key = Gateway(line, key).opened_session("/api/v1/password", SessionState, change)
        finally:
            _end(Gateway(line, key))
        say(["the new password holds; all other sessions ended"] if not options.json else [])
        return put(said.json) if options.json else DONE

    return understood(asked)


def _claim(options: argparse.Namespace) -> int:
    def asked() -> int:
        from heg.web.client.gateway import Gateway
        from heg.web.login_messages import Claim, SessionState

        line, _ = open_line(options)
        code = _line_of_stdin() if options.code_stdin else secret(options, "the code", typed=True).reveal()
        name = options.name if options.name is not None else _asked("your name (invited: leave it empty): ")
        body = Claim(code=code, name=name, password=_new(options).reveal())
        said, key = Gateway(line).opened_session("/api/v1/claim", SessionState, body)
        _end(Gateway(line, key))
        if options.json:
            return put(said.json)
        say([f"{said.message.name} is {said.message.role} now; from here: heg login {_where(line)}".rstrip()])
        return DONE

    return understood(asked)


def _where(line: Line) -> str:
    return f"--host {line.address.written}" if line.address.tls else ""


def _name(options: argparse.Namespace, known: str) -> str:
    name: str = options.name or known or _asked("name: ")
    return name


def _asked(prompt: str) -> str:
    if not sys.stdin.isatty():
        raise CommandError(2, "expected --name: there is nobody to be asked")
    print(prompt, end="", file=sys.stderr, flush=True)
    return sys.stdin.readline(_LONGEST).strip()


def secret(options: argparse.Namespace, what: str, *, typed: bool = False) -> Secret:
    """Ask for a secret without echo, or read a line of standard input. Raises `CommandError`."""
    import getpass

    from heg.runtime.secrets import Secret

    if options.password_stdin and not typed:
        return Secret(_line_of_stdin())
    if not sys.stdin.isatty():
        raise CommandError(2, f"{what}: there is nobody to be asked; expected --password-stdin and a line with it")
    try:
        return Secret(getpass.getpass(f"{what}: ", stream=sys.stderr))
    except EOFError:
        raise CommandError(2, f"{what}: expected a line") from None


def _new(options: argparse.Namespace) -> Secret:
    new = secret(options, "new password, 10 characters or more")
    if not options.password_stdin and secret(options, "once more").reveal() != new.reveal():
        raise CommandError(2, "the two were not the same")
    return new


def _line_of_stdin() -> str:
    line = sys.stdin.readline(_LONGEST + 2).rstrip("\n")
    if not line or len(line) > _LONGEST:
        raise CommandError(2, f"standard input: expected a line of up to {_LONGEST} characters")
    return line
