"""The store's file: opened, checked, migrated after a copy is made, put aside when damaged or newer than we are."""

import contextlib
import os
import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from heg.data.store.schema import APPLICATION_ID, Schema
from heg.data.store.settings import StoreSettings

_KEEP_ASIDE = 2
_BESIDE = ("-wal", "-shm")


class CorruptError(sqlite3.DatabaseError):
    """The file opens but is not a whole store of ours."""


class NewerError(Exception):
    """The file was written by a newer version of this program."""

    def __init__(self, found: int) -> None:
        super().__init__(f"version {found}")
        self.found = found


@dataclass(frozen=True, slots=True)
class Opened:
    """An open, checked store. `note` tells the owner when something was put aside on the way."""

    connection: sqlite3.Connection
    note: str = ""


def open_store(settings: StoreSettings, schema: Schema) -> Opened:
    """Open the file, create or migrate it; raises `sqlite3.Error` or `OSError`."""
    settings.path.parent.mkdir(parents=True, exist_ok=True)
    try:
        return Opened(_open_checked(settings, schema))
    except NewerError as newer:
        note = _step_back(settings.path, newer.found, schema.version)
    return Opened(_open_checked(settings, schema), note)


def check_whole(connection: sqlite3.Connection) -> None:
    """Raise `CorruptError` where the file is not whole."""
    findings = [text for (text,) in connection.execute("PRAGMA quick_check(5)")]
    if findings != ["ok"]:
        raise CorruptError("; ".join(findings)[:300])


def put_aside(path: Path, mark: str) -> Path:
    """Rename a damaged file with its log; keeps the newest few so that they cannot fill the disk."""
    target = _free_name(path, f"corrupt-{mark}")
    for suffix in ("", *_BESIDE):
        source = Path(f"{path}{suffix}")
        if source.exists():
            source.rename(f"{target}{suffix}")
    earlier = sorted(
        (p for p in path.parent.glob(f"{path.name}.corrupt-*") if not p.name.endswith(_BESIDE)), key=os.path.getmtime
    )
    for old in earlier[:-_KEEP_ASIDE]:
        remove_with_log(old)
    return target


def files_aside(path: Path) -> list[Path]:
    """Return every file put aside or copied before a migration."""
    return [p for p in path.parent.glob(f"{path.name}.*") if not p.name.endswith((*_BESIDE, ".reserve"))]


def remove_with_log(path: Path) -> None:
    """Delete a store file and what lies beside it."""
    for suffix in ("", *_BESIDE):
        Path(f"{path}{suffix}").unlink(missing_ok=True)


def hold_reserve(settings: StoreSettings) -> bool:
    """Take room on the disk for the day it is full; False when there is none to take."""
    path, size = _reserve(settings), settings.reserve_bytes
    try:
        if path.stat().st_size == size:
            return True
    except FileNotFoundError:
        pass
    except OSError:
        return False
    try:
        with path.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, size)
    except OSError:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
        return False
    return True


def spend_reserve(settings: StoreSettings) -> bool:
    """Give the room back when the disk itself is full: the log must be folded in before anything can be taken out."""
    try:
        if shutil.disk_usage(settings.path.parent).free >= settings.reserve_bytes:
            return False  # it is our own bound that is reached
        _reserve(settings).unlink()
    except OSError:
        return False
    return True


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All or nothing."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _open_checked(settings: StoreSettings, schema: Schema) -> sqlite3.Connection:
    connection = _connect(settings)
    try:
        _check_ours(connection)
        _bring_to(connection, schema, settings.path)
    except BaseException:
        connection.close()
        raise
    return connection


def _reserve(settings: StoreSettings) -> Path:
    return Path(f"{settings.path}.reserve")


def _connect(settings: StoreSettings) -> sqlite3.Connection:
    # Created before SQLite sees it, so that nobody else may read it: what a house does is nobody's business.
    os.close(os.open(settings.path, os.O_RDWR | os.O_CREAT, 0o600))
    connection = sqlite3.connect(settings.path, timeout=5.0, isolation_level=None)
    try:
        for pragma in (
            f"page_size = {settings.page_bytes:d}",
            "auto_vacuum = INCREMENTAL",
            "journal_mode = WAL",
            # FULL: a commit is on the disk when it returns; NORMAL would lose commits in a power cut.
            "synchronous = FULL",
            f"wal_autocheckpoint = {settings.checkpoint_pages:d}",
            f"journal_size_limit = {settings.checkpoint_pages * settings.page_bytes * 2:d}",
            "cache_size = -1024",
            "temp_store = MEMORY",
            "trusted_schema = OFF",
        ):
            connection.execute(f"PRAGMA {pragma}").fetchall()
        (page_bytes,) = connection.execute("PRAGMA page_size").fetchone()
        connection.execute(f"PRAGMA max_page_count = {max(64, settings.max_file_bytes // page_bytes):d}").fetchall()
    except BaseException:
        connection.close()
        raise
    return connection


def _check_ours(connection: sqlite3.Connection) -> None:
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if tables and application != APPLICATION_ID:
        raise CorruptError("a database of another program")
    (found,) = connection.execute("PRAGMA user_version").fetchone()
    if tables and found < 1:
        raise CorruptError(f"tables of version {found}, which never was")


def _bring_to(connection: sqlite3.Connection, schema: Schema, path: Path) -> None:
    (found,) = connection.execute("PRAGMA user_version").fetchone()
    if found == schema.version:
        return
    if found > schema.version:
        raise NewerError(found)
    if found:
        copy_to(connection, Path(f"{path}.v{found}"))
    with transaction(connection):
        if not found:
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID:d}")
            schema.create(connection)
            connection.execute("INSERT INTO meta VALUES ('store', lower(hex(randomblob(8))))")
            connection.execute(f"PRAGMA user_version = {schema.version:d}")
        else:
            schema.migrate(connection, found)


def copy_to(connection: sqlite3.Connection, target: Path) -> None:
    """Write a consistent copy; a half-written one never carries the final name."""
    half = Path(f"{target}.half")
    remove_with_log(half)
    os.close(os.open(half, os.O_RDWR | os.O_CREAT, 0o600))
    copy = sqlite3.connect(half)
    try:
        connection.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE").fetchall()
    finally:
        copy.close()
    half.replace(target)


def _step_back(path: Path, found: int, ours: int) -> str:
    """The program was rolled back: keep the newer file for its return, go on with the copy made before migrating."""
    newer = _free_name(path, f"v{found}")
    for suffix in ("", *_BESIDE):
        source = Path(f"{path}{suffix}")
        if source.exists():
            source.rename(f"{newer}{suffix}")
    copy = Path(f"{path}.v{ours}")
    if copy.exists():
        copy.rename(path)
        return f"the store was written by a newer version and is kept as {newer.name}; its copy from before is in use"
    return f"the store was written by a newer version and is kept as {newer.name}; a new one is in use"


def _free_name(path: Path, mark: str) -> Path:
    candidate = Path(f"{path}.{mark}")
    number = 1
    while candidate.exists():
        number += 1
        candidate = Path(f"{path}.{mark}-{number}")
    return candidate
