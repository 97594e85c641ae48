"""The store's tables, their versions and how an older file becomes a newer one.

A released version's tables never change; a change is a new version with a migration and a fixture in
`tests/data/store/versions/` (DESIGN.md, Data outlives versions).
"""

import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

APPLICATION_ID = 0x68656731  # "heg1": what `file` and a repair tool can tell the store by

_TABLES_1 = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value ANY NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE boot (id INTEGER PRIMARY KEY, started_ms INTEGER NOT NULL) STRICT;
CREATE TABLE series (
    id INTEGER PRIMARY KEY,
    variable TEXT NOT NULL,
    unit TEXT NOT NULL,
    device TEXT NOT NULL,
    part TEXT NOT NULL,
    owner TEXT NOT NULL,
    source TEXT NOT NULL,
    policy TEXT NOT NULL,
    UNIQUE (variable, unit, device, part, owner, source)
) STRICT;
CREATE TABLE frame (
    id INTEGER PRIMARY KEY,
    boot INTEGER NOT NULL,
    first_sequence INTEGER NOT NULL,
    last_sequence INTEGER NOT NULL,
    from_ms INTEGER NOT NULL,
    until_ms INTEGER NOT NULL,
    label_ms INTEGER NOT NULL,
    arrived_ms INTEGER NOT NULL,
    rows INTEGER NOT NULL,
    kept INTEGER NOT NULL,
    expired INTEGER NOT NULL,
    body BLOB NOT NULL
) STRICT;
CREATE INDEX frame_time ON frame (until_ms, from_ms);
CREATE TABLE rollup (id INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT;
CREATE TABLE prompt (
    boot INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    series INTEGER NOT NULL,
    time_ms INTEGER NOT NULL,
    quality TEXT NOT NULL,
    value BLOB NOT NULL,
    PRIMARY KEY (boot, sequence)
) STRICT, WITHOUT ROWID;
CREATE TABLE newest (
    series INTEGER PRIMARY KEY,
    time_ms INTEGER NOT NULL,
    quality TEXT NOT NULL,
    value BLOB NOT NULL
) STRICT;
"""
"""`rollup.id` is level * 2**40 + start in minutes since 1970: each resolution grows at its own end.

`frame.rows` counts what is in the body, `frame.kept` what of it outlives the raw values (commands, evidence, ...),
`frame.expired` what retention has taken out. Ids never repeat while a later frame stands: cursors need that.
`frame.label_ms` is the UTC label of its flush, `frame.arrived_ms` the monotonic time of its last row within its boot.
`prompt` holds what was committed at once until the flush puts it into a frame. `newest` holds what refills the image
at the next start where the last frames may not have it. Values in `prompt` and `newest` are JSON.
"""

Migration = Callable[[sqlite3.Connection], None]


def _create_1(connection: sqlite3.Connection) -> None:
    for statement in _TABLES_1.split(";"):
        if statement.strip():
            connection.execute(statement)


@dataclass(frozen=True, slots=True)
class Schema:
    """The version this program writes, how to make a new file of it, and the step from each older one to the next."""

    version: int
    create: Migration
    steps: Mapping[int, Migration] = field(default_factory=dict)

    def migrate(self, connection: sqlite3.Connection, found: int) -> None:
        """Take a file from version `found` to ours, inside the caller's transaction."""
        for version in range(found, self.version):
            self.steps[version](connection)
        connection.execute(f"PRAGMA user_version = {self.version:d}")


CURRENT = Schema(1, _create_1)
