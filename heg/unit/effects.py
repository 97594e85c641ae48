"""What a new configuration does to a running unit, told before it is done. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace

import msgspec

from heg.config.reader import LoadedConfig
from heg.config.schema import HegConfig
from heg.unit.parts import Difference


@dataclass(frozen=True, slots=True)
class Effects:
    """What begins, ends and begins anew, each a task; what changes in place; what waits for the next start, by key."""

    restarts: tuple[str, ...] = ()
    begins: tuple[str, ...] = ()
    ends: tuple[str, ...] = ()
    in_place: tuple[str, ...] = ()
    renames: tuple[str, ...] = ()
    at_next_start: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """Say it in a sentence."""
        return "; ".join(_phrases(self)) or "nothing that runs is touched"

    def plain(self) -> dict[str, object]:
        """Return it as plain values, for an answer."""
        return {field.name: list(getattr(self, field.name)) for field in fields(self)}


def effects(
    parts: Difference, in_place: tuple[str, ...], renames: Mapping[str, str], at_next_start: tuple[str, ...]
) -> Effects:
    """Put together what is known of each kind."""
    called = tuple(f"{old} is called {new}" for old, new in renames.items())
    return Effects(parts.renewed, parts.begun, parts.ended, in_place, called, at_next_start)


def settled(wanted: LoadedConfig, started: HegConfig) -> LoadedConfig:
    """Return what of a configuration can hold while the process runs: the rest stays as it was at its start."""
    unit = msgspec.structs.replace(wanted.unit.unit, id=started.unit.id, state_dir=started.unit.state_dir)
    fixed = msgspec.structs.replace(
        wanted.unit, unit=unit, clock=started.clock, control=started.control, store=started.store
    )
    return replace(wanted, unit=fixed)


def waiting(wanted: HegConfig, started: HegConfig) -> tuple[str, ...]:
    """Name the keys that take effect at the next start."""
    return (
        *_differing("unit", wanted.unit, started.unit, only=("id", "state_dir")),
        *_differing("clock", wanted.clock, started.clock),
        *_differing("control", wanted.control, started.control),
        *_differing("store", wanted.store, started.store),
    )


def _differing(
    section: str, wanted: msgspec.Struct | None, started: msgspec.Struct | None, only: tuple[str, ...] = ()
) -> Iterator[str]:
    if wanted is None or started is None:
        if wanted is not started:
            yield f"[{section}]"
        return
    for field in msgspec.structs.fields(wanted):
        new, old = getattr(wanted, field.name), getattr(started, field.name)
        if new != old and (not only or field.name in only):
            yield f"[{section}] {field.encode_name}"


def _phrases(what: Effects) -> Iterator[str]:
    for names, one, many in (
        (what.restarts, "restarts", "restart"),
        (what.begins, "begins", "begin"),
        (what.ends, "ends", "end"),
        (what.in_place, "changes while it runs", "change while they run"),
        (what.renames, "with its history", "with their history"),
        (what.at_next_start, "takes effect at the next start", "take effect at the next start"),
    ):
        if names:
            yield f"{', '.join(names)} {one if len(names) == 1 else many}"
