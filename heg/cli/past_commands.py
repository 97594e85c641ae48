"""Commands on the house's past as a whole: energy in equal steps, and the books."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from heg.cli.remote import ask, put, remote
from heg.cli.words import in_columns, number, say, share

if TYPE_CHECKING:
    import argparse

    from heg.cli.house import House
    from heg.cli.parser import Add
    from heg.web.client.gateway import Gateway
    from heg.web.history_messages import EnergyHistory
    from heg.web.savings_messages import SavingsTable


def add_to(add: Add) -> None:
    """Add the commands."""
    energy = remote(add("energy", _energy, "house, PV, battery and grid in equal steps of the past"))
    with_span(energy, "the last 48 hours")
    energy.add_argument("--resolution", choices=("1min", "15min", "1h", "1d"), default="1h", help="default: 1h")
    savings = remote(add("savings", _savings, "what slots, days or months cost, and what the battery saved"))
    with_span(savings, "the last 31 days")
    savings.add_argument("--by", choices=("slot", "day", "month"), default="day", help="what a row is, default: day")


def with_span(command: argparse.ArgumentParser, default: str) -> argparse.ArgumentParser:
    """Let a command be told from when until when."""
    times = "a day, a time by the house's clock, today, yesterday, 48h, 7d"
    command.add_argument("--from", dest="since", metavar="TIME", help=f"{times}; default: {default}")
    command.add_argument("--to", dest="until", metavar="TIME", help="default: now")
    return command


def span_of(options: argparse.Namespace, house: House) -> dict[str, datetime | None]:
    """Return the times that were said, as a query has them. Raises `CommandError`."""
    return {"since": house.moment(options.since, "--from"), "until": house.moment(options.until, "--to")}


def _energy(options: argparse.Namespace) -> int:
    def asked(gateway: Gateway) -> int:
        from heg.cli.house import House
        from heg.web.history_messages import EnergyHistory

        house = House(gateway)
        span = span_of(options, house)
        said = gateway.get("/api/v1/energy", EnergyHistory, **span, resolution=options.resolution)
        if options.json:
            return put(said.json)
        say(_energy_lines(said.message, house))
        return 0

    return ask(options, asked)


def _energy_lines(told: EnergyHistory, house: House) -> Iterable[str]:
    columns = (told.house_kw, told.pv_kw, told.battery_kw, told.grid_kw)
    times = steps(told.start_utc, told.step_s, len(told.house_kw), house)
    rows = (
        (time, *(number(kw) for kw in kws), share(soc))
        for time, kws, soc in zip(times, zip(*columns, strict=False), told.soc, strict=False)
    )
    return in_columns(("FROM", "HOUSE kW", "PV kW", "BATTERY kW", "GRID kW", "CHARGED"), rows, "nothing was measured")


def steps(start_utc: str, step_s: int, count: int, house: House) -> Sequence[str]:
    """Return the beginnings of equal steps by the house's clock."""
    try:
        start = datetime.fromisoformat(start_utc)
        return [house.local((start + at * timedelta(seconds=step_s)).isoformat()) for at in range(count)]
    except (ValueError, OverflowError):
        return [start_utc] * count


def _savings(options: argparse.Namespace) -> int:
    def asked(gateway: Gateway) -> int:
        from heg.cli.house import House
        from heg.web.savings_messages import SavingsTable

        house = House(gateway)
        said = gateway.get("/api/v1/savings", SavingsTable, **span_of(options, house), by=options.by)
        if options.json:
            return put(said.json)
        say(_savings_lines(said.message, house))
        return 0

    return ask(options, asked)


def _savings_lines(told: SavingsTable, house: House) -> Iterable[str]:
    head = ("FROM", "BOUGHT kWh", "SOLD kWh", "EUR", "SAVED EUR", "AGAINST THE RULE EUR", "PRICED", "METERED")
    columns = zip(
        *(told.start_utc, told.actual.import_kwh, told.actual.export_kwh, told.actual.energy_eur),
        *(told.saved_no_battery_eur, told.saved_rule_eur, told.priced_share, told.metered_share),
        strict=False,
    )
    rows = (
        (
            *(house.local(start), number(bought, 2), number(sold, 2), number(eur, 2)),
            *(number(saved, 2), number(over_rule, 2), share(priced), share(metered)),
        )
        for start, bought, sold, eur, saved, over_rule, priced, metered in columns
    )
    yield from in_columns(head, rows, "nothing was booked yet")
    if told.running and told.start_utc:
        yield f"the last {told.by} is not over"
