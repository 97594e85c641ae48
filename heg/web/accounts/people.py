"""People and tokens: invited, changed, removed, made and revoked, by those whose role allows it."""

import re
from dataclasses import dataclass

from heg.model.policy import Role as StakeholderRole
from heg.model.policy import Stakeholder
from heg.runtime.secrets import Secret
from heg.web.accounts.accounts import checked_name
from heg.web.accounts.chain import Kind, Note
from heg.web.accounts.keys import KeyKind, code_hash, key_hash, new_code, new_key
from heg.web.accounts.ledger import Ledger
from heg.web.accounts.records import Account, Client, Code, Issued, Now, Purpose, Reason, Refused, Token
from heg.web.accounts.roles import FRESH, ROLES, SCOPES, STRANGER_SCOPES, Permission, Role
from heg.web.accounts.standing import Identity

_LONGEST_LABEL = 64
_STAKEHOLDER = re.compile(r"[a-z0-9][a-z0-9._-]{0,31}")


@dataclass(frozen=True, slots=True)
class Invited:
    """A person who was invited, or whose password is to be set anew: the code is shown this once."""

    account: Account
    code: Secret


@dataclass(frozen=True, slots=True)
class TokenWish:
    """What a token is to be. For a `stakeholder` other than the household the owner's policies decide what it sees."""

    label: str
    scopes: frozenset[Permission]
    lifetime_s: float | None = None
    stakeholder: Stakeholder | None = None


class People:
    """What the holders of `accounts` and `tokens` may do; every refusal is noted."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._rules = ledger.rules

    def invite(
        self, who: Identity, name: str, role: Role, client: Client, now: Now, *, days: float | None = None
    ) -> Invited | Refused:
        """Add a person who sets a password of their own by a one-time code. `days`: then the account ends."""
        kept = checked_name(name)
        refused = self._unless(who, Permission.ACCOUNTS) or (kept if isinstance(kept, Refused) else None)
        refused = refused or self._no_room(str(kept)) or _bad_days(days)
        if refused is not None or isinstance(kept, Refused):
            return self._refuse(who, client, refused or _UNKNOWN, now)
        with self._ledger.change() as book:
            number = book.add_account(kept, role, now.utc_ms, _until(days, now))
            account = book.account(number)
            assert account is not None
            self._note(who, Kind.ACCOUNT, client, f"{kept} invited as {role}", now)
            return Invited(account, self._code_for(account, now))

    def reset(self, who: Identity, account_id: int, client: Client, now: Now) -> Invited | Refused:
        """Let a person set a new password by a one-time code; their sessions end now, the old password with them."""
        account = self._ledger.book.account(account_id)
        refused = self._unless(who, Permission.ACCOUNTS) or self._not_the_last(account, now)
        if refused is not None or account is None:
            return self._refuse(who, client, refused or _UNKNOWN, now)
        with self._ledger.change() as book:
            book.set_password(account.id, "")
            book.end_sessions(account.id)
            book.forget_devices(account.id)
            self._note(who, Kind.ACCOUNT, client, f"{account.name}: password to be set anew", now)
            return Invited(account, self._code_for(account, now))

    def change(
        self,
        who: Identity,
        account_id: int,
        role: Role,
        client: Client,
        now: Now,
        *,
        enabled: bool = True,
        days: float | None = None,
    ) -> Account | Refused:
        """Change a person's role, end and whether they may act; their sessions end, so that none has other rights."""
        account = self._ledger.book.account(account_id)
        keeps = role is Role.OWNER and enabled and days is None
        refused = self._unless(who, Permission.ACCOUNTS) or _bad_days(days)
        refused = refused or (None if keeps else self._not_the_last(account, now))
        if refused is not None or account is None:
            return self._refuse(who, client, refused or _UNKNOWN, now)
        with self._ledger.change() as book:
            book.set_role(account.id, role, _until(days, now), enabled=enabled)
            book.end_sessions(account.id)
            self._note(who, Kind.ACCOUNT, client, f"{account.name} is {role}{'' if enabled else ', not let in'}", now)
            changed = book.account(account.id)
        return _UNKNOWN if changed is None else changed

    def remove(self, who: Identity, account_id: int, client: Client, now: Now) -> Refused | None:
        """Remove a person with sessions, tokens and devices; the audit log keeps what they did."""
        account = self._ledger.book.account(account_id)
        refused = self._unless(who, Permission.ACCOUNTS) or self._not_the_last(account, now)
        if refused is not None or account is None:
            return self._refuse(who, client, refused or _UNKNOWN, now)
        with self._ledger.change() as book:
            book.remove_account(account.id)
            self._note(who, Kind.ACCOUNT, client, f"{account.name} removed", now)
        return None

    def issue_token(self, who: Identity, wish: TokenWish, client: Client, now: Now) -> Issued | Refused:
        """Make a token with some of what its maker may do, for a stated time; its key is shown this once."""
        lifetime_s = self._rules.token_s if wish.lifetime_s is None else wish.lifetime_s
        refused = self._unless(who, Permission.TOKENS) or self._bad_token(who, wish, lifetime_s)
        if refused is not None:
            return self._refuse(who, client, refused, now)
        key = new_key(KeyKind.TOKEN)
        kept = key_hash(KeyKind.TOKEN, key)
        assert kept is not None
        expires_ms = now.utc_ms + round(lifetime_s * 1000)
        token = Token(0, kept, who.account.id, wish.label, wish.scopes, now.utc_ms, expires_ms, wish.stakeholder)
        with self._ledger.change() as book:
            number = book.add_token(token)
            scopes = " ".join(sorted(wish.scopes))
            self._note(
                who, Kind.TOKEN, client, f"token {number} for {wish.stakeholder or who.account.name}: {scopes}", now
            )
        made = next(one for one in self._ledger.book.tokens() if one.id == number)
        return Issued(made, key)

    def revoke_token(self, who: Identity, number: int, client: Client, now: Now) -> Refused | None:
        """End a token at once: one's own, or with `accounts` anybody's."""
        token = next((one for one in self._ledger.book.tokens() if one.id == number), None)
        refused = self._unless(who, Permission.TOKENS)
        if token is not None and token.account != who.account.id:
            refused = refused or self._unless(who, Permission.ACCOUNTS)
        if refused is not None or token is None:
            return self._refuse(who, client, refused or _UNKNOWN, now)
        with self._ledger.change() as book:
            book.end_token(number)
            book.drop_ended_tokens(token.account, self._rules.tokens)
            self._note(who, Kind.TOKEN, client, f"token {number} revoked", now)
        return None

    def _unless(self, who: Identity, permission: Permission) -> Refused | None:
        if permission not in who.permissions:
            return Refused(Reason.NOT_ALLOWED, f"somebody who may {permission}", "ask the owner")
        if permission in FRESH and not who.fresh:
            return Refused(Reason.NOT_FRESH, "the password, given in the last minutes", "give it again")
        return None

    def _no_room(self, name: str) -> Refused | None:
        if self._ledger.book.account_named(name) is not None:
            return Refused(Reason.NAME_TAKEN, "a name that nobody has yet")
        if len(self._ledger.book.accounts()) >= self._rules.accounts:
            return Refused(Reason.OUT_OF_RANGE, f"at most {self._rules.accounts} people", "remove one first")
        return None

    def _not_the_last(self, account: Account | None, now: Now) -> Refused | None:
        """One owner must stay who has a password and no end."""
        if account is None:
            return _UNKNOWN
        others = (one for one in self._ledger.book.accounts() if one.id != account.id)
        stays = any(one.role is Role.OWNER and one.password and one.until_ms is None and one.enabled for one in others)
        if account.role is Role.OWNER and account.stands(now.utc_ms) and not stays:
            return Refused(Reason.LAST_OWNER, "another owner who stays", "make somebody else an owner first")
        return None

    def _bad_token(self, who: Identity, wish: TokenWish, lifetime_s: float) -> Refused | None:
        if not 0 < len(wish.label) <= _LONGEST_LABEL or not wish.label.isprintable():
            return Refused(Reason.BAD_NAME, f"a label of 1 to {_LONGEST_LABEL} characters, such as home-assistant")
        most = SCOPES & ROLES[who.account.role]
        if wish.stakeholder is not None:
            if Permission.ACCOUNTS not in who.permissions:
                return Refused(Reason.NOT_ALLOWED, "an owner, for a token of another stakeholder", "ask the owner")
            named = _STAKEHOLDER.fullmatch(wish.stakeholder.name) is not None
            if wish.stakeholder.role is StakeholderRole.CUSTOMER or not named:
                return Refused(Reason.OUT_OF_RANGE, "a stakeholder with a name, such as dso:enel")
            most &= STRANGER_SCOPES
        if not wish.scopes or not wish.scopes <= most:
            return Refused(Reason.NOT_ALLOWED, f"scopes of {', '.join(sorted(most))}")
        if not 60.0 <= lifetime_s <= self._rules.longest_token_s:
            return Refused(Reason.OUT_OF_RANGE, f"60 s to {self._rules.longest_token_s / 86400:.0f} days")
        mine = [one for one in self._ledger.book.tokens() if one.account == who.account.id and not one.ended]
        if len(mine) >= self._rules.tokens:
            return Refused(Reason.OUT_OF_RANGE, f"at most {self._rules.tokens} tokens", "revoke one first")
        return None

    def _code_for(self, account: Account, now: Now) -> Secret:
        code = new_code()
        kept = code_hash(code)
        assert kept is not None
        expires_ms = now.utc_ms + round(self._rules.invite_s * 1000)
        self._ledger.book.put_code(Code(kept, Purpose.INVITE, account.id, expires_ms))
        return code

    def _note(self, who: Identity, kind: Kind, client: Client, detail: str, now: Now) -> None:
        self._ledger.book.append(Note(kind, str(who), client.address, "done", detail), now.utc_ms)

    def _refuse(self, who: Identity, client: Client, refused: Refused, now: Now) -> Refused:
        self._ledger.note_refusal(str(who), client, refused, now)
        return refused


_UNKNOWN = Refused(Reason.UNKNOWN, "a person or token that is there")


def _until(days: float | None, now: Now) -> int | None:
    return None if days is None else now.utc_ms + round(days * 86_400_000)


def _bad_days(days: float | None) -> Refused | None:
    if days is not None and not 0 < days <= 3660:
        return Refused(Reason.OUT_OF_RANGE, "days above 0 and at most 3660, such as 7")
    return None
