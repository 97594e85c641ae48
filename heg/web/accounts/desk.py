"""Accounts in an event loop: one thread for the file, one hash of a password at a time, requests let in from memory."""

import asyncio
import logging
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from heg.model.losses import loss
from heg.model.records import AlarmRecord, Severity
from heg.runtime.clock import Clock
from heg.runtime.secrets import Secret
from heg.web.accounts.accounts import Accounts
from heg.web.accounts.chain import Head, Line, Note, Verdict
from heg.web.accounts.file import DamagedError
from heg.web.accounts.keys import new_session_key
from heg.web.accounts.ledger import Ledger
from heg.web.accounts.passwords import Passwords, weakness
from heg.web.accounts.people import Invited, People, TokenWish
from heg.web.accounts.records import Account, Admitted, Client, DeskError, Issued, Now, Reason, Refused
from heg.web.accounts.renewal import Renewal
from heg.web.accounts.roles import Role
from heg.web.accounts.rules import Rules
from heg.web.accounts.seal import SealError
from heg.web.accounts.standing import Identity, Standing, Watch

logger = logging.getLogger(__name__)
T = TypeVar("T")
_LOCKED = loss("accounts-locked")
_LOOK_EVERY_S = 2.0
"""How soon a change by a command at the console is seen."""


class AccountsDesk:
    """Everything the web asks of accounts. While the file is damaged nobody is let in, and `locked` says why.

    `alarm` is told when that begins and ends: nobody else than the house's own devices may be listening then.

    `run()` keeps the file: marks what was used, ends what is past its end, sees what the console changed.
    """

    def __init__(
        self,
        clock: Clock,
        folder: Path,
        rules: Rules | None = None,
        passwords: Passwords | None = None,
        alarm: Callable[[AlarmRecord], object] | None = None,
    ) -> None:
        self._alarm = alarm
        self._clock = clock
        self._folder = folder
        self._rules = rules if rules is not None else Rules()
        self._passwords = passwords if passwords is not None else Passwords()
        self._file = ThreadPoolExecutor(max_workers=1, thread_name_prefix="accounts")
        self._hashing = ThreadPoolExecutor(max_workers=1, thread_name_prefix="password")
        self._hashes = 0
        self._watch = Watch(self._rules)
        self._renewal = Renewal(self._rules)
        self._standing = Standing()
        self._ledger: Ledger | None = None
        self._accounts: Accounts | None = None
        self._people: People | None = None
        self._version = 0
        self._tried = asyncio.Event()
        self.claimed = False
        self._raised = False
        self.locked = "the accounts file is not open yet"

    async def open(self) -> None:
        """Open the file; where it is damaged, stay locked until the owner recovers it at the console."""
        try:
            ledger = await self._in_thread(lambda: Ledger.open(self._folder, self._rules))
        except (DamagedError, OSError) as error:
            self._tell_locked(str(error))
            self._tried.set()
            return
        self._ledger, self._people = ledger, People(ledger)
        self._accounts = Accounts(ledger, self._passwords.nobodys)
        await self._in_file(self._reload)
        self.locked = ""
        self._raise("")
        self._tried.set()

    async def opened(self) -> None:
        """Wait until the file was opened, or was found not to open: what `locked` says holds from then on."""
        await self._tried.wait()

    async def run(self) -> None:
        """Keep the file until cancelled."""
        next_sweep_s = self._clock.monotonic_s()
        while True:
            try:
                if self._ledger is None:
                    await self.open()
                if self._ledger is not None:
                    await self._in_file(self._look)
                    await self._end_old_keys()
                    if self._clock.monotonic_s() >= next_sweep_s:
                        next_sweep_s = self._clock.monotonic_s() + self._rules.used_every_s
                        await self.sweep()
            except DeskError as error:
                logger.error("accounts: %s", error.refused)
            await self._clock.sleep(_LOOK_EVERY_S)

    async def close(self) -> None:
        """Mark what was used, close the file and end the threads."""
        if self._ledger is not None:
            with suppress(DeskError):
                await self.sweep()
            if self._ledger is not None:
                await self._in_file(self._ledger.close)
            self._ledger = None
        self._file.shutdown(wait=True)
        self._hashing.shutdown(wait=True)

    async def sweep(self) -> None:
        """Mark what was used and end what is past its end."""
        used, now = self._watch.take_used(), self._now()
        await self._changing(lambda: self._open_ledger().sweep(used, now))
        self._watch.keep_only(self._standing)
        self._renewal.keep_only(self._standing.sessions)

    # who asks

    def who(self, key: Secret, *, uses: bool = True) -> Identity | None:
        """Return whose key this is, from memory; None for nobody's, and for everybody's while locked."""
        if self.locked:
            return None
        now = self._now()
        found = self._watch.who(self._standing, key, now, uses=uses)
        if uses and found is not None and found.session is not None:
            self._renewal.used(found.session, now.monotonic_s)
        return found

    async def renewed(self, who: Identity) -> Secret | None:
        """Return the key that a session gets in place of one that has been in use for long, None while it keeps it."""
        now, accounts, old = self._now(), self._accounts, who.session
        if old is None or accounts is None or not self._renewal.due(old, now.monotonic_s):
            return None
        session = self._standing.sessions.get(old)
        if session is None:
            return None
        key, kept = new_session_key()
        # Noted before the file is waited for: of several requests at once only one brings a new key home.
        lost = self._renewal.exchanged(old, kept, now.monotonic_s)
        await self._changing(lambda: accounts.renew(session, kept, lost, now))
        return key

    # claim and login

    async def redeem(self, code: Secret, name: str, password: Secret, client: Client) -> Admitted | Refused:
        """Claim, recover or answer an invitation: set a password by a one-time code, and log in."""
        now = self._now()
        if self._accounts is None:
            return self._locked()
        accounts = self._accounts
        found = await self._in_file(lambda: accounts.look_up(code, client, now))
        if isinstance(found, Refused):
            return found
        named = await self._in_file(lambda: accounts.name_for(found, name))
        if isinstance(named, Refused):
            return named
        if (lack := weakness(password, named)) is not None:
            return Refused(Reason.WEAK_PASSWORD, lack)
        encoded = await self._hashed(lambda: self._passwords.hash(password))
        if isinstance(encoded, Refused):
            return encoded
        return await self._changing(lambda: accounts.redeem(code, name, encoded, client, self._now()))

    async def login(
        self, name: str, password: Secret, client: Client, *, instead_of: Identity | None = None
    ) -> Admitted | Refused:
        """Log in under a new key. The session `instead_of` which it is (the password was asked for again) ends."""
        if self._accounts is None:
            return self._locked()
        accounts, now = self._accounts, self._now()
        challenge = await self._in_file(lambda: accounts.begin(name, client, now))
        if isinstance(challenge, Refused):
            return challenge
        matched = await self._hashed(lambda: self._passwords.matches(challenge.encoded, password))
        if isinstance(matched, Refused):
            return matched
        anew: str | Refused | None = None
        if matched and self._passwords.outdated(challenge.encoded):
            anew = await self._hashed(lambda: self._passwords.hash(password))
        encoded = anew if isinstance(anew, str) else None
        before = () if instead_of is None else self._keys_of(instead_of)
        return await self._changing(
            lambda: accounts.finish(challenge, client, self._now(), matched=matched, anew=encoded, instead_of=before)
        )

    async def change_password(self, who: Identity, old: Secret, new: Secret, client: Client) -> Admitted | Refused:
        """Set one's own new password, with the old one; every session ends but the new one."""
        if self._accounts is None:
            return self._locked()
        if (lack := weakness(new, who.account.name)) is not None:
            return Refused(Reason.WEAK_PASSWORD, lack)
        accounts = self._accounts
        proven = await self.login(who.account.name, old, client, instead_of=who)
        if isinstance(proven, Refused):
            return proven
        encoded = await self._hashed(lambda: self._passwords.hash(new))
        if isinstance(encoded, Refused):
            return encoded
        return await self._changing(lambda: accounts.change_password(who, encoded, client, self._now()))

    async def logout(self, who: Identity, client: Client) -> None:
        """End the session or the token that asks."""
        if (accounts := self._accounts) is not None:
            keys = self._keys_of(who)
            await self._changing(lambda: accounts.logout(who, client, self._now(), keys))

    async def logout_everywhere(self, who: Identity, client: Client) -> int:
        """End every session of the person who asks."""
        accounts = self._accounts
        if accounts is None:
            return 0
        return await self._changing(lambda: accounts.logout_everywhere(who, client, self._now()))

    # people and tokens

    async def invite(
        self, who: Identity, name: str, role: Role, client: Client, *, days: float | None = None
    ) -> Invited | Refused:
        """Add a person, who sets a password by the code that is handed back."""
        return await self._by_people(lambda people, now: people.invite(who, name, role, client, now, days=days))

    async def reset(self, who: Identity, account: int, client: Client) -> Invited | Refused:
        """Let a person set a new password by a code."""
        return await self._by_people(lambda people, now: people.reset(who, account, client, now))

    async def change(
        self, who: Identity, account: int, role: Role, client: Client, *, enabled: bool, days: float | None = None
    ) -> Account | Refused:
        """Change what a person may do."""
        return await self._by_people(
            lambda people, now: people.change(who, account, role, client, now, enabled=enabled, days=days)
        )

    async def remove(self, who: Identity, account: int, client: Client) -> Refused | None:
        """Remove a person."""
        return await self._by_people(lambda people, now: people.remove(who, account, client, now))

    async def issue_token(self, who: Identity, wish: TokenWish, client: Client) -> Issued | Refused:
        """Make a token."""
        return await self._by_people(lambda people, now: people.issue_token(who, wish, client, now))

    async def revoke_token(self, who: Identity, token: int, client: Client) -> Refused | None:
        """End a token."""
        return await self._by_people(lambda people, now: people.revoke_token(who, token, client, now))

    def standing(self) -> Standing:
        """Return who there is, with sessions and tokens."""
        return self._standing

    # the audit log

    async def note(self, note: Note) -> Refused | None:
        """Write a line into the audit log: a command, a change, evidence."""
        if self._ledger is None:
            return self._locked()
        await self._in_file(lambda: self._open_ledger().note(note, self._now()))
        return None

    async def note_command(self, note: Note) -> Refused | None:
        """Write a command down, sparingly where one person gives many."""
        if self._ledger is None:
            return self._locked()
        await self._in_file(lambda: self._open_ledger().note_sparingly(note, self._now()))
        return None

    async def record(self, note: Note, *, unless_newest: bool = False, sparingly: bool = True) -> Refused | None:
        """Write down what the door told; `unless_newest`: not again what the last line of its kind says."""
        if self._ledger is None:
            return self._locked()

        def written() -> None:
            ledger = self._open_ledger()
            newest = ledger.book.newest_line(note.kind) if unless_newest else None
            if newest is None or newest.detail != note.detail:
                (ledger.note_sparingly if sparingly else ledger.note)(note, self._now())

        await self._in_file(written)
        return None

    async def refused(self, who: str, client: Client, why: Refused) -> None:
        """Write down that a request was refused."""
        if self._ledger is not None:
            await self._in_file(lambda: self._open_ledger().note_refusal(who, client, why, self._now()))

    async def lines(self, after: int, limit: int = 1000) -> list[Line] | Refused:
        """Return a page of the audit log."""
        if self._ledger is None:
            return self._locked()
        return await self._in_file(
            lambda: [line for line, _ in zip(self._open_ledger().lines(after), range(limit), strict=False)]
        )

    async def edges(self) -> tuple[Head, Head] | Refused:
        """Return what lies before the audit log's first line, and its last one."""
        if self._ledger is None:
            return self._locked()
        return await self._in_file(lambda: self._open_ledger().edges())

    async def verify(self) -> Verdict | Refused:
        """Verify the audit log."""
        if self._ledger is None:
            return self._locked()
        return await self._in_file(lambda: self._open_ledger().verify())

    # inside

    def _keys_of(self, who: Identity) -> tuple[bytes, ...]:
        return () if who.session is None else (who.session, *self._renewal.kin(who.session))

    def _now(self) -> Now:
        return Now(round(self._clock.utc().timestamp() * 1000), self._clock.monotonic_s())

    def _locked(self) -> Refused:
        return Refused(Reason.LOCKED, "a whole accounts file", "at the console: heg accounts recover")

    def _open_ledger(self) -> Ledger:
        assert self._ledger is not None
        return self._ledger

    async def _by_people(self, work: Callable[[People, Now], T]) -> T | Refused:
        people = self._people
        if people is None:
            return self._locked()
        return await self._changing(lambda: work(people, self._now()))

    async def _changing(self, work: Callable[[], T]) -> T:
        def changed() -> T:
            try:
                return work()
            finally:
                self._reload()

        return await self._in_file(changed)

    async def _hashed(self, work: Callable[[], T]) -> T | Refused:
        if self._hashes >= self._rules.logins_waiting:
            return Refused(Reason.BUSY, "a free moment", "try again in a few seconds", 5.0)
        self._hashes += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._hashing, work)
        finally:
            self._hashes -= 1

    async def _in_file(self, work: Callable[[], T]) -> T:
        try:
            return await self._in_thread(work)
        except (sqlite3.OperationalError, OSError) as error:
            raise DeskError(Refused(Reason.BUSY, "a disk that takes what is written", str(error), 5.0)) from error
        except (sqlite3.DatabaseError, DamagedError, SealError) as error:
            await self._lock(str(error))
            raise DeskError(self._locked()) from error

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._file, work)

    async def _end_old_keys(self) -> None:
        accounts, over = self._accounts, self._renewal.over(self._now().monotonic_s)
        if over and accounts is not None:
            await self._changing(lambda: accounts.end_keys(over))

    async def _lock(self, why: str) -> None:
        """The file turned out to be damaged while it was in use: nobody is let in any more."""
        self._tell_locked(why)
        ledger, self._ledger = self._ledger, None
        self._accounts = self._people = None
        if ledger is not None:
            await self._in_thread(ledger.close)

    def _tell_locked(self, why: str) -> None:
        if self.locked != why:
            logger.error("accounts are locked: %s; at the console: heg accounts recover", why)
            self._raise(why)
        self.locked = why

    def _raise(self, why: str) -> None:
        """Raise the alarm, or end it (no `why`)."""
        if self._alarm is None or (not why and not self._raised):
            return
        self._raised = bool(why)
        text = f"Nobody is let in: {why}. {_LOCKED.in_force}" if why else "People and tokens are let in again."
        mend = "At the console: heg accounts recover." if why else ""
        self._alarm(AlarmRecord(bool(why), Severity.ALARM, text, mend))

    def _look(self) -> None:
        ledger = self._open_ledger()
        if ledger.version() != self._version:
            self._reload()

    def _reload(self) -> None:
        ledger = self._open_ledger()
        self._version = ledger.version()
        self._standing = ledger.standing()
        self.claimed = ledger.book.is_claimed()
