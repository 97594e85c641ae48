"""Commands on the owner's data: export, erase."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from heg.cli.ends import DONE, FAILED, CommandError
from heg.cli.house import House
from heg.cli.past_commands import span_of, with_span
from heg.cli.remote import ask, put, remote
from heg.cli.words import say

if TYPE_CHECKING:
    from heg.cli.parser import Add
    from heg.web.client.gateway import Gateway

_ERASING_S = 60.0


def add_to(add: Add) -> None:
    """Add the commands."""
    export = remote(add("export", _export, "everything the gateway keeps of the house, as a zip"), as_json=False)
    export.add_argument("file", type=Path, metavar="FILE.zip", help="where it goes; one that is there stays untouched")
    _with_selection(export)
    erase = remote(add("erase", _erase, "erase data of the house for good: tells first what would go"))
    _with_selection(erase)
    erase.add_argument("--yes", action="store_true", help="erase it without being asked")


def _with_selection(command: argparse.ArgumentParser) -> None:
    with_span(command, "the beginning")
    command.add_argument("--device", metavar="NAME", help="of one device; '' is the unit itself; default: all")


def _export(options: argparse.Namespace) -> int:
    def asked(gateway: Gateway) -> int:
        span = span_of(options, House(gateway))
        half = options.file.with_name(options.file.name + ".half")
        try:
            if options.file.exists():
                raise CommandError(FAILED, f"{options.file}: expected a name that is not there yet")
            with (
                gateway.download("/api/v1/export", **span, device=options.device) as chunks,
                # For its owner alone: it says when who was at home.
                _private(half) as file,
            ):
                size = sum(file.write(chunk) for chunk in chunks)
            half.rename(options.file)
        except OSError as error:
            where = f"{options.file}: expected a file that can be written"
            raise CommandError(FAILED, f"{where} ({error.strerror})") from error
        finally:
            half.unlink(missing_ok=True)
        say([f"{options.file}: {size / 1e6:.1f} MB"])
        return DONE

    return ask(options, asked)


def _erase(options: argparse.Namespace) -> int:
    def asked(gateway: Gateway) -> int:
        from heg.web.personal_messages import Confirmation, Erased, Erasure, ErasureOffer

        house = House(gateway)
        wish = Erasure(device=options.device, **span_of(options, house))
        offer = gateway.post("/api/v1/erasure", ErasureOffer, wish, within_s=_ERASING_S).message
        span = f"{house.local(offer.first)} to {house.local(offer.last)}"
        many = f"at most {offer.rows_at_most} values and {offer.rollups_at_most} roll-ups of {offer.series} series"
        lines = [f"{offer.what}: {many}, {span}"]
        if not options.yes:
            print("\n".join(lines), file=sys.stderr)
            _consent()
        said = gateway.post("/api/v1/erasure/confirm", Erased, Confirmation(confirm=offer.confirm), within_s=_ERASING_S)
        if options.json:
            return put(said.json)
        say([*(lines if options.yes else ()), said.message.text])
        return DONE

    return ask(options, asked)


def _consent() -> None:
    if not sys.stdin.isatty():
        raise CommandError(2, "nothing was erased: expected --yes, or a terminal to be asked at")
    print("It is gone for good then. Type erase to have it erased: ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip() != "erase":
        raise CommandError(FAILED, "nothing was erased")


def _private(path: Path) -> BinaryIO:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb")
