"""The tables of the accounts file, their versions and the steps between them.

A released version's tables never change. A step that only adds keeps `READABLE_BY`, so that a program that was rolled
back goes on with the file; it ignores what it does not know.
"""

import sqlite3
from collections.abc import Callable, Mapping

APPLICATION_ID = 0x68656732  # "heg2"
VERSION = 1
READABLE_BY = 1
"""The oldest version of the tables whose program may read and write this one."""

_TABLES_1 = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value ANY NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE account (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    role TEXT NOT NULL,
    password TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    until_ms INTEGER,
    enabled INTEGER NOT NULL
) STRICT;
CREATE TABLE session (
    hash BLOB PRIMARY KEY,
    account INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    used_ms INTEGER NOT NULL,
    fresh_ms INTEGER NOT NULL,
    address TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE token (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    hash BLOB NOT NULL UNIQUE,
    account INTEGER NOT NULL,
    label TEXT NOT NULL,
    scopes TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    stakeholder TEXT NOT NULL,
    ended INTEGER NOT NULL
) STRICT;
CREATE TABLE device (
    hash BLOB PRIMARY KEY,
    account INTEGER NOT NULL,
    seen_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE code (
    hash BLOB PRIMARY KEY,
    purpose TEXT NOT NULL,
    account INTEGER,
    expires_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE audit (
    seq INTEGER PRIMARY KEY,
    time_ms INTEGER NOT NULL,
    kind TEXT NOT NULL,
    who TEXT NOT NULL,
    address TEXT NOT NULL,
    outcome TEXT NOT NULL,
    detail TEXT NOT NULL,
    hash BLOB NOT NULL,
    seal BLOB NOT NULL
) STRICT;
"""
"""`meta`: `readable_by`, `claimed` once there was a claim, `base` (sealed) once old audit lines were let go.

Secrets are here as hashes only.
"""


def create(connection: sqlite3.Connection) -> None:
    """Make the tables of this version, inside the caller's transaction."""
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID:d}")
    for statement in _TABLES_1.split(";"):
        if statement.strip():
            connection.execute(statement)
    connection.execute("INSERT INTO meta VALUES ('readable_by', ?)", (READABLE_BY,))
    connection.execute(f"PRAGMA user_version = {VERSION:d}")


OLDEST = 1
STEPS: Mapping[int, Callable[[sqlite3.Connection], None]] = {}
"""From each older version to the next."""


def migrate(connection: sqlite3.Connection, found: int) -> None:
    """Bring an older file to this version, inside the caller's transaction."""
    for version in range(found, VERSION):
        STEPS[version](connection)
    connection.execute("UPDATE meta SET value = ? WHERE key = 'readable_by'", (READABLE_BY,))
    connection.execute(f"PRAGMA user_version = {VERSION:d}")
