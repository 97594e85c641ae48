"""Commands on people and tokens: users, tokens. They ask for the password, because no token may make accounts."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, TypeVar

from heg.cli.ends import DONE, FAILED, CommandError
from heg.cli.house import House
from heg.cli.login_commands import session, with_password
from heg.cli.numbers import within
from heg.cli.remote import put, remote, understood
from heg.cli.words import in_columns, say

if TYPE_CHECKING:
    import argparse

    from heg.cli.parser import Add
    from heg.web.client.gateway import Gateway, Said
    from heg.web.login_messages import IssuedToken, OneTimeCode, People, Person, Tokens
    from heg.web.messages import Message

    _M = TypeVar("_M", bound=Message)

_ROLES = ("owner", "installer", "user", "viewer")
_days = within(0.01, 3660.0, "days up to 3660, such as 7")
_token_days = within(0.01, 366.0, "days up to 366, such as 90")


def add_to(add: Add) -> None:
    """Add the commands."""
    _add_users(add.noun("users", "everybody who may be let in: list, invite, change, reset, remove"))
    _add_tokens(add.noun("tokens", "keys for programs: list, create, revoke"))


def _add_users(add: Add) -> None:
    _own(add("list", _list_users, "everybody who may be let in"))
    invite = _own(add("invite", _invite, "invite somebody: prints the one-time code by which they set a password"))
    invite.add_argument("who", help="the name they will log in by")
    invite.add_argument("role", choices=_ROLES)
    invite.add_argument("--days", type=_days, metavar="N", help="the account ends then, such as 7 for an installer")
    change = _own(add("change", _change, "what somebody is from now on"))
    change.add_argument("who", help="their name")
    change.add_argument("--role", choices=_ROLES, help="default: as it is")
    change.add_argument("--days", type=_days, metavar="N", help="the account ends then; default: never")
    allowed = change.add_mutually_exclusive_group()
    allowed.add_argument("--disable", action="store_true", help="they are let in no more until --enable")
    allowed.add_argument("--enable", action="store_true", help="they are let in again")
    reset = _own(add("reset", _reset, "a one-time code for somebody's new password; the old one holds no more"))
    reset.add_argument("who", help="their name")
    _own(add("remove", _remove, "somebody is let in no more")).add_argument("who", help="their name")


def _add_tokens(add: Add) -> None:
    _own(add("list", _list_tokens, "one's own tokens; an owner's view of all"))
    create = _own(add("create", _create, "make a token: prints its key, this once"))
    create.add_argument("label", help="what it is for, such as dashboard")
    scope = "what it may do, such as read; several times for more"
    create.add_argument("--scope", action="append", required=True, metavar="PERMISSION", help=scope)
    create.add_argument("--days", type=_token_days, default=90.0, metavar="N", help="until it ends, default: 90")
    create.add_argument("--stakeholder", metavar="ROLE:NAME", help="for another company, such as dso:enel")
    revoke = _own(add("revoke", _revoke, "end a token at once"))
    revoke.add_argument("token", type=int, metavar="ID", help="as heg tokens list shows it")


def _own(command: argparse.ArgumentParser) -> argparse.ArgumentParser:
    return with_password(remote(command))


def _tell(
    options: argparse.Namespace, order: Callable[[Gateway], Said[_M]], lines: Callable[[_M, House], Iterable[str]]
) -> int:
    """Do one thing as the person who gives the password, and print what came of it."""

    def asked() -> int:
        with session(options) as mine:
            said = order(mine)
            if options.json:
                return put(said.json)
            say(lines(said.message, House(mine)))
        return DONE

    return understood(asked)


def _list_users(options: argparse.Namespace) -> int:
    return _tell(options, _people, _people_lines)


def _people(mine: Gateway) -> Said[People]:
    from heg.web.login_messages import People

    return mine.get("/api/v1/accounts", People)


def _people_lines(people: People, house: House) -> Iterable[str]:
    head = ("NAME", "ROLE", "LET IN", "SINCE", "UNTIL", "SESSIONS")
    rows = (
        (
            *(one.name, str(one.role), _let_in(one), house.local(one.created_utc)),
            *(house.local(one.until_utc), str(one.sessions)),
        )
        for one in people.accounts
    )
    return in_columns(head, rows, "nobody")


def _let_in(one: Person) -> str:
    if not one.enabled:
        return "no"
    return "yes" if one.password else "once the code is used"


def _invite(options: argparse.Namespace) -> int:
    def order(mine: Gateway) -> Said[OneTimeCode]:
        from heg.web.accounts.roles import Role
        from heg.web.login_messages import Invite, OneTimeCode

        body = Invite(name=options.who, role=Role(options.role), days=options.days)
        return mine.post("/api/v1/accounts", OneTimeCode, body)

    return _tell(options, order, _code_lines)


def _code_lines(given: OneTimeCode, _house: House) -> Iterable[str]:
    yield f"{given.code}   (good once, for {given.account.name}, on the gateway's page or with heg claim)"


def _change(options: argparse.Namespace) -> int:
    def order(mine: Gateway) -> Said[Person]:
        from heg.web.accounts.roles import Role
        from heg.web.login_messages import ChangeAccount, Person

        who = _person(mine, options.who)
        enabled = options.enable or (who.enabled and not options.disable)
        body = ChangeAccount(role=Role(options.role or who.role), enabled=enabled, days=options.days)
        return mine.post(f"/api/v1/accounts/{who.id}", Person, body)

    return _tell(options, order, lambda one, _house: [f"{one.name}: {one.role}, let in: {_let_in(one)}"])


def _reset(options: argparse.Namespace) -> int:
    def order(mine: Gateway) -> Said[OneTimeCode]:
        from heg.web.login_messages import OneTimeCode

        return mine.post(f"/api/v1/accounts/{_person(mine, options.who).id}/reset", OneTimeCode)

    return _tell(options, order, _code_lines)


def _remove(options: argparse.Namespace) -> int:
    def order(mine: Gateway) -> Said[People]:
        from heg.web.login_messages import People

        return mine.post(f"/api/v1/accounts/{_person(mine, options.who).id}/remove", People)

    return _tell(options, order, _people_lines)


def _person(mine: Gateway, name: str) -> Person:
    people = _people(mine).message.accounts
    found = next((one for one in people if one.name == name.strip().lower()), None)
    if found is None:
        raise CommandError(FAILED, f"expected one of {', '.join(one.name for one in people)}; came {name[:64]}")
    return found


def _list_tokens(options: argparse.Namespace) -> int:
    def order(mine: Gateway) -> Said[Tokens]:
        from heg.web.login_messages import Tokens

        return mine.get("/api/v1/tokens", Tokens)

    return _tell(options, order, _token_lines)


def _token_lines(tokens: Tokens, house: House) -> Iterable[str]:
    head = ("ID", "LABEL", "MAY", "FOR", "MADE", "ENDS")
    rows = (
        (
            *(str(one.id), one.label, ", ".join(one.scopes), one.stakeholder or "the household"),
            *(house.local(one.created_utc), house.local(one.expires_utc)),
        )
        for one in tokens.tokens
    )
    return in_columns(head, rows, "no tokens")


def _create(options: argparse.Namespace) -> int:
    from heg.web.accounts.roles import SCOPES, Permission

    if unknown := [one for one in options.scope if one not in SCOPES]:
        raise CommandError(2, f"--scope: expected some of {', '.join(sorted(SCOPES))}, came {unknown[0][:40]!r}")

    def order(mine: Gateway) -> Said[IssuedToken]:
        from heg.web.login_messages import IssuedToken, NewToken

        scopes = tuple(Permission(one) for one in options.scope)
        wish = NewToken(label=options.label, scopes=scopes, days=options.days, stakeholder=options.stakeholder)
        return mine.post("/api/v1/tokens", IssuedToken, wish)

    return _tell(options, order, _key_lines)


def _key_lines(issued: IssuedToken, house: House) -> Iterable[str]:
    yield issued.key
    yield f"shown this once; a program has it as HEG_TOKEN; it ends {house.local(issued.token.expires_utc)}"


def _revoke(options: argparse.Namespace) -> int:
    def order(mine: Gateway) -> Said[Tokens]:
        from heg.web.login_messages import Tokens

        return mine.post(f"/api/v1/tokens/{options.token}/revoke", Tokens)

    return _tell(options, order, _token_lines)
