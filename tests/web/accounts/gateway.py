"""A gateway's accounts in a folder, with cheap password hashes and the time in the test's hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from heg.model.records import AlarmRecord
from heg.runtime.clock import Clock
from heg.runtime.secrets import Secret
from heg.web.accounts.accounts import Accounts
from heg.web.accounts.desk import AccountsDesk
from heg.web.accounts.ledger import Ledger
from heg.web.accounts.passwords import Cost, Passwords
from heg.web.accounts.people import People
from heg.web.accounts.records import Admitted, Client, Now, Refused
from heg.web.accounts.rules import Rules
from heg.web.accounts.standing import Identity, Watch
from heg.web.accounts.throttle import Throttle

CHEAP = Cost(memory_kib=8, passes=1)
GOOD = Secret("a good long passphrase")
PHONE = Client("192.168.1.20")
STRANGER = Client("192.168.1.66")
START_MS = 1_780_000_000_000


@dataclass
class Gateway:
    """The blocking core as the desk drives it."""

    folder: Path
    rules: Rules
    passwords: Passwords
    now: Now
    ledger: Ledger
    accounts: Accounts
    people: People
    watch: Watch

    def passes(self, seconds: float) -> None:
        self.now = Now(self.now.utc_ms + round(seconds * 1000), self.now.monotonic_s + seconds)

    def utc_jumps(self, seconds: float) -> None:
        self.now = replace(self.now, utc_ms=self.now.utc_ms + round(seconds * 1000))

    def restarts(self) -> None:
        """Everything in memory is gone; the clock that runs from the start begins anew."""
        self.ledger.close()
        self.now = replace(self.now, monotonic_s=1.0)
        self.ledger = Ledger.open(self.folder, self.rules)
        self.accounts = Accounts(self.ledger, self.passwords.nobodys, Throttle())
        self.people = People(self.ledger)
        self.watch = Watch(self.rules)

    def claim(self, name: str = "owner", password: Secret = GOOD, client: Client = PHONE) -> Admitted:
        code = self.accounts.claim_code(self.now)
        assert isinstance(code, Secret)
        admitted = self.redeem(code, name, password, client)
        assert isinstance(admitted, Admitted), admitted
        return admitted

    def redeem(self, code: Secret, name: str, password: Secret = GOOD, client: Client = PHONE) -> Admitted | Refused:
        return self.accounts.redeem(code, name, self.passwords.hash(password), client, self.now)

    def login(self, name: str = "owner", password: Secret = GOOD, client: Client = PHONE) -> Admitted | Refused:
        challenge = self.accounts.begin(name, client, self.now)
        if isinstance(challenge, Refused):
            return challenge
        matched = self.passwords.matches(challenge.encoded, password)
        return self.accounts.finish(challenge, client, self.now, matched=matched)

    def who(self, key: Secret) -> Identity | None:
        return self.watch.who(self.ledger.standing(), key, self.now)

    def identity(self, admitted: Admitted | Refused) -> Identity:
        assert isinstance(admitted, Admitted), admitted
        found = self.who(admitted.session_key)
        assert found is not None
        return found


@contextmanager
def gateway(folder: Path, rules: Rules | None = None) -> Iterator[Gateway]:
    rules = rules if rules is not None else Rules()
    passwords = Passwords(CHEAP)
    ledger = Ledger.open(folder, rules)
    made = Gateway(
        folder,
        rules,
        passwords,
        Now(START_MS, 100.0),
        ledger,
        Accounts(ledger, passwords.nobodys, Throttle()),
        People(ledger),
        Watch(rules),
    )
    try:
        yield made
    finally:
        made.ledger.close()


def now_of(clock: Clock) -> Now:
    return Now(round(clock.utc().timestamp() * 1000), clock.monotonic_s())


@asynccontextmanager
async def desk_in(
    folder: Path,
    clock: Clock,
    passwords: Passwords | None = None,
    alarm: Callable[[AlarmRecord], object] | None = None,
    rules: Rules | None = None,
) -> AsyncIterator[AccountsDesk]:
    """A desk that answers; passwords cost nothing here unless others are handed in."""
    desk = AccountsDesk(clock, folder, rules or Rules(), passwords or Passwords(CHEAP), alarm)
    await desk.open()
    running = asyncio.create_task(desk.run())
    try:
        yield desk
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await desk.close()


def console(folder: Path, clock: Clock) -> Secret:
    """`heg claim-code` beside the running gateway."""
    ledger = Ledger.open(folder, Rules())
    try:
        code = Accounts(ledger, "").claim_code(now_of(clock))
        assert isinstance(code, Secret)
        return code
    finally:
        ledger.close()
