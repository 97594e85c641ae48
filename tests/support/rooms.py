"""DESIGN.md's table of rooms as an import contract of import-linter: who may import whom, of direct imports.

Other than import-linter's own forbidden contract it is one table that reads like DESIGN.md's, it says when a module
lies in no room, and rooms that are not built yet may already have their row.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table: the names before the colon, and what stands behind it."""

    names: tuple[str, ...]
    allowed: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> Row:
        """Read `heg.data: heg.model heg.runtime`; raises ValueError when there is no colon."""
        names, colon, allowed = text.partition(":")
        if not colon or not names.strip():
            raise ValueError(f"row {text!r}: expected `names: what is allowed`, such as `heg.data: heg.model`")
        return cls(tuple(names.split()), tuple(allowed.split()))


@dataclass(frozen=True, slots=True)
class Rooms:
    """The table: each room and what of ours it may import, each outside package and the rooms it belongs to."""

    inside: Mapping[str, tuple[str, ...]]
    outside: Mapping[str, tuple[str, ...]]

    @classmethod
    def parse(cls, rooms: Iterable[str], outside: Iterable[str]) -> Rooms:
        """Read both tables; names that share a row share its right side and nothing else."""
        return cls(
            *({name: row.allowed for row in map(Row.parse, rows) for name in row.names} for rows in (rooms, outside))
        )

    def is_ours(self, module: str) -> bool:
        """True for modules of a package that has rooms."""
        return root(module) in set(map(root, self.inside))

    def is_hallway(self, module: str) -> bool:
        """True for a bare package that only holds rooms, such as `heg`."""
        return any(room.startswith(module + ".") for room in self.inside)

    def room_of(self, module: str) -> str | None:
        """The room in which a module lies."""
        return next((room for room in self.inside if is_within(module, room)), None)

    def allow(self, module: str, room: str | None, imported: str) -> bool:
        """True when a module of this room (None: a bare package) may import the other directly."""
        if not self.is_ours(imported):
            owners = self.outside.get(root(imported))
            return owners is None or any(is_within(module, owner) for owner in owners)
        if self.is_hallway(imported):
            return True
        return room is not None and any(is_within(imported, name) for name in (room, *self.inside[room]))


class RoomsContract(Contract):  # type: ignore[misc]
    """`rooms`: rows `room: what of ours it may import`; `outside`: rows `package: the only rooms that may import it`.

    A package with an empty list of rooms may be imported nowhere; one that has no row is everybody's.
    """

    type_name = "rooms"

    rooms: Any = fields.ListField(subfield=fields.StringField())
    outside: Any = fields.ListField(subfield=fields.StringField(), required=False, default=[])

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """Find every direct import that the table does not allow."""
        table = Rooms.parse(self.rooms, self.outside)
        problems = [
            problem
            for module in sorted(graph.modules)
            if table.is_ours(module)
            for problem in _problems(graph, table, module)
        ]
        return ContractCheck(kept=not problems, metadata={"problems": problems})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Print one line for each import."""
        for problem in check.metadata["problems"]:
            output.print_error(f"- {problem}")
        output.new_line()


def _problems(graph: ImportGraph, table: Rooms, module: str) -> Iterator[str]:
    room = table.room_of(module)
    if room is None and not table.is_hallway(module):
        yield f"{module} lies in no room: give its room a row in pyproject.toml, [[tool.importlinter.contracts]]"
        return
    for imported in sorted(graph.find_modules_directly_imported_by(module)):
        if not table.allow(module, room, imported):
            details: list[Any] = list(graph.get_import_details(importer=module, imported=imported))
            lines = ", ".join(str(detail["line_number"]) for detail in details)
            yield f"{module} (line {lines}) imports {imported}, which its room may not"


def root(module: str) -> str:
    """The package at the top of a dotted name."""
    return module.partition(".")[0]


def is_within(module: str, package: str) -> bool:
    """True for the package itself and everything below it."""
    return module == package or module.startswith(package + ".")
