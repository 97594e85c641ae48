"""The accounts file: opened and checked against its sealed head; what is not whole is never used, and never deleted.

Blocking; each connection belongs to the thread that opened it. The console's commands open it beside the gateway.
"""

import hmac
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from heg.web.accounts import schema
from heg.web.accounts.chain import GENESIS, SEAL_BYTES, Head, seal
from heg.web.accounts.seal import EMPTY, Sealed, SealedHead, SealError

NAME = "accounts.sqlite"
_BESIDE = ("-wal", "-shm")


class DamagedError(Exception):
    """The file is not what this unit wrote last; the text says what was found."""


class AccountsFile:
    """An open, checked file with its key. Every change goes through `change()`."""

    def __init__(self, connection: sqlite3.Connection, beside: SealedHead, key: bytes) -> None:
        self.connection = connection
        self.key = key
        self._beside = beside

    @classmethod
    def open(cls, folder: Path) -> "AccountsFile":
        """Open the file, make or migrate it. Raises `DamagedError`, or OSError where the disk does not do it."""
        beside = SealedHead(folder)
        try:
            with beside.alone():
                return cls._open(folder, beside)
        except SealError as error:
            raise DamagedError(str(error)) from error
        except (sqlite3.Error, ValueError, TypeError) as error:  # what SQLite says of a damaged file may be no text
            raise DamagedError(f"{NAME}: {error}") from error

    @classmethod
    def _open(cls, folder: Path, beside: SealedHead) -> "AccountsFile":
        path = folder / NAME
        new = not path.exists()
        # Key and head come before the file: a file without them is one that was tampered with.
        key = beside.begin() if new and not beside.exists else beside.key()
        sealed = beside.read(key)
        if new and sealed != EMPTY:
            raise DamagedError(f"{NAME} is missing")
        connection = connect(path)
        try:
            _bring_to(connection, path)
            _check(connection, sealed, key)
        except BaseException:
            connection.close()
            raise
        return cls(connection, beside, key)

    @contextmanager
    def change(self) -> Iterator[sqlite3.Connection]:
        """All or nothing, durable on return, and then sealed."""
        with self._beside.alone():
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                yield self.connection
                self.connection.execute("COMMIT")
            except BaseException:
                if self.connection.in_transaction:
                    self.connection.execute("ROLLBACK")
                raise
            sealed = self._beside.read(self.key)
            claimed = is_claimed(self.connection)
            now = Sealed(base_of(self.connection, self.key), head_of(self.connection), claimed)
            if now != sealed:
                self._beside.write(now, self.key)

    def sealed(self) -> Sealed:
        """Return the head that was sealed last. Raises `SealError`."""
        return self._beside.read(self.key)

    def close(self) -> None:
        """Close the file."""
        self.connection.close()


def connect(path: Path) -> sqlite3.Connection:
    """Open SQLite as this file wants it: durable at each commit, for this user alone."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    connection = sqlite3.connect(path, timeout=5.0, isolation_level=None)
    # Text that was tampered with until it is none must be found by verifying, not break reading.
    connection.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
    try:
        for pragma in (
            "journal_mode = WAL",
            "synchronous = FULL",
            "wal_autocheckpoint = 64",
            "journal_size_limit = 524288",
            "cache_size = -256",
            "secure_delete = ON",
            "trusted_schema = OFF",
        ):
            connection.execute(f"PRAGMA {pragma}").fetchall()
    except BaseException:
        connection.close()
        raise
    return connection


def put_aside(folder: Path, mark: str) -> Path | None:
    """Rename a damaged file with all that belongs to it; None when there is none. Nothing is ever deleted here."""
    target, number = folder / f"{NAME}.damaged-{mark}", 1
    while target.exists():
        number += 1
        target = folder / f"{NAME}.damaged-{mark}-{number}"
    found = False
    for source, kept in (
        *((folder / f"{NAME}{suffix}", Path(f"{target}{suffix}")) for suffix in ("", *_BESIDE)),
        (folder / "accounts.head", Path(f"{target}.head")),
        (folder / "accounts.key", Path(f"{target}.key")),
    ):
        if source.exists():
            source.rename(kept)
            found = True
    return target if found else None


def head_of(connection: sqlite3.Connection) -> Head:
    """Return where the chain in the file stands."""
    row = connection.execute("SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1").fetchone()
    return GENESIS if row is None else Head(*row)


def base_of(connection: sqlite3.Connection, key: bytes) -> Head:
    """Return the head before the first line that is kept. Raises `DamagedError` where it is not the unit's own."""
    row = connection.execute("SELECT value FROM meta WHERE key = 'base'").fetchone()
    if row is None:
        return GENESIS
    body, mark = bytes(row[0][:-SEAL_BYTES]), bytes(row[0][-SEAL_BYTES:])
    if not hmac.compare_digest(seal(key, body), mark):
        raise DamagedError(f"{NAME}: the begin of its audit log is not the one that was written")
    return Head(int.from_bytes(body[:8], "big"), body[8:])


def let_go(connection: sqlite3.Connection, until: Head, key: bytes) -> None:
    """Take lines up to a head out of the chain, inside the caller's change; the rest goes on from it."""
    body = until.seq.to_bytes(8, "big") + until.hash
    connection.execute("INSERT OR REPLACE INTO meta VALUES ('base', ?)", (body + seal(key, body),))
    connection.execute("DELETE FROM audit WHERE seq <= ?", (until.seq,))


def is_claimed(connection: sqlite3.Connection) -> bool:
    """Tell whether there was a claim."""
    return connection.execute("SELECT 1 FROM meta WHERE key = 'claimed'").fetchone() is not None


def _bring_to(connection: sqlite3.Connection, path: Path) -> None:
    (found,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if not tables:
        with connection:
            connection.execute("BEGIN IMMEDIATE")
            schema.create(connection)
        return
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    if application != schema.APPLICATION_ID:
        raise DamagedError(f"{NAME}: expected this program's file, came another database")
    if found > schema.VERSION:
        _check_readable(connection, found)
    elif found < schema.OLDEST:
        raise DamagedError(f"{NAME}: expected tables of version {schema.OLDEST} or later, came {found}")
    elif found < schema.VERSION:
        _copy(connection, Path(f"{path}.v{found}"))
        with connection:
            connection.execute("BEGIN IMMEDIATE")
            schema.migrate(connection, found)


def _check_readable(connection: sqlite3.Connection, found: int) -> None:
    row = connection.execute("SELECT value FROM meta WHERE key = 'readable_by'").fetchone()
    if row is None or row[0] > schema.VERSION:
        raise DamagedError(f"{NAME}: written by a newer version (tables {found}); install that version again")


def _copy(connection: sqlite3.Connection, target: Path) -> None:
    half = Path(f"{target}.half")
    half.unlink(missing_ok=True)
    os.close(os.open(half, os.O_RDWR | os.O_CREAT, 0o600))
    with closing(sqlite3.connect(half)) as copy:
        connection.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE").fetchall()
    shutil.move(half, target)


def _check(connection: sqlite3.Connection, sealed: Sealed, key: bytes) -> None:
    findings = [text for (text,) in connection.execute("PRAGMA quick_check(3)")]
    if findings != ["ok"]:
        raise DamagedError(f"{NAME}: {'; '.join(findings)[:200]}")
    head = head_of(connection)
    if head.seq < sealed.head.seq:
        raise DamagedError(f"{NAME}: its audit log ends at line {head.seq}, but line {sealed.head.seq} was written")
    if sealed.head.seq > base_of(connection, key).seq:
        row = connection.execute("SELECT hash FROM audit WHERE seq = ?", (sealed.head.seq,)).fetchone()
        if row is None or row[0] != sealed.head.hash:
            raise DamagedError(f"{NAME}: line {sealed.head.seq} of its audit log is not the one that was written")
    if sealed.claimed and not is_claimed(connection):
        raise DamagedError(f"{NAME}: it was claimed, and says it was not")
