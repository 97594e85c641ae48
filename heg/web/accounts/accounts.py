"""Claim, login and sessions: what is decided, blocking, over the ledger. Passwords are hashed by the caller between.

A login is begun (who is it, must it wait), its password is checked outside (long, one at a time), and it is finished.
Unknown names go the same way and cost the same work.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from heg.runtime.secrets import Secret
from heg.web.accounts.chain import Kind, Note
from heg.web.accounts.keys import KeyKind, code_hash, key_hash, new_code, new_key, new_session_key
from heg.web.accounts.ledger import Ledger
from heg.web.accounts.records import (
    CONSOLE,
    Account,
    Admitted,
    Client,
    Code,
    Now,
    Purpose,
    Reason,
    Refused,
    Session,
)
from heg.web.accounts.roles import Role
from heg.web.accounts.standing import Identity
from heg.web.accounts.throttle import Throttle, Try

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,31}")
_NOBODY = "unknown name"


@dataclass(frozen=True, slots=True)
class Challenge:
    """A login that was begun: the hash its password must match. `account` is None for a name nobody has."""

    tried: Try
    account: Account | None
    encoded: str = field(repr=False)


class Accounts:
    """The gateway's people at the door."""

    def __init__(self, ledger: Ledger, nobodys: str, throttle: Throttle | None = None) -> None:
        self._ledger = ledger
        self._book = ledger.book
        self._rules = ledger.rules
        self._nobodys = nobodys
        self._throttle = throttle if throttle is not None else Throttle()

    @property
    def claimed(self) -> bool:
        """True once the gateway has, or ever had, an owner."""
        return self._book.is_claimed()

    # one-time codes

    def claim_code(self, now: Now) -> Secret | Refused:
        """Make the code that claims the gateway, at the console; the one before ends."""
        if self.claimed:
            return Refused(Reason.CLAIMED, "a gateway without an owner", "for a lost password: heg accounts recover")
        return self._new_code(Purpose.CLAIM, now)

    def recovery_code(self, now: Now) -> Secret | Refused:
        """Make the code that sets an owner's password anew, at the console."""
        if not self.claimed:
            return Refused(Reason.UNCLAIMED, "a gateway with an owner", "to become its owner: heg claim-code")
        return self._new_code(Purpose.RECOVER, now)

    def _new_code(self, purpose: Purpose, now: Now) -> Secret:
        code = new_code()
        kept = code_hash(code)
        assert kept is not None
        with self._ledger.change() as book:
            book.put_code(Code(kept, purpose, None, now.utc_ms + round(self._rules.code_s * 1000)))
            book.append(Note(Kind.KEY, "console", CONSOLE.address, "done", f"one-time code: {purpose}"), now.utc_ms)
        return code

    def look_up(self, code: Secret, client: Client, now: Now) -> Code | Refused:
        """Tell what a code is for, before the work of hashing a password is done for it."""
        tried = Try(None, known=True, address=client.address)
        if (wait_s := self._throttle.wait_s(tried, now.monotonic_s)) > 0:
            return self._refuse("code", client, _too_many(wait_s), now)
        kept = code_hash(code)
        found = None if kept is None else self._book.code(kept)
        if found is None or not self._holds(found, now):
            self._throttle.failed(tried, now.monotonic_s)
            return self._refuse("code", client, _BAD_CODE, now)
        return found

    def _holds(self, code: Code, now: Now) -> bool:
        left_ms = code.expires_ms - now.utc_ms
        longest_ms = 1000 * max(self._rules.code_s, self._rules.invite_s) + self._rules.clock_slack_ms
        if not 0 < left_ms <= longest_ms or (code.purpose is Purpose.CLAIM and self.claimed):
            return False
        return code.purpose is not Purpose.INVITE or self._invited(code) is not None

    def _invited(self, code: Code) -> Account | None:
        return None if code.account is None else self._book.account(code.account)

    def name_for(self, code: Code, name: str) -> str | Refused:
        """Return whose password a code sets: an invited person's own name, or the owner's as typed."""
        if (invited := self._invited(code)) is not None:
            return invited.name
        return checked_name(name)

    def redeem(self, code: Secret, name: str, encoded: str, client: Client, now: Now) -> Admitted | Refused:
        """Set a password by a code, which ends with it, and log in. A claim and a recovery make an owner."""
        found = self.look_up(code, client, now)
        if isinstance(found, Refused):
            return found
        named = self.name_for(found, name)
        if isinstance(named, Refused):
            return self._refuse("code", client, named, now)
        with self._ledger.change() as book:
            number = found.account
            if found.purpose is not Purpose.INVITE or number is None:
                number = self._make_owner(named, now)
            book.set_password(number, encoded)
            book.drop_codes(found.purpose, found.account)
            book.end_sessions(number)
            book.forget_devices(number)
            if found.purpose is Purpose.RECOVER:
                book.end_tokens(number)
            book.append(Note(Kind.CLAIM, named, client.address, "done", f"password set by {found.purpose}"), now.utc_ms)
            account = book.account(number)
            assert account is not None
            admitted = self._admit(account, None, client, now)
        self._throttle.forget(named)
        return admitted

    def _make_owner(self, name: str, now: Now) -> int:
        self._book.set_claimed()
        known = self._book.account_named(name)
        if known is None:
            return self._book.add_account(name, Role.OWNER, now.utc_ms, None)
        self._book.set_role(known.id, Role.OWNER, None, enabled=True)
        return known.id

    # login

    def begin(self, name: str, client: Client, now: Now) -> Challenge | Refused:
        """Begin a login: say who waits and how long, or what the password must match."""
        account = self._book.account_named(name.strip().lower()[:64])
        tried = Try(
            name.strip().lower()[:64] if account is None else account.name,
            known=account is not None,
            address=client.address,
            device=self._known_device(account, client, now),
        )
        if (wait_s := self._throttle.wait_s(tried, now.monotonic_s)) > 0:
            return self._refuse(_who(account), client, _too_many(wait_s), now)
        usable = account is not None and account.password and account.stands(now.utc_ms)
        if account is None or not usable:
            return Challenge(tried, None if account is None else account, self._nobodys)
        return Challenge(tried, account, account.password)

    def _known_device(self, account: Account | None, client: Client, now: Now) -> bytes | None:
        if account is None or client.device_key is None:
            return None
        kept = key_hash(KeyKind.DEVICE, client.device_key)
        since_ms = now.utc_ms - round(self._rules.device_s * 1000)
        return kept if kept is not None and self._book.device_known(kept, account.id, since_ms) else None

    def finish(
        self,
        challenge: Challenge,
        client: Client,
        now: Now,
        *,
        matched: bool,
        anew: str | None = None,
        instead_of: Iterable[bytes] = (),
    ) -> Admitted | Refused:
        """Finish a login. `anew` is the password hashed at today's cost; the session `instead_of` which it is ends."""
        account = None if challenge.account is None else self._book.account(challenge.account.id)
        # Between, the person may have been removed, or the password changed.
        same = account is not None and account.password == challenge.encoded and account.stands(now.utc_ms)
        if not matched or account is None or not same:
            self._throttle.failed(challenge.tried, now.monotonic_s)
            return self._refuse(_who(challenge.account), client, _WRONG, now)
        self._throttle.succeeded(challenge.tried)
        with self._ledger.change() as book:
            if anew is not None:
                book.set_password(account.id, anew)
            for session in instead_of:
                book.end_session(session)
            book.append(Note(Kind.LOGIN, account.name, client.address, "done"), now.utc_ms)
            return self._admit(account, challenge.tried.device, client, now)

    def change_password(self, who: Identity, encoded: str, client: Client, now: Now) -> Admitted:
        """Set a person's own new password: every session ends but a new one, which is handed back."""
        with self._ledger.change() as book:
            book.set_password(who.account.id, encoded)
            book.end_sessions(who.account.id)
            book.forget_devices(who.account.id)
            book.append(Note(Kind.ACCOUNT, who.account.name, client.address, "done", "new password"), now.utc_ms)
            return self._admit(who.account, None, client, now)

    def _admit(self, account: Account, device: bytes | None, client: Client, now: Now) -> Admitted:
        """Open a new session under a new key, whatever the browser brought, and know its device."""
        session_key, kept = new_session_key()
        device_key = client.device_key if device is not None else None
        device_key = device_key if device_key is not None else new_key(KeyKind.DEVICE)
        kept_device = key_hash(KeyKind.DEVICE, device_key)
        assert kept_device is not None
        session = Session(kept, account.id, now.utc_ms, now.utc_ms, now.utc_ms, client.address)
        self._book.add_session(session, self._rules.sessions)
        self._book.see_device(kept_device, account.id, now.utc_ms, self._rules.devices)
        return Admitted(replace(account, password=""), session_key, device_key)

    def renew(self, session: Session, kept: bytes, lost: bytes | None, now: Now) -> None:
        """Give a session another key beside its own, by its hash; `lost` is one that got lost on its way."""
        with self._ledger.change() as book:
            if lost is not None:
                book.end_session(lost)
            book.add_session(replace(session, hash=kept, used_ms=now.utc_ms), self._rules.sessions)

    def end_keys(self, sessions: Iterable[bytes]) -> None:
        """End old keys whose new ones are in use."""
        with self._ledger.change() as book:
            for session in sessions:
                book.end_session(session)

    # logout

    def logout(self, who: Identity, client: Client, now: Now, kin: Iterable[bytes] = ()) -> None:
        """End the session that asks, with the other keys of the same login, or the token that asks."""
        with self._ledger.change() as book:
            for session in () if who.session is None else (who.session, *kin):
                book.end_session(session)
            if who.token is not None:
                book.end_token(who.token)
                book.drop_ended_tokens(who.account.id, self._rules.tokens)
            book.append(Note(Kind.LOGOUT, str(who), client.address, "done"), now.utc_ms)

    def logout_everywhere(self, who: Identity, client: Client, now: Now) -> int:
        """End every session of the person who asks and forget their devices; return how many sessions there were."""
        with self._ledger.change() as book:
            ended = book.end_sessions(who.account.id)
            book.forget_devices(who.account.id)
            note = Note(Kind.LOGOUT, who.account.name, client.address, "done", f"everywhere: {ended} sessions")
            book.append(note, now.utc_ms)
        return ended

    def _refuse(self, who: str, client: Client, refused: Refused, now: Now) -> Refused:
        self._ledger.note_refusal(who, client, refused, now)
        return refused


def checked_name(name: str) -> str | Refused:
    """Return a person's name as it is kept, or what is expected of one."""
    kept = name.strip().lower()
    if _NAME.fullmatch(kept) is None:
        expected = "a name of 1 to 32 letters a to z, digits, dots and dashes, such as anna"
        return Refused(Reason.BAD_NAME, expected)
    return kept


_WRONG = Refused(Reason.WRONG, "a name and the password that belongs to it")
_BAD_CODE = Refused(Reason.BAD_CODE, "a one-time code that is still good", "make another: heg claim-code")


def _too_many(wait_s: float) -> Refused:
    wait_s = float(int(wait_s) + 1)
    return Refused(Reason.TOO_MANY, "fewer wrong tries", f"try again in {wait_s:.0f} s", wait_s)


def _who(account: Account | None) -> str:
    # Not the name as typed: some type their password there.
    return _NOBODY if account is None else account.name
