"""Claim, login, lock-out, expiry and rotation in any order: what must hold, holds after each step."""

import tempfile
from contextlib import ExitStack
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from heg.runtime.secrets import Secret
from heg.web.accounts.people import Invited, TokenWish
from heg.web.accounts.records import Admitted, Client, Issued, Reason, Refused
from heg.web.accounts.roles import Permission, Role
from heg.web.accounts.rules import Rules
from tests.web.accounts.gateway import Gateway, gateway

PASSWORDS = [Secret(f"passphrase number {number}") for number in range(3)]
ADDRESSES = st.sampled_from(["192.168.1.20", "192.168.1.66", "fe80::1", "127.0.0.1"])
NAMES = st.sampled_from(["owner", "bea", "nobody"])
WHICH = st.integers(0, 2)
KEYS = st.integers(0, 9)
"""Which of the live keys, oldest first: the keys themselves are new in each run."""


class Door(RuleBasedStateMachine):
    """A model that knows who has which password, and every key that was ever handed out."""

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.passwords: dict[str, int] = {}
        self.live: dict[str, str] = {}  # session key: name
        self.dead: set[str] = set()
        self.codes: list[Secret] = []
        self.made_ms = 0
        self.spent: list[Secret] = []
        self.devices: dict[str, Secret] = {}

    @initialize()
    def opens(self) -> None:
        folder = Path(self.stack.enter_context(tempfile.TemporaryDirectory()))
        self.gate: Gateway = self.stack.enter_context(gateway(folder, Rules(sessions=100)))

    def teardown(self) -> None:
        self.stack.close()

    @property
    def claimed(self) -> bool:
        return "owner" in self.passwords

    def admitted(self, found: Admitted | Refused, name: str) -> None:
        assert isinstance(found, Admitted), found
        key = found.session_key.reveal()
        assert key not in self.live
        assert key not in self.dead
        self.live[key] = name
        self.devices[name] = found.device_key

    def ended(self, name: str | None = None, key: str | None = None) -> None:
        gone = [one for one, whose in self.live.items() if whose == name or one == key]
        for one in gone:
            del self.live[one]
        self.dead.update(gone)

    @rule()
    def console_makes_a_claim_code(self) -> None:
        code = self.gate.accounts.claim_code(self.gate.now)
        assert isinstance(code, Refused) == self.claimed
        if isinstance(code, Secret):
            self.spent += self.codes
            self.codes, self.made_ms = [code], self.gate.now.utc_ms

    @precondition(lambda self: self.claimed)
    @rule()
    def console_makes_a_recovery_code(self) -> None:
        code = self.gate.accounts.recovery_code(self.gate.now)
        assert isinstance(code, Secret)
        self.spent += self.codes
        self.codes, self.made_ms = [code], self.gate.now.utc_ms

    @precondition(lambda self: self.codes)
    @rule(which=WHICH)
    def the_code_is_used(self, which: int) -> None:
        code = self.codes.pop()
        self.spent.append(code)
        found = self.gate.redeem(code, "owner", PASSWORDS[which], Client("10.0.0.9"))
        if self.gate.now.utc_ms - self.made_ms >= self.gate.rules.code_s * 1000:
            assert isinstance(found, Refused)
            return
        self.ended("owner")
        self.passwords["owner"] = which
        self.admitted(found, "owner")

    @precondition(lambda self: self.spent)
    @rule(address=ADDRESSES)
    def a_spent_code_is_tried(self, address: str) -> None:
        found = self.gate.redeem(self.spent[-1], "eve", PASSWORDS[0], Client(address))
        assert isinstance(found, Refused)

    @rule(name=NAMES, which=WHICH, address=ADDRESSES, known=st.booleans())
    def somebody_logs_in(self, name: str, which: int, address: str, known: bool) -> None:
        client = Client(address, self.devices.get(name) if known else None)
        found = self.gate.login(name, PASSWORDS[which], client)
        if self.passwords.get(name) == which:
            if isinstance(found, Refused):
                assert found.reason is Reason.TOO_MANY
                assert found.wait_s <= 901
                return
            self.admitted(found, name)
        else:
            assert isinstance(found, Refused)
            assert found.reason in (Reason.WRONG, Reason.TOO_MANY)

    @precondition(lambda self: self.claimed)
    @rule()
    def the_owner_waits_and_logs_in(self) -> None:
        """Whatever happened before: never locked out for good."""
        self.gate.passes(901)
        self.expire()
        self.admitted(self.gate.login("owner", PASSWORDS[self.passwords["owner"]], Client("192.168.1.99")), "owner")

    @precondition(lambda self: self.live)
    @rule(which_key=KEYS)
    def somebody_logs_out(self, which_key: int) -> None:
        key = list(self.live)[which_key % len(self.live)]
        who = self.gate.who(Secret(key))
        assert who is not None
        self.gate.accounts.logout(who, Client("::1"), self.gate.now)
        self.ended(key=key)

    @precondition(lambda self: self.live)
    @rule(which_key=KEYS)
    def somebody_logs_out_everywhere(self, which_key: int) -> None:
        key = list(self.live)[which_key % len(self.live)]
        who = self.gate.who(Secret(key))
        assert who is not None
        self.gate.accounts.logout_everywhere(who, Client("::1"), self.gate.now)
        self.ended(self.live[key])

    @precondition(lambda self: self.live)
    @rule(which_key=KEYS, which=WHICH)
    def somebody_changes_their_password(self, which_key: int, which: int) -> None:
        key = list(self.live)[which_key % len(self.live)]
        name = self.live[key]
        who = self.gate.who(Secret(key))
        assert who is not None
        encoded = self.gate.passwords.hash(PASSWORDS[which])
        found = self.gate.accounts.change_password(who, encoded, Client("::1"), self.gate.now)
        self.ended(name)
        self.passwords[name] = which
        self.admitted(found, name)

    @precondition(lambda self: self.claimed and "bea" not in self.passwords)
    @rule(which=WHICH)
    def the_owner_invites_bea(self, which: int) -> None:
        self.the_owner_waits_and_logs_in()
        owner = self.gate.who(Secret(next(key for key, name in reversed(self.live.items()) if name == "owner")))
        assert owner is not None
        invited = self.gate.people.invite(owner, "bea", Role.USER, Client("::1"), self.gate.now)
        assert isinstance(invited, Invited)
        self.passwords["bea"] = which
        self.admitted(self.gate.redeem(invited.code, "", PASSWORDS[which], Client("10.0.0.10")), "bea")

    @precondition(lambda self: "bea" in self.passwords)
    @rule()
    def the_owner_removes_bea(self) -> None:
        self.the_owner_waits_and_logs_in()
        owner = self.gate.who(Secret(next(key for key, name in reversed(self.live.items()) if name == "owner")))
        bea = self.gate.ledger.book.account_named("bea")
        assert owner is not None
        assert bea is not None
        wish = TokenWish("t", frozenset({Permission.READ}))
        assert isinstance(self.gate.people.issue_token(owner, wish, Client("::1"), self.gate.now), Issued | Refused)
        assert self.gate.people.remove(owner, bea.id, Client("::1"), self.gate.now) is None
        del self.passwords["bea"]
        self.devices.pop("bea", None)
        self.ended("bea")

    @rule(seconds=st.sampled_from([1.0, 60.0, 901.0, 1500.0]))
    def time_passes(self, seconds: float) -> None:
        self.gate.passes(seconds)
        self.expire()

    @rule()
    def half_a_day_passes(self) -> None:
        self.gate.passes(self.gate.rules.idle_s)
        self.expire()

    def expire(self) -> None:
        for key in [key for key in self.live if self.gate.who(Secret(key)) is None]:
            self.ended(key=key)
        self.gate.ledger.sweep(self.gate.watch.take_used(), self.gate.now)

    @rule()
    def the_gateway_restarts(self) -> None:
        self.gate.restarts()

    @invariant()
    def keys_open_what_they_should(self) -> None:
        if not hasattr(self, "gate"):
            return
        for key, name in self.live.items():
            who = self.gate.who(Secret(key))
            assert who is not None
            assert who.account.name == name
        for key in self.dead:
            assert self.gate.who(Secret(key)) is None
        assert self.gate.accounts.claimed == self.claimed

    @invariant()
    def the_audit_log_is_whole(self) -> None:
        if hasattr(self, "gate"):
            assert self.gate.ledger.verify().good


TestDoor = Door.TestCase
TestDoor.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
