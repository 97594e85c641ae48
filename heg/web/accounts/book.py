"""The statements on the accounts file: each method reads or writes one kind of record, inside the caller's change."""

import sqlite3
from collections.abc import Iterator, Mapping

from heg.model.policy import Role as StakeholderRole
from heg.model.policy import Stakeholder
from heg.web.accounts.chain import Head, Kind, Line, Note, link
from heg.web.accounts.file import head_of, is_claimed, let_go
from heg.web.accounts.records import Account, Code, Purpose, Session, Token
from heg.web.accounts.roles import Permission, Role

_ACCOUNT = "SELECT id, name, role, created_ms, password, until_ms, enabled FROM account"
_SESSION = "SELECT hash, account, created_ms, used_ms, fresh_ms, address FROM session"
_TOKENS = "SELECT id, hash, account, label, scopes, created_ms, expires_ms, stakeholder, ended FROM token"
_LINE = "SELECT seq, time_ms, kind, who, address, outcome, detail, hash, seal FROM audit"


class Book:
    """Records in a connection's file."""

    def __init__(self, connection: sqlite3.Connection, key: bytes) -> None:
        self._run = connection.execute
        self._connection = connection
        self._key = key

    # accounts

    def accounts(self) -> list[Account]:
        """Return everybody, by name."""
        return [_account(row) for row in self._run(f"{_ACCOUNT} ORDER BY name")]

    def account(self, number: int) -> Account | None:
        """Return one by number."""
        return next((_account(row) for row in self._run(f"{_ACCOUNT} WHERE id = ?", (number,))), None)

    def account_named(self, name: str) -> Account | None:
        """Return one by name."""
        return next((_account(row) for row in self._run(f"{_ACCOUNT} WHERE name = ?", (name,))), None)

    def add_account(self, name: str, role: Role, created_ms: int, until_ms: int | None, password: str = "") -> int:
        """Add one and return its number; numbers are never used twice."""
        done = self._run(
            "INSERT INTO account (name, role, password, created_ms, until_ms, enabled) VALUES (?, ?, ?, ?, ?, 1)",
            (name, str(role), password, created_ms, until_ms),
        )
        assert done.lastrowid is not None
        return done.lastrowid

    def set_password(self, account: int, encoded: str) -> None:
        """Replace the encoded hash."""
        self._run("UPDATE account SET password = ? WHERE id = ?", (encoded, account))

    def set_role(self, account: int, role: Role, until_ms: int | None, *, enabled: bool) -> None:
        """Replace role, end and whether the person may act at all."""
        self._run(
            "UPDATE account SET role = ?, until_ms = ?, enabled = ? WHERE id = ?",
            (str(role), until_ms, int(enabled), account),
        )

    def remove_account(self, account: int) -> None:
        """Remove a person with all that is theirs but the audit log."""
        for table in ("session", "token", "device", "code"):
            self._run(f"DELETE FROM {table} WHERE account = ?", (account,))  # noqa: S608 - names of ours
        self._run("DELETE FROM account WHERE id = ?", (account,))

    def set_claimed(self) -> None:
        """Note that there was a claim; nothing takes it back."""
        self._run("INSERT OR REPLACE INTO meta VALUES ('claimed', 1)")

    def is_claimed(self) -> bool:
        """Tell whether there was a claim."""
        return is_claimed(self._connection)

    # sessions and devices

    def sessions(self) -> list[Session]:
        """Return every session."""
        return [Session(*row) for row in self._run(_SESSION)]

    def add_session(self, session: Session, keep: int) -> None:
        """Add one; of the person's others the `keep` - 1 used last stay."""
        self._run(
            "DELETE FROM session WHERE account = ? AND hash NOT IN"
            " (SELECT hash FROM session WHERE account = ? ORDER BY used_ms DESC LIMIT ?)",
            (session.account, session.account, keep - 1),
        )
        kept = (session.hash, session.account, session.created_ms, session.used_ms, session.fresh_ms, session.address)
        self._run("INSERT INTO session VALUES (?, ?, ?, ?, ?, ?)", kept)

    def mark_used(self, used: Mapping[bytes, int]) -> None:
        """Mark when sessions were used last."""
        rows = ((used_ms, session_hash) for session_hash, used_ms in used.items())
        self._connection.executemany("UPDATE session SET used_ms = ? WHERE hash = ?", rows)

    def end_session(self, session_hash: bytes) -> None:
        """Remove one."""
        self._run("DELETE FROM session WHERE hash = ?", (session_hash,))

    def end_sessions(self, account: int) -> int:
        """Remove all of a person and return how many."""
        return self._run("DELETE FROM session WHERE account = ?", (account,)).rowcount

    def device_known(self, device_hash: bytes, account: int, since_ms: int) -> bool:
        """Tell whether a person logged in with this device since then."""
        found = self._run(
            "SELECT 1 FROM device WHERE hash = ? AND account = ? AND seen_ms >= ?", (device_hash, account, since_ms)
        )
        return found.fetchone() is not None

    def see_device(self, device_hash: bytes, account: int, now_ms: int, keep: int) -> None:
        """Know a device; of the person's devices the `keep` seen last stay."""
        self._run("INSERT OR REPLACE INTO device VALUES (?, ?, ?)", (device_hash, account, now_ms))
        self._run(
            "DELETE FROM device WHERE account = ? AND hash NOT IN"
            " (SELECT hash FROM device WHERE account = ? ORDER BY seen_ms DESC, hash = ? DESC LIMIT ?)",
            (account, account, device_hash, keep),
        )

    def forget_devices(self, account: int) -> None:
        """Forget a person's devices."""
        self._run("DELETE FROM device WHERE account = ?", (account,))

    # tokens

    def tokens(self) -> list[Token]:
        """Return every token, ended ones too."""
        return [_token(row) for row in self._run(f"{_TOKENS} ORDER BY id")]

    def add_token(self, token: Token) -> int:
        """Add one and return its number; the given number does not count."""
        stakeholder = "" if token.stakeholder is None else str(token.stakeholder)
        scopes = " ".join(sorted(token.scopes))
        done = self._run(
            "INSERT INTO token (hash, account, label, scopes, created_ms, expires_ms, stakeholder, ended)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, 0)",
            (token.hash, token.account, token.label, scopes, token.created_ms, token.expires_ms, stakeholder),
        )
        assert done.lastrowid is not None
        return done.lastrowid

    def end_token(self, token: int) -> None:
        """End one for good: it stays ended, whatever the clock says later."""
        self._run("UPDATE token SET ended = 1 WHERE id = ?", (token,))

    def end_tokens(self, account: int) -> int:
        """End all of a person and return how many."""
        return self._run("UPDATE token SET ended = 1 WHERE account = ? AND ended = 0", (account,)).rowcount

    def drop_ended_tokens(self, account: int, keep: int) -> None:
        """Of a person's ended tokens keep the newest few to show."""
        self._run(
            "DELETE FROM token WHERE account = ? AND ended = 1 AND id NOT IN"
            " (SELECT id FROM token WHERE account = ? AND ended = 1 ORDER BY id DESC LIMIT ?)",
            (account, account, keep),
        )

    # one-time codes

    def code(self, code_hash: bytes) -> Code | None:
        """Return what a code is for."""
        row = self._run("SELECT hash, purpose, account, expires_ms FROM code WHERE hash = ?", (code_hash,)).fetchone()
        return None if row is None else Code(row[0], Purpose(row[1]), row[2], row[3])

    def put_code(self, code: Code) -> None:
        """Keep a code; an earlier one for the same ends."""
        self.drop_codes(code.purpose, code.account)
        row = (code.hash, str(code.purpose), code.account, code.expires_ms)
        self._run("INSERT INTO code VALUES (?, ?, ?, ?)", row)

    def drop_codes(self, purpose: Purpose, account: int | None) -> None:
        """End what codes there are for a purpose and person."""
        self._run("DELETE FROM code WHERE purpose = ? AND account IS ?", (str(purpose), account))

    # the audit chain

    def append(self, note: Note, time_ms: int) -> Line:
        """Add a line to the chain."""
        line = link(head_of(self._connection), note, time_ms, self._key)
        texts = (line.kind, line.who, line.address, line.outcome, line.detail)
        self._run(
            "INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (line.seq, line.time_ms, *texts, line.hash, line.seal),
        )
        return line

    def lines(self, after: int = 0) -> Iterator[Line]:
        """Iterate over the chain's lines behind a number."""
        for row in self._run(f"{_LINE} WHERE seq > ? ORDER BY seq", (after,)):
            yield Line(*row)

    def newest_line(self, kind: Kind) -> Line | None:
        """Return the last line of a kind."""
        found = self._run(f"{_LINE} WHERE kind = ? ORDER BY seq DESC LIMIT 1", (str(kind),))
        return next((Line(*row) for row in found), None)

    def let_go(self, lines: int) -> Head:
        """Let the oldest lines go and return the head before the first one kept."""
        (seq, found) = self._run("SELECT seq, hash FROM audit ORDER BY seq LIMIT 1 OFFSET ?", (lines - 1,)).fetchone()
        let_go(self._connection, Head(seq, found), self._key)
        return Head(seq, found)


def _account(row: tuple[int, str, str, int, str, int | None, int]) -> Account:
    number, name, role, created_ms, password, until_ms, enabled = row
    return Account(number, name, Role(role), created_ms, password, until_ms, bool(enabled))


def _token(row: tuple[int, bytes, int, str, str, int, int, str, int]) -> Token:
    number, key_hash, account, label, scopes, created_ms, expires_ms, stakeholder, ended = row
    role, _, name = stakeholder.partition(":")
    return Token(
        id=number,
        hash=key_hash,
        account=account,
        label=label,
        scopes=frozenset(map(Permission, scopes.split())),
        created_ms=created_ms,
        expires_ms=expires_ms,
        stakeholder=Stakeholder(StakeholderRole(role), name) if stakeholder else None,
        ended=bool(ended),
    )
