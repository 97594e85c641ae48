"""Claim, login, sessions, people and tokens, with the clock in hand."""

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from heg.model.policy import CUSTOMER, Stakeholder
from heg.model.policy import Role as StakeholderRole
from heg.runtime.secrets import Secret
from heg.web.accounts.people import Invited, TokenWish
from heg.web.accounts.records import Admitted, Client, Issued, Reason, Refused
from heg.web.accounts.roles import Permission, Role
from heg.web.accounts.rules import DAY_S
from tests.web.accounts.gateway import GOOD, PHONE, STRANGER, Gateway, gateway

WRONG = Secret("not the passphrase")
OTHER = Secret("another long passphrase")


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gateway]:
    with gateway(tmp_path) as made:
        yield made


def reason(found: object) -> Reason:
    assert isinstance(found, Refused), found
    return found.reason


def test_nobody_gets_in_before_the_claim(gate: Gateway) -> None:
    for name in ("owner", "admin", "heg", "root", ""):
        assert reason(gate.login(name, Secret(name))) is Reason.WRONG


def test_the_code_of_the_console_makes_the_first_visitor_the_owner(gate: Gateway) -> None:
    owner = gate.identity(gate.claim("Anna"))
    assert (owner.account.name, owner.account.role) == ("anna", Role.OWNER)
    assert owner.may(Permission.ACCOUNTS)


def test_a_code_is_read_as_people_type_it(gate: Gateway) -> None:
    code = gate.accounts.claim_code(gate.now)
    assert isinstance(code, Secret)
    typed = Secret(code.reveal().lower().replace("-", " ").replace("0", "o").replace("1", "l"))
    assert isinstance(gate.redeem(typed, "anna"), Admitted)


def test_a_code_is_good_once_for_half_an_hour_and_only_the_newest(gate: Gateway) -> None:
    first, second = gate.accounts.claim_code(gate.now), gate.accounts.claim_code(gate.now)
    assert isinstance(first, Secret)
    assert isinstance(second, Secret)
    assert reason(gate.redeem(first, "anna")) is Reason.BAD_CODE
    gate.passes(gate.rules.code_s)
    assert reason(gate.redeem(second, "anna")) is Reason.BAD_CODE
    third = gate.accounts.claim_code(gate.now)
    assert isinstance(third, Secret)
    gate.passes(gate.rules.code_s - 1)
    assert isinstance(gate.redeem(third, "anna"), Admitted)
    assert reason(gate.redeem(third, "eve")) is Reason.BAD_CODE


def test_a_claimed_gateway_is_never_claimed_again(gate: Gateway) -> None:
    gate.claim()
    assert reason(gate.accounts.claim_code(gate.now)) is Reason.CLAIMED
    gate.restarts()
    assert reason(gate.accounts.claim_code(gate.now)) is Reason.CLAIMED


def test_recovery_at_the_console_sets_a_new_password_and_ends_what_was(gate: Gateway) -> None:
    old = gate.claim()
    token = gate.people.issue_token(gate.identity(old), TokenWish("t", frozenset({Permission.READ})), PHONE, gate.now)
    assert isinstance(token, Issued)
    code = gate.accounts.recovery_code(gate.now)
    assert isinstance(code, Secret)
    new = gate.redeem(code, "owner", OTHER)
    assert gate.identity(new).account.name == "owner"
    assert gate.who(old.session_key) is None
    assert gate.who(token.key) is None
    assert reason(gate.login(password=GOOD)) is Reason.WRONG


def test_an_unclaimed_gateway_is_not_recovered(gate: Gateway) -> None:
    assert reason(gate.accounts.recovery_code(gate.now)) is Reason.UNCLAIMED


def test_each_login_has_a_key_of_its_own(gate: Gateway) -> None:
    first = gate.claim()
    second = gate.login(client=Client(PHONE.address, first.device_key))
    assert isinstance(second, Admitted)
    assert second.session_key.reveal() != first.session_key.reveal()
    assert second.device_key.reveal() == first.device_key.reveal()
    assert gate.who(first.session_key) is not None


def test_giving_the_password_again_rotates_the_session(gate: Gateway) -> None:
    first = gate.claim()
    challenge = gate.accounts.begin("owner", PHONE, gate.now)
    assert not isinstance(challenge, Refused)
    before = gate.identity(first).session
    assert before is not None
    second = gate.accounts.finish(challenge, PHONE, gate.now, matched=True, instead_of=(before,))
    assert gate.identity(second).fresh
    assert gate.who(first.session_key) is None


def test_a_new_password_ends_every_other_session(gate: Gateway) -> None:
    first, elsewhere = gate.claim(), gate.login()
    assert isinstance(elsewhere, Admitted)
    new = gate.accounts.change_password(gate.identity(first), gate.passwords.hash(OTHER), PHONE, gate.now)
    assert gate.who(first.session_key) is None
    assert gate.who(elsewhere.session_key) is None
    assert gate.who(new.session_key) is not None
    assert isinstance(gate.login(password=OTHER), Admitted)


def test_a_session_ends_when_idle_and_after_its_longest(gate: Gateway) -> None:
    key = gate.claim().session_key
    for _ in range(100):
        gate.passes(gate.rules.idle_s - 1)
        if gate.who(key) is None:
            break
    assert gate.now.utc_ms - 1_780_000_000_000 >= gate.rules.absolute_s * 1000
    idle = gate.login()
    assert isinstance(idle, Admitted)
    assert gate.who(idle.session_key) is not None
    gate.passes(gate.rules.idle_s)
    assert gate.who(idle.session_key) is None


def test_a_session_lives_through_a_restart_but_not_through_its_idle_time(gate: Gateway) -> None:
    key = gate.claim().session_key
    gate.restarts()
    assert gate.who(key) is not None
    gate.restarts()
    gate.utc_jumps(gate.rules.idle_s)
    assert gate.who(key) is None


def test_a_step_of_the_wall_clock_ends_no_running_session(gate: Gateway) -> None:
    key = gate.claim().session_key
    assert gate.who(key) is not None
    gate.utc_jumps(2 * DAY_S)
    assert gate.who(key) is not None
    gate.utc_jumps(-5 * DAY_S)
    assert gate.who(key) is not None


def test_a_session_from_the_future_is_not_believed_after_a_restart(gate: Gateway) -> None:
    key = gate.claim().session_key
    gate.utc_jumps(-DAY_S)
    gate.restarts()
    assert gate.who(key) is None


def test_what_the_sweep_ended_stays_ended_when_the_clock_is_set_back(gate: Gateway) -> None:
    owner = gate.identity(gate.claim())
    token = gate.people.issue_token(owner, TokenWish("t", frozenset({Permission.READ}), 3600.0), PHONE, gate.now)
    assert isinstance(token, Issued)
    assert gate.who(token.key) is not None
    gate.utc_jumps(3600)
    assert gate.who(token.key) is None
    gate.ledger.sweep({}, gate.now)
    gate.utc_jumps(-3600)
    assert gate.who(token.key) is None


def test_what_was_used_is_marked(gate: Gateway) -> None:
    key = gate.claim().session_key
    gate.passes(gate.rules.idle_s - 1)
    assert gate.who(key) is not None
    gate.ledger.sweep(gate.watch.take_used(), gate.now)
    gate.restarts()
    gate.passes(gate.rules.idle_s - 1)
    assert gate.who(key) is not None


def test_looking_on_is_no_use_of_a_session(gate: Gateway) -> None:
    key = gate.claim().session_key
    looks = 0
    while gate.watch.who(gate.ledger.standing(), key, gate.now, uses=False) is not None:
        gate.passes(gate.rules.idle_s / 12)
        looks += 1
    assert looks == 12


def test_logout_ends_this_session_and_logout_everywhere_all(gate: Gateway) -> None:
    one, two, three = gate.claim(), gate.login(), gate.login()
    assert isinstance(two, Admitted)
    assert isinstance(three, Admitted)
    gate.accounts.logout(gate.identity(one), PHONE, gate.now)
    assert gate.who(one.session_key) is None
    assert gate.accounts.logout_everywhere(gate.identity(two), PHONE, gate.now) == 2
    assert gate.who(three.session_key) is None


def test_there_are_only_so_many_sessions(gate: Gateway) -> None:
    keys = [gate.claim().session_key]
    for _ in range(gate.rules.sessions):
        gate.passes(1)
        admitted = gate.login()
        assert isinstance(admitted, Admitted)
        keys.append(admitted.session_key)
    assert [gate.who(key) is not None for key in keys] == [False] + [True] * gate.rules.sessions


def test_what_asks_for_the_password_again_does_so_after_ten_minutes(gate: Gateway) -> None:
    key = gate.claim().session_key
    owner = gate.who(key)
    assert owner is not None
    gate.passes(gate.rules.fresh_s)
    stale = gate.who(key)
    assert stale is not None
    assert not stale.may(Permission.ACCOUNTS)
    assert stale.may(Permission.COMMAND)
    assert reason(gate.people.invite(stale, "bea", Role.USER, PHONE, gate.now)) is Reason.NOT_FRESH


# people


def invite(gate: Gateway, owner: Admitted, name: str, role: Role, *, days: float | None = None) -> Invited:
    invited = gate.people.invite(gate.identity(owner), name, role, PHONE, gate.now, days=days)
    assert isinstance(invited, Invited), invited
    return invited


def test_an_invited_person_sets_their_own_password(gate: Gateway) -> None:
    owner = gate.claim()
    invited = invite(gate, owner, "bea", Role.VIEWER)
    assert reason(gate.login("bea", Secret(""))) is Reason.WRONG
    bea = gate.identity(gate.redeem(invited.code, "somebody else", OTHER))
    assert (bea.account.name, bea.account.role) == ("bea", Role.VIEWER)
    assert bea.permissions == {Permission.READ}
    assert reason(gate.people.invite(bea, "eve", Role.OWNER, PHONE, gate.now)) is Reason.NOT_ALLOWED


def test_an_installers_account_ends_by_itself(gate: Gateway) -> None:
    invited = invite(gate, gate.claim(), "kurt", Role.INSTALLER, days=7)
    admitted = gate.redeem(invited.code, "", OTHER)
    kurt = gate.identity(admitted)
    assert kurt.principal.stakeholder == Stakeholder(StakeholderRole.SERVICE_PROVIDER, "kurt")
    gate.passes(7 * DAY_S)
    assert isinstance(admitted, Admitted)
    assert gate.who(admitted.session_key) is None
    assert reason(gate.login("kurt", OTHER)) is Reason.WRONG


def test_a_change_of_role_ends_the_persons_sessions(gate: Gateway) -> None:
    owner = gate.claim()
    bea = gate.redeem(invite(gate, owner, "bea", Role.USER).code, "", OTHER)
    assert isinstance(bea, Admitted)
    gate.people.change(gate.identity(owner), bea.account.id, Role.VIEWER, PHONE, gate.now)
    assert gate.who(bea.session_key) is None
    assert gate.identity(gate.login("bea", OTHER)).account.role is Role.VIEWER


def test_the_last_owner_stays(gate: Gateway) -> None:
    owner = gate.claim()
    me = gate.identity(owner)
    number = me.account.id
    second = invite(gate, owner, "bea", Role.OWNER)  # invited, but no password yet
    people, now = gate.people, gate.now
    assert reason(people.remove(me, number, PHONE, now)) is Reason.LAST_OWNER
    assert reason(people.change(me, number, Role.USER, PHONE, now)) is Reason.LAST_OWNER
    assert reason(people.change(me, number, Role.OWNER, PHONE, now, enabled=False)) is Reason.LAST_OWNER
    assert reason(people.change(me, number, Role.OWNER, PHONE, now, days=1)) is Reason.LAST_OWNER
    assert reason(people.reset(me, number, PHONE, now)) is Reason.LAST_OWNER
    gate.redeem(second.code, "", OTHER)
    assert people.remove(me, number, PHONE, now) is None
    assert gate.who(owner.session_key) is None


# tokens


def test_a_token_does_what_its_scopes_say_and_no_more_than_its_person_may(gate: Gateway) -> None:
    owner = gate.claim()
    bea = gate.redeem(invite(gate, owner, "bea", Role.USER).code, "", OTHER)
    wish = TokenWish("car", frozenset({Permission.READ, Permission.COMMAND}))
    issued = gate.people.issue_token(gate.identity(bea), wish, PHONE, gate.now)
    assert isinstance(issued, Issued)
    token = gate.who(issued.key)
    assert token is not None
    assert token.permissions == {Permission.READ, Permission.COMMAND}
    assert token.principal == gate.identity(bea).principal
    assert isinstance(bea, Admitted)
    gate.people.change(gate.identity(owner), bea.account.id, Role.VIEWER, PHONE, gate.now)
    demoted = gate.who(issued.key)
    assert demoted is not None
    assert demoted.permissions == {Permission.READ}
    gate.people.remove(gate.identity(owner), bea.account.id, PHONE, gate.now)
    assert gate.who(issued.key) is None


@pytest.mark.parametrize("scope", [Permission.TOKENS, Permission.ACCOUNTS])
def test_a_token_makes_no_tokens_and_no_accounts(gate: Gateway, scope: Permission) -> None:
    wish = TokenWish("t", frozenset({scope}))
    assert reason(gate.people.issue_token(gate.identity(gate.claim()), wish, PHONE, gate.now)) is Reason.NOT_ALLOWED


def test_a_token_for_another_stakeholder_asks_as_that_one(gate: Gateway) -> None:
    dso = Stakeholder(StakeholderRole.DSO, "enel")
    owner = gate.claim()
    bea = gate.redeem(invite(gate, owner, "bea", Role.USER).code, "", OTHER)
    wish = TokenWish("grid", frozenset({Permission.READ}), stakeholder=dso)
    assert reason(gate.people.issue_token(gate.identity(bea), wish, PHONE, gate.now)) is Reason.NOT_ALLOWED
    issued = gate.people.issue_token(gate.identity(owner), wish, PHONE, gate.now)
    assert isinstance(issued, Issued)
    found = gate.who(issued.key)
    assert found is not None
    assert found.principal.stakeholder == dso
    for bad in (CUSTOMER, Stakeholder(StakeholderRole.DSO)):
        wish = TokenWish("grid", frozenset({Permission.READ}), stakeholder=bad)
        assert reason(gate.people.issue_token(gate.identity(owner), wish, PHONE, gate.now)) is Reason.OUT_OF_RANGE


def test_a_revoked_token_is_nobodys(gate: Gateway) -> None:
    owner = gate.claim()
    issued = gate.people.issue_token(
        gate.identity(owner), TokenWish("t", frozenset({Permission.READ})), PHONE, gate.now
    )
    assert isinstance(issued, Issued)
    assert gate.people.revoke_token(gate.identity(owner), issued.token.id, PHONE, gate.now) is None
    assert gate.who(issued.key) is None
    assert reason(gate.people.revoke_token(gate.identity(owner), 99, PHONE, gate.now)) is Reason.UNKNOWN


@pytest.mark.parametrize("lifetime_s", [0.0, -1.0, 367 * DAY_S, float("inf"), float("nan")])
def test_a_token_ends_within_a_year(gate: Gateway, lifetime_s: float) -> None:
    wish = TokenWish("t", frozenset({Permission.READ}), lifetime_s)
    assert reason(gate.people.issue_token(gate.identity(gate.claim()), wish, PHONE, gate.now)) is Reason.OUT_OF_RANGE


# lock-out


def hammer(gate: Gateway, client: Client, name: str = "owner", times: int = 30) -> list[Reason]:
    return [reason(gate.login(name, WRONG, client)) for _ in range(times)]


def test_guessing_is_slowed_and_a_right_password_waits_too(gate: Gateway) -> None:
    gate.claim()
    assert hammer(gate, STRANGER)[-1] is Reason.TOO_MANY
    waiting = gate.login(client=STRANGER)
    assert reason(waiting) is Reason.TOO_MANY
    assert isinstance(waiting, Refused)
    gate.passes(waiting.wait_s)
    assert isinstance(gate.login(client=STRANGER), Admitted)


def test_the_owners_phone_is_let_in_while_strangers_hammer_the_name(gate: Gateway) -> None:
    phone = gate.claim()
    for number in range(60):
        hammer(gate, Client(f"192.168.1.{number}"), times=3)
    assert reason(gate.login(client=PHONE)) is Reason.TOO_MANY
    assert isinstance(gate.login(client=Client(PHONE.address, phone.device_key)), Admitted)
    assert isinstance(gate.login(client=Client("127.0.0.1")), Admitted)


def test_no_wait_is_longer_than_a_quarter_of_an_hour(gate: Gateway) -> None:
    gate.claim()
    longest = 0.0
    for _ in range(100):
        refused = gate.login(password=WRONG, client=STRANGER)
        assert isinstance(refused, Refused)
        longest = max(longest, refused.wait_s)
        gate.passes(refused.wait_s)
    assert 800 < longest <= 901


def test_an_unknown_name_is_answered_as_a_known_one(gate: Gateway) -> None:
    gate.claim()
    known = [gate.login("owner", WRONG, Client("10.0.0.1")) for _ in range(12)]
    unknown = [gate.login("nobody", WRONG, Client("10.0.0.2")) for _ in range(12)]
    assert known == unknown


def test_recovery_forgets_the_wrong_tries(gate: Gateway) -> None:
    gate.claim()
    hammer(gate, STRANGER)
    code = gate.accounts.recovery_code(gate.now)
    assert isinstance(code, Secret)
    gate.redeem(code, "owner", OTHER)
    assert isinstance(gate.login(password=OTHER), Admitted)


# what is kept


def test_only_this_user_may_read_the_files(gate: Gateway) -> None:
    gate.claim()
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in gate.folder.iterdir()}
    assert {"accounts.sqlite", "accounts.key", "accounts.head"} <= set(modes)
    assert set(modes.values()) == {0o600}


def test_no_secret_is_in_a_file_a_repr_or_an_error(gate: Gateway, caplog: pytest.LogCaptureFixture) -> None:
    code = gate.accounts.claim_code(gate.now)
    assert isinstance(code, Secret)
    admitted = gate.redeem(code, "owner")
    assert isinstance(admitted, Admitted)
    owner = gate.identity(admitted)
    issued = gate.people.issue_token(owner, TokenWish("t", frozenset({Permission.READ})), PHONE, gate.now)
    assert isinstance(issued, Issued)
    invited = invite(gate, admitted, "bea", Role.USER)
    challenge = gate.accounts.begin("owner", PHONE, gate.now)
    refused = gate.login(password=WRONG)
    secrets = [one.reveal() for one in (code, admitted.session_key, admitted.device_key, issued.key, invited.code)]
    secrets += [GOOD.reveal(), WRONG.reveal(), gate.ledger.book.accounts()[-1].password]
    hashes = [str(one) for one in gate.ledger.standing().sessions] + [str(issued.token.hash)]
    shown = "".join(
        map(repr, (admitted, owner, issued, invited, challenge, refused, gate.ledger.standing(), gate.ledger.book))
    )
    shown += caplog.text + "".join(map(str, gate.ledger.lines()))
    assert not [one for one in secrets + hashes if one in shown]
    kept = b"".join(path.read_bytes() for path in gate.folder.iterdir())
    assert not [one for one in secrets[:-1] if one.encode() in kept]
    assert not [one for one in (code, invited.code) if one.reveal().replace("-", "").encode() in kept]


def test_a_password_typed_as_the_name_is_not_written_down(gate: Gateway) -> None:
    gate.claim()
    gate.login(GOOD.reveal(), GOOD)
    assert GOOD.reveal() not in "".join(map(str, gate.ledger.lines()))
