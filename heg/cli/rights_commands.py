"""Commands on what others may see or order, and on the limits of the connection point and their evidence."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

from heg.cli.ends import DONE
from heg.cli.house import House
from heg.cli.numbers import whole, within
from heg.cli.past_commands import span_of, with_span
from heg.cli.remote import ask, put, remote, shown
from heg.cli.words import in_columns, number, say
from heg.model.envelope import EnvelopeSource

if TYPE_CHECKING:
    from heg.cli.parser import Add
    from heg.web.client.gateway import Gateway
    from heg.web.evidence_messages import EnvelopeState, EvidenceLine
    from heg.web.rights_messages import ConflictInfo, Contracts, NewDemand, Policies, SeriesPolicy
    from heg.web.state_messages import EnvelopeNow

_YEAR_S = 366 * 86_400.0
_every = within(0.0, _YEAR_S, "seconds up to 366 days, such as 900")


def add_to(add: Add) -> None:
    """Add the commands."""
    remote(add("envelope", _envelope, "the limits of the connection point now, and whose they are"))
    evidence = remote(add("evidence", _evidence, "changes of limits and leases, with the meter before and after"))
    with_span(evidence, "the last 31 days")
    evidence.add_argument(
        "--source", choices=tuple(map(str, EnvelopeSource)), help="of this source's limits; default: of all together"
    )
    evidence.add_argument("--device", metavar="NAME", help="of this device's leases")
    evidence.add_argument("--csv", action="store_true", help="CSV in place of a table")
    _add_policies(add.noun("policies", "what others may see or order: list, of, add, remove"))
    _add_contracts(add.noun("contracts", "the least rights of DSO and supplier: list, add, remove"))


def _add_policies(add: Add) -> None:
    remote(add("list", _list_policies, "the rules in force, and the contracts they do not meet"))
    of = remote(add("of", _policy_of, "who may do what with one series"))
    of.add_argument("variable", help="such as power.active")
    of.add_argument("device", nargs="?", default="", help="such as grid")
    of.add_argument("part", nargs="?", default="")
    rule = remote(add("add", _add_rule, "add a rule; one for the same is replaced"))
    rule.add_argument("stakeholder", help="such as dso:north")
    rule.add_argument("variable", help="such as power.active, a family such as power.*, or *")
    rule.add_argument("--device", default="*", metavar="NAME", help="default: all")
    rule.add_argument("--part", default="*", metavar="NAME", help="default: all")
    rule.add_argument("--service", default="*", metavar="NAME", help="of the stakeholder's; default: any")
    may = rule.add_mutually_exclusive_group()
    may.add_argument("--order", action="store_true", help="they may read and write (default: read)")
    may.add_argument("--deny", action="store_true", help="they may neither")
    rule.add_argument(
        "--every", type=_every, default=0.0, metavar="SECONDS", help="at most so often; default: any time"
    )
    _with_insist(rule)
    gone = _with_insist(remote(add("remove", _remove_rule, "remove a rule")))
    gone.add_argument("number", type=whole, metavar="NUMBER", help="as heg policies list shows it")


def _add_contracts(add: Add) -> None:
    remote(add("list", _list_contracts, "the contracts, and what of them the rules do not grant"))
    text = "add a contract, or replace the one of its name"
    example = "such as: heg contracts add grid-2026 dso:north --demand power.active@grid:900 --grant"
    contract = remote(add("add", _add_contract, text, epilog=example))
    contract.add_argument("name", help="such as grid-2026")
    contract.add_argument("stakeholder", help="such as dso:north")
    asked = "what they may read at least: VARIABLE, VARIABLE@DEVICE, VARIABLE:SECONDS; several times for more"
    contract.add_argument("--demand", action="append", required=True, type=_demand, metavar="WHAT", help=asked)
    contract.add_argument("--from", dest="since", metavar="TIME", help="default: now")
    contract.add_argument("--to", dest="until", metavar="TIME", help="default: no end")
    contract.add_argument("--grant", action="store_true", help="add the rules that it needs")
    _with_insist(contract)
    remote(add("remove", _remove_contract, "end a contract")).add_argument(
        "name", help="as heg contracts list shows it"
    )


def _with_insist(command: argparse.ArgumentParser) -> argparse.ArgumentParser:
    command.add_argument("--insist", action="store_true", help="even where a contract is not met then")
    return command


def _demand(text: str) -> tuple[str, str, float]:
    """Read `power.active@grid:900`: a variable, perhaps a device, perhaps the seconds between two looks."""
    what, colon, seconds = text.partition(":")
    variable, _, device = what.partition("@")
    if not variable:
        raise argparse.ArgumentTypeError(f"{text[:40]!r}: expected such as power.active@grid:900")
    return variable, device or "*", _every(seconds) if colon else 0.0


def _envelope(options: argparse.Namespace) -> int:
    from heg.web.evidence_messages import EnvelopeState

    return shown(options, "/api/v1/envelope", EnvelopeState, _envelope_lines)


def _envelope_lines(told: EnvelopeState, house: House) -> Iterable[str]:
    if told.envelope is None:
        yield "no limits are known yet"
        return
    yield f"{_interval(told.envelope)}, since {house.local(told.since_utc)}"
    head = ("SOURCE", "FROM kW", "TO kW", "A PER PHASE", "WHY")
    rows = (
        (one.source, number(one.min_kw), number(one.max_kw), number(one.max_a_per_phase, 1), one.text)
        for one in told.envelope.limits
    )
    yield from in_columns(head, rows, "nobody limits it")


def _interval(now: EnvelopeNow) -> str:
    low, high = number(now.min_kw), number(now.max_kw)
    by = " and ".join(sorted({source for source in (now.min_source, now.max_source) if source})) or "nobody"
    return f"the grid may carry {low} to {high} kW, by {by}"


def _evidence(options: argparse.Namespace) -> int:
    def asked(gateway: Gateway) -> int:
        house = House(gateway)
        query = {**span_of(options, house), "source": options.source, "device": options.device}
        if options.csv:
            with gateway.download("/api/v1/evidence", **query, format="csv") as chunks:
                for chunk in chunks:
                    sys.stdout.buffer.write(chunk)
            sys.stdout.buffer.flush()
            return DONE
        lines = _all_lines(gateway, query)
        if options.json:
            import msgspec

            from heg.web.evidence_messages import EvidencePage

            return put(msgspec.json.encode(EvidencePage(lines=tuple(lines), next_cursor=None)))
        say(_evidence_lines(lines, house))
        return DONE

    return ask(options, asked)


def _all_lines(gateway: Gateway, query: dict[str, object]) -> list[EvidenceLine]:
    from heg.web.evidence_messages import EvidencePage

    lines: list[EvidenceLine] = []
    cursor: str | None = None
    while True:
        page = gateway.get("/api/v1/evidence", EvidencePage, **query, cursor=cursor).message
        lines += page.lines
        if page.next_cursor is None or page.next_cursor == cursor:
            return lines
        cursor = page.next_cursor


def _evidence_lines(lines: Iterable[EvidenceLine], house: House) -> Iterable[str]:
    head = ("AT", "WHOSE", "DEVICE", "WHAT", "WHY", "GRID BEFORE kW", "AFTER kW")
    rows = (
        (
            *(house.local(one.time), one.source or "-", one.device or "-", one.what, one.text or one.reason),
            *(number(one.grid_before_kw), number(one.grid_after_kw)),
        )
        for one in lines
    )
    return in_columns(head, rows, "nothing changed")


def _list_policies(options: argparse.Namespace) -> int:
    from heg.web.rights_messages import Policies

    return shown(options, "/api/v1/policies", Policies, _policy_lines)


def _policy_lines(told: Policies, house: House) -> Iterable[str]:
    rows = ((str(one.number), one.text) for one in (*told.rules, *told.of_roles))
    yield from in_columns(("NUMBER", "RULE"), rows, "nobody else may see anything")
    if told.change:
        yield f"last changed {house.local(told.changed_utc)} by {told.by}: {told.change}"
    yield from _conflict_lines(told.conflicts)


def _conflict_lines(conflicts: Iterable[ConflictInfo]) -> Iterable[str]:
    return (f"not met: {one.text}" for one in conflicts)


def _policy_of(options: argparse.Namespace) -> int:
    from heg.web.rights_messages import SeriesPolicy

    place = {"variable": options.variable, "device": options.device, "part": options.part}
    return shown(options, "/api/v1/policies/series", SeriesPolicy, _series_lines, **place)


def _series_lines(told: SeriesPolicy, _house: House) -> Iterable[str]:
    yield f"it is {told.owner}'s{', who said it with the value' if told.given else ''}"
    rows = (
        (one.stakeholder, one.service, " and ".join(map(str, one.rights)) or "nothing", f"{one.min_delay_s:g} s")
        for one in told.grants
    )
    yield from in_columns(("WHO", "SERVICE", "MAY", "AT MOST EVERY"), rows, "nobody else may see it")


def _add_rule(options: argparse.Namespace) -> int:
    def asked(gateway: Gateway) -> int:
        from heg.model.policy import Right
        from heg.web.rights_messages import NewRule, Policies

        rights = () if options.deny else (Right.READ, Right.WRITE) if options.order else (Right.READ,)
        rule = NewRule(
            stakeholder=options.stakeholder,
            service=options.service,
            variable=options.variable,
            device=options.device,
            part=options.part,
            rights=rights,
            min_delay_s=options.every,
            insist=options.insist,
        )
        said = gateway.post("/api/v1/policies", Policies, rule)
        return _told(options, said.json, _policy_lines(said.message, House(gateway)))

    return ask(options, asked)


def _remove_rule(options: argparse.Namespace) -> int:
    def asked(gateway: Gateway) -> int:
        from heg.web.rights_messages import Policies, Removal

        said = gateway.post(f"/api/v1/policies/{options.number}/remove", Policies, Removal(insist=options.insist))
        return _told(options, said.json, _policy_lines(said.message, House(gateway)))

    return ask(options, asked)


def _list_contracts(options: argparse.Namespace) -> int:
    from heg.web.rights_messages import Contracts

    return shown(options, "/api/v1/contracts", Contracts, _contract_lines)


def _contract_lines(told: Contracts, house: House) -> Iterable[str]:
    rows = (
        (one.name, one.stakeholder, "yes" if one.holds else "no", house.local(one.since), house.local(one.until), text)
        for one in told.contracts
        for text in (demand.text for demand in one.demands)
    )
    yield from in_columns(("NAME", "WITH", "HOLDS", "FROM", "TO", "ASKS FOR"), rows, "no contracts")
    yield from _conflict_lines(told.conflicts)


def _add_contract(options: argparse.Namespace) -> int:
    def asked(gateway: Gateway) -> int:
        from heg.web.rights_messages import Contracts, NewContract

        house = House(gateway)
        contract = NewContract(
            name=options.name,
            stakeholder=options.stakeholder,
            demands=tuple(_new_demand(*one) for one in options.demand),
            grant=options.grant,
            insist=options.insist,
            since=house.moment(options.since, "--from"),
            until=house.moment(options.until, "--to"),
        )
        said = gateway.post("/api/v1/contracts", Contracts, contract)
        return _told(options, said.json, _contract_lines(said.message, house))

    return ask(options, asked)


def _new_demand(variable: str, device: str, every_s: float) -> NewDemand:
    from heg.web.rights_messages import NewDemand

    return NewDemand(variable=variable, device=device, min_delay_s=every_s)


def _remove_contract(options: argparse.Namespace) -> int:
    def asked(gateway: Gateway) -> int:
        from urllib.parse import quote

        from heg.web.rights_messages import Contracts

        said = gateway.post(f"/api/v1/contracts/{quote(options.name, safe='')}/remove", Contracts)
        return _told(options, said.json, _contract_lines(said.message, House(gateway)))

    return ask(options, asked)


def _told(options: argparse.Namespace, json: bytes, lines: Iterable[str]) -> int:
    if options.json:
        return put(json)
    say(lines)
    return DONE
