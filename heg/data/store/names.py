"""The store's dictionary of series: long names once, small numbers in every row."""

import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import NamedTuple

from heg.data.encoding import EncodingError, decode, encode
from heg.model.instance import Instance, Location
from heg.model.policy import OWNER_ONLY, Policy, Role, Stakeholder


class SeriesName(NamedTuple):
    """What a row's series number stands for. The same variable at the same place may have several sources."""

    variable: str
    location: Location
    owner: Stakeholder
    source: str


class Dictionary:
    """Numbers for names. New ones are kept as unsaved until a transaction with them is committed."""

    def __init__(self) -> None:
        self._ids: dict[SeriesName, int] = {}
        self._names: dict[int, SeriesName] = {}
        self._policies: dict[int, Policy] = {}
        self._unsaved: set[int] = set()
        self._moved: set[int] = set()

    def __len__(self) -> int:
        return len(self._names)

    def id_of(self, instance: Instance) -> int:
        """Return the number of an instance's series, a new one if it is new; takes note of its policy."""
        name = SeriesName(instance.variable, instance.location, instance.owner, instance.source)
        series = self._ids.get(name)
        if series is None:
            series = self.add(name, instance.policy)
        elif self._policies[series] is not instance.policy:
            if self._policies[series] != instance.policy:
                self._unsaved.add(series)
            self._policies[series] = instance.policy
        return series

    def add(self, name: SeriesName, policy: Policy) -> int:
        """Give a name a number."""
        series = max(self._names, default=0) + 1
        self._put(series, name, policy)
        self._unsaved.add(series)
        return series

    def name(self, series: int) -> SeriesName | None:
        """Return what a number stands for; None for a number from a damaged row."""
        return self._names.get(series)

    def policy(self, series: int) -> Policy:
        """Return the policy last written with a series."""
        return self._policies.get(series, OWNER_ONLY)

    def ids_of(self, variable: str, location: Location) -> frozenset[int]:
        """Return the numbers of a variable at a place, whatever their source."""
        return frozenset(i for n, i in self._ids.items() if n.variable == variable and n.location == location)

    def ids_owned_by(self, owner: Stakeholder) -> frozenset[int]:
        """Return the numbers of an owner's series."""
        return frozenset(series for name, series in self._ids.items() if name.owner == owner)

    def rename(self, unit: str, devices: Mapping[str, str]) -> None:
        """Give devices other names, all at once. Series that then are the same but for their number are all asked."""
        moved = {
            series: name._replace(location=replace(name.location, device=devices[name.location.device]))
            for series, name in self._names.items()
            if name.location.unit == unit and name.location.device in devices
        }
        taken = {name for series, name in self._names.items() if series not in moved}
        for series in moved:
            del self._ids[self._names[series]]
        for series, name in moved.items():
            free = name
            while free in taken:
                free = free._replace(source=f"{free.source}~{self._names[series].location.device}")
            taken.add(free)
            self._put(series, free, self._policies[series])
        self._unsaved |= moved.keys()
        self._moved |= moved.keys()

    def save(self, connection: sqlite3.Connection) -> None:
        """Write what is unsaved, inside the caller's transaction."""
        # Names may be exchanged: none may stand in another's way meanwhile.
        away = [(f"~{series}", series) for series in sorted(self._moved)]
        connection.executemany("UPDATE series SET device = ? WHERE id = ?", away)
        for series in sorted(self._unsaved):
            name = self._names[series]
            place = name.location
            row = (series, name.variable, place.unit, place.device, place.part, str(name.owner), name.source)
            connection.execute(
                "INSERT INTO series VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
                " ON CONFLICT (id) DO UPDATE"
                " SET device = excluded.device, source = excluded.source, policy = excluded.policy",
                (*row, encode(self._policies[series]).decode()),
            )

    def saved(self) -> None:
        """The transaction is committed."""
        self._unsaved.clear()
        self._moved.clear()

    def all_unsaved(self) -> None:
        """The file behind is a new one: everything must be written again."""
        self._unsaved = set(self._names)

    def load(self, connection: sqlite3.Connection) -> dict[int, int]:
        """Read the file's dictionary; returns how numbers given out before must be renumbered."""
        earlier = dict(self._names)
        policies = self._policies
        self._ids, self._names, self._policies, self._unsaved, self._moved = {}, {}, {}, set(), set()
        query = "SELECT id, variable, unit, device, part, owner, source, policy FROM series ORDER BY id"
        for series, variable, unit, device, part, owner, source, policy in connection.execute(query):
            name = SeriesName(variable, Location(unit, device, part), parse_owner(owner), source)
            self._put(series, name, _policy(policy))
        return {old: self._ids.get(name) or self.add(name, policies[old]) for old, name in earlier.items()}

    def forget(self, gone: Iterable[int]) -> None:
        """Drop numbers whose rows are erased."""
        for series in gone:
            self._ids.pop(self._names.pop(series))
            self._policies.pop(series)
            self._unsaved.discard(series)
            self._moved.discard(series)

    def _put(self, series: int, name: SeriesName, policy: Policy) -> None:
        self._ids[name] = series
        self._names[series] = name
        self._policies[series] = policy


def parse_owner(text: str) -> Stakeholder:
    """Read a stakeholder as `str` writes it; an unknown role comes back as the customer, who then alone may see it."""
    role, _, name = text.partition(":")
    try:
        return Stakeholder(Role(role), name)
    except ValueError:
        return Stakeholder(Role.CUSTOMER)


def _policy(text: str) -> Policy:
    try:
        policy = decode(text.encode(), Policy)
    except EncodingError:
        return OWNER_ONLY  # nothing is granted that cannot be read
    return policy if isinstance(policy, Policy) else OWNER_ONLY
