"""The file with its records and its audit log, and the rules: what claim, login, people and tokens work on."""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from heg.web.accounts.book import Book
from heg.web.accounts.chain import Head, Kind, Line, Note, Verdict
from heg.web.accounts.file import AccountsFile, DamagedError, base_of, head_of
from heg.web.accounts.inspection import verify_readable
from heg.web.accounts.records import Client, Now, Refused
from heg.web.accounts.rules import Rules
from heg.web.accounts.sparing import Sparing
from heg.web.accounts.standing import Standing, lives

_REFUSALS_AT_ONCE = 30
_COMMANDS_AT_ONCE = 100
_FLOODS = 128


class Ledger:
    """Blocking; lives in the thread that opened it."""

    def __init__(self, file: AccountsFile, rules: Rules) -> None:
        self.rules = rules
        self.book = Book(file.connection, file.key)
        self._file = file
        self._refusals = Sparing(_REFUSALS_AT_ONCE, rules.refusals_every_s)
        self._floods: dict[str, Sparing] = {}

    @classmethod
    def open(cls, folder: Path, rules: Rules) -> "Ledger":
        """Open the accounts file in a folder. Raises `DamagedError` or OSError."""
        ledger = cls(AccountsFile.open(folder), rules)
        try:
            ledger.standing()
        except (ValueError, TypeError, sqlite3.DatabaseError) as error:
            ledger.close()
            raise DamagedError(f"accounts.sqlite: {error}") from error
        except BaseException:
            ledger.close()
            raise
        return ledger

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    @contextmanager
    def change(self) -> Iterator[Book]:
        """Change records and append to the audit log: all or nothing, durable on return."""
        with self._file.change() as connection:
            yield self.book
            kept = head_of(connection).seq - base_of(connection, self._file.key).seq
            if kept > self.rules.audit_rows:
                self.book.let_go(self.rules.audit_batch)

    def note(self, note: Note, now: Now) -> Line:
        """Write one line into the audit log."""
        with self.change() as book:
            return book.append(note, now.utc_ms)

    def note_refusal(self, who: str, client: Client, refused: Refused, now: Now) -> None:
        """Write a refusal down; in a flood only some, with the number of the others: it must not wear out the flash."""
        self._note(self._refusals, Note(Kind.REFUSAL, who, client.address, refused.reason, refused.expected), now)

    def note_sparingly(self, note: Note, now: Now) -> None:
        """Write a line down; of one person's flood only some: it must not push older lines out of the log."""
        if note.who not in self._floods and len(self._floods) >= _FLOODS:
            self._floods.pop(next(iter(self._floods)))
        sparing = self._floods.setdefault(note.who, Sparing(_COMMANDS_AT_ONCE, self.rules.commands_every_s))
        self._note(sparing, note, now)

    def _note(self, sparing: Sparing, note: Note, now: Now) -> None:
        held_back = sparing.admits(now.monotonic_s)
        if held_back is not None:
            others = f"; {held_back} more before this one" if held_back else ""
            self.note(replace(note, detail=note.detail + others), now)

    def standing(self) -> Standing:
        """Return what the file holds now."""
        return Standing.of(self.book.accounts(), self.book.sessions(), self.book.tokens())

    def version(self) -> int:
        """Return a number that changes when another process has written (a command at the console)."""
        (number,) = self._file.connection.execute("PRAGMA data_version").fetchone()
        return int(number)

    def sweep(self, used: Mapping[bytes, int], now: Now) -> None:
        """Mark sessions that were used, and end for good what is past its end; a clock set back revives nothing."""
        standing = self.standing()
        marked = (replace(one, used_ms=used.get(one.hash, one.used_ms)) for one in standing.sessions.values())
        over = [one for one in marked if not lives(one, now.utc_ms, self.rules)]
        ended = [one for one in standing.tokens.values() if now.utc_ms >= one.expires_ms]
        if not (used or over or ended):
            return
        with self.change() as book:
            book.mark_used(used)
            for session in over:
                book.end_session(session.hash)
            for token in ended:
                book.end_token(token.id)
                self.book.drop_ended_tokens(token.account, self.rules.tokens)

    # the audit log

    def head(self) -> Head:
        """Return where the chain stands."""
        return head_of(self._file.connection)

    def lines(self, after: int = 0) -> Iterator[Line]:
        """Iterate over the audit log's lines behind a number."""
        return self.book.lines(after)

    def edges(self) -> tuple[Head, Head]:
        """Return what lies before the first line, and the last line. Raises `SealError` where the head is not ours."""
        return base_of(self._file.connection, self._file.key), self._file.sealed().head

    def verify(self) -> Verdict:
        """Verify the chain against its sealed head. Raises `SealError` where that is not ours."""
        sealed = self._file.sealed()
        base = base_of(self._file.connection, self._file.key)
        return verify_readable(self.book.lines(base.seq), base, (sealed.head,), self._file.key)
