"""Accounts in an event loop: one hash at a time, the console seen soon, locked while the file is damaged."""

import asyncio
from pathlib import Path

from heg.model.records import AlarmRecord
from heg.runtime.clock import Clock
from heg.runtime.secrets import Secret
from heg.web.accounts.chain import Kind, Note
from heg.web.accounts.desk import AccountsDesk
from heg.web.accounts.ledger import Ledger
from heg.web.accounts.passwords import Cost, Passwords
from heg.web.accounts.people import Invited, TokenWish
from heg.web.accounts.records import Admitted, Client, Issued, Reason, Refused
from heg.web.accounts.recovery import Recovered, recover
from heg.web.accounts.roles import Permission, Role
from heg.web.accounts.rules import Rules
from tests.support.stepped import stepped
from tests.web.accounts.gateway import CHEAP, GOOD, PHONE, console, desk_in, now_of

OTHER = Secret("another long passphrase")


async def claim(desk: AccountsDesk, folder: Path, clock: Clock) -> Admitted:
    admitted = await desk.redeem(console(folder, clock), "anna", GOOD, PHONE)
    assert isinstance(admitted, Admitted), admitted
    return admitted


@stepped
async def test_a_house_is_claimed_and_its_people_come_and_go(clock: Clock, tmp_path: Path) -> None:
    async with desk_in(tmp_path, clock) as desk:
        assert not desk.claimed
        anna = desk.who((await claim(desk, tmp_path, clock)).session_key)
        assert desk.claimed
        assert anna is not None
        invited = await desk.invite(anna, "bea", Role.USER, PHONE)
        assert isinstance(invited, Invited)
        admitted = await desk.redeem(invited.code, "", OTHER, PHONE)
        assert isinstance(admitted, Admitted)
        bea = desk.who(admitted.session_key)
        assert bea is not None
        token = await desk.issue_token(bea, TokenWish("phone", frozenset({Permission.READ})), PHONE)
        assert isinstance(token, Issued)
        assert desk.who(token.key) is not None
        changed = await desk.change_password(bea, OTHER, GOOD, PHONE)
        assert isinstance(changed, Admitted)
        assert desk.who(admitted.session_key) is None
        assert await desk.logout_everywhere(anna, PHONE) == 1
        verdict = await desk.verify()
        assert not isinstance(verdict, Refused)
        assert verdict.good


@stepped
async def test_weak_passwords_are_refused_in_words(clock: Clock, tmp_path: Path) -> None:
    async with desk_in(tmp_path, clock) as desk:
        code = console(tmp_path, clock)
        for weak in ("short", "aaaaaaaaaaaaaaa", "Password123", "anna12345678", "x" * 300):
            refused = await desk.redeem(code, "anna", Secret(weak), PHONE)
            assert isinstance(refused, Refused)
            assert refused.reason is Reason.WEAK_PASSWORD
        assert isinstance(await desk.redeem(code, "anna", GOOD, PHONE), Admitted)


@stepped
async def test_what_the_console_did_is_seen_soon(clock: Clock, tmp_path: Path) -> None:
    async with desk_in(tmp_path, clock) as desk:
        admitted = await claim(desk, tmp_path, clock)
        ledger = Ledger.open(tmp_path, Rules())
        with ledger.change() as book:
            book.end_sessions(admitted.account.id)
        ledger.close()
        await clock.sleep(3)
        assert desk.who(admitted.session_key) is None


@stepped
async def test_a_damaged_file_locks_everybody_out_until_it_is_recovered(clock: Clock, tmp_path: Path) -> None:
    async with desk_in(tmp_path, clock) as desk:
        key = (await claim(desk, tmp_path, clock)).session_key
    (tmp_path / "accounts.sqlite").write_bytes(b"garbage" * 999)
    told: list[AlarmRecord] = []
    async with desk_in(tmp_path, clock, alarm=told.append) as desk:
        assert desk.locked
        await clock.sleep(10)
        assert [one.active for one in told] == [True]  # once, not with every look
        assert "nobody is let in, and no claim is opened" in told[0].text
        assert "heg accounts recover" in told[0].mend
        assert desk.who(key) is None
        answers: list[object] = [
            await desk.login("anna", GOOD, PHONE),
            await desk.redeem(Secret("AAAA-BBBB-CCCC"), "eve", GOOD, PHONE),
            await desk.note(Note(Kind.COMMAND, "x", "y", "z")),
        ]
        for refused in answers:
            assert isinstance(refused, Refused)
            assert refused.reason is Reason.LOCKED
            assert "heg accounts recover" in refused.mend
        found = recover(tmp_path, Rules(), now_of(clock))
        assert isinstance(found, Recovered)
        await clock.sleep(3)
        assert not desk.locked
        assert [one.active for one in told] == [True, False]
        assert isinstance(await desk.redeem(found.code, "anna", OTHER, PHONE), Admitted)


class Counting(Passwords):
    """Knows how many of its hashes were under way at once."""

    under_way = 0
    most = 0

    def matches(self, encoded: str, password: Secret) -> bool:
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        found = super().matches(encoded, password)
        self.under_way -= 1
        return found


@stepped
async def test_one_password_is_hashed_at_a_time_and_few_wait(clock: Clock, tmp_path: Path) -> None:
    passwords = Counting(Cost(memory_kib=1024, passes=1))
    async with desk_in(tmp_path, clock, passwords) as desk:
        await claim(desk, tmp_path, clock)
        clients = [Client(f"10.0.0.{number}") for number in range(12)]
        found = await asyncio.gather(*(desk.login(f"name{one.address}", GOOD, one) for one in clients))
        reasons = [one.reason for one in found if isinstance(one, Refused)]
        assert passwords.most == 1
        assert reasons.count(Reason.BUSY) >= 1
        assert reasons.count(Reason.WRONG) >= Rules().logins_waiting


@stepped
async def test_a_hash_of_another_cost_is_made_anew_at_the_next_login(clock: Clock, tmp_path: Path) -> None:
    async with desk_in(tmp_path, clock) as desk:
        await claim(desk, tmp_path, clock)
    dearer = Passwords(Cost(memory_kib=16, passes=1))
    async with desk_in(tmp_path, clock, dearer) as desk:
        assert isinstance(await desk.login("anna", GOOD, PHONE), Admitted)
        (anna,) = desk.standing().accounts.values()
        assert not dearer.outdated(anna.password)
        assert isinstance(await desk.login("anna", GOOD, PHONE), Admitted)


@stepped
async def test_a_session_ends_idle_though_nobody_asks(clock: Clock, tmp_path: Path) -> None:
    async with desk_in(tmp_path, clock) as desk:
        key = (await claim(desk, tmp_path, clock)).session_key
        assert desk.who(key) is not None
        await clock.sleep(Rules().idle_s + 700)
        assert not desk.standing().sessions
        assert desk.who(key) is None


class Costing(Passwords):
    """Knows what each check asked for."""

    def __init__(self, cost: Cost) -> None:
        super().__init__(cost)
        self.checked: list[str] = []

    def matches(self, encoded: str, password: Secret) -> bool:
        self.checked.append(encoded.rpartition("$")[0].rpartition("$")[0])
        return super().matches(encoded, password)


@stepped
async def test_every_login_costs_the_same_work_whoever_it_is_for(clock: Clock, tmp_path: Path) -> None:
    passwords = Costing(CHEAP)
    async with desk_in(tmp_path, clock, passwords) as desk:
        anna = desk.who((await claim(desk, tmp_path, clock)).session_key)
        assert anna is not None
        for name in ("bea", "eve"):  # invited, without a password yet; not let in
            assert isinstance(await desk.invite(anna, name, Role.USER, PHONE), Invited)
        eve = next(one for one in desk.standing().accounts.values() if one.name == "eve")
        assert not isinstance(await desk.change(anna, eve.id, Role.USER, PHONE, enabled=False), Refused)
        for number, name in enumerate(("anna", "bea", "eve", "nobody", "", "x" * 64)):
            refused = await desk.login(name, OTHER, Client(f"10.0.0.{number}"))
            assert isinstance(refused, Refused)
            assert (refused.reason, refused.expected) == (Reason.WRONG, "a name and the password that belongs to it")
        assert len(passwords.checked) == 6
        assert len(set(passwords.checked)) == 1


@stepped
async def test_a_flood_of_commands_does_not_push_older_lines_out(clock: Clock, tmp_path: Path) -> None:
    async with desk_in(tmp_path, clock) as desk:
        for _ in range(500):
            await desk.note_command(Note(Kind.COMMAND, "anna/token 1", "10.0.0.1", "done", "plan {}"))
        await desk.note_command(Note(Kind.COMMAND, "bea", "10.0.0.1", "done", "plan {}"))
        await clock.sleep(10)
        await desk.note_command(Note(Kind.COMMAND, "anna/token 1", "10.0.0.1", "done", "plan {}"))
        lines = await desk.lines(0)
        assert not isinstance(lines, Refused)
        assert len(lines) == 102
        assert "400 more" in lines[-1].detail
