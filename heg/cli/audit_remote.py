"""The audit log over the API: verify, list, export."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

from heg.cli.accounts_commands import verdict_line
from heg.cli.ends import DONE, FAILED, CommandError
from heg.cli.remote import ask, put
from heg.cli.words import in_columns, say

if TYPE_CHECKING:
    import argparse

    from heg.cli.house import House
    from heg.web.client.gateway import Gateway
    from heg.web.login_messages import AuditLine

_SHOWN = 50


def audit(options: argparse.Namespace) -> int:
    """Do what the options ask for. Raises `CommandError`."""
    if options.head is not None:
        raise CommandError(2, "--head: expected heg audit export, then heg audit verify --file EXPORT --head SEQ:HASH")
    does = {"verify": _verify, "list": _list, "export": _export}[options.action]
    return ask(options, lambda gateway: does(gateway, as_json=options.json))


def _verify(gateway: Gateway, *, as_json: bool) -> int:
    from heg.web.login_messages import AuditVerdict

    said = gateway.get("/api/v1/audit/verdict", AuditVerdict)
    verdict = said.message
    if as_json:
        put(said.json)
    else:
        say([verdict_line(verdict, verdict.head)])
    return DONE if verdict.good else FAILED


def _export(gateway: Gateway, *, as_json: bool) -> int:  # noqa: ARG001 - it is lines of JSON anyway
    with gateway.download("/api/v1/audit/export") as chunks:
        for chunk in chunks:
            sys.stdout.buffer.write(chunk)
        sys.stdout.buffer.flush()
    return DONE


def _list(gateway: Gateway, *, as_json: bool) -> int:
    """The newest lines: the log is read from the front, a page at a time."""
    import msgspec

    from heg.cli.house import House
    from heg.web.login_messages import AuditPage

    newest: list[AuditLine] = []
    cursor: int | None = 0
    while cursor is not None:
        page = gateway.get("/api/v1/audit", AuditPage, cursor=cursor).message
        newest = [*newest, *page.lines][-_SHOWN:]
        cursor = page.next_cursor if page.next_cursor != cursor else None
    if as_json:
        return put(msgspec.json.encode(AuditPage(lines=tuple(newest), next_cursor=None)))
    say(_lines(newest, House(gateway)))
    return DONE


def _lines(lines: Iterable[AuditLine], house: House) -> Iterable[str]:
    rows = (
        (str(one.seq), house.local(one.time_utc), one.kind, one.who, one.address, one.outcome, one.detail)
        for one in lines
    )
    return in_columns(("LINE", "AT", "WHAT", "WHO", "FROM", "HOW IT ENDED", "DETAIL"), rows, "no lines")
