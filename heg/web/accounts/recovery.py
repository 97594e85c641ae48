"""Recovery at the console: a damaged accounts file is kept aside, and a new one begins that is claimed already."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from heg.runtime.secrets import Secret
from heg.web.accounts.accounts import Accounts
from heg.web.accounts.chain import Kind, Note
from heg.web.accounts.file import AccountsFile, DamagedError, put_aside
from heg.web.accounts.ledger import Ledger
from heg.web.accounts.records import CONSOLE, Now, Refused
from heg.web.accounts.rules import Rules
from heg.web.accounts.seal import SealedHead


@dataclass(frozen=True, slots=True)
class Recovered:
    """The code that sets the owner's password anew; where the damaged file is kept, and what was wrong with it."""

    code: Secret
    aside: Path | None = None
    damage: str = ""


def recover(folder: Path, rules: Rules, now: Now) -> Recovered | Refused:
    """Make a recovery code, over a new file where the old one is damaged. Raises OSError, or `DamagedError` again."""
    try:
        ledger = Ledger.open(folder, rules)
        aside, damage = None, ""
    except DamagedError as error:
        damage = str(error)
        aside = _begin_again(folder, damage, now)
        ledger = Ledger.open(folder, rules)
    try:
        code = Accounts(ledger, "").recovery_code(now)
    finally:
        ledger.close()
    return code if isinstance(code, Refused) else Recovered(code, aside, damage)


def _begin_again(folder: Path, damage: str, now: Now) -> Path | None:
    with SealedHead(folder).alone():
        aside = put_aside(folder, f"{now.utc_ms // 1000}")
    kept = "nothing was left" if aside is None else f"kept as {aside.name}, {_fingerprint(aside)}"
    ledger = Ledger(AccountsFile.open(folder), Rules())
    try:
        with ledger.change() as book:
            book.set_claimed()  # whatever it was: losing a file must never open the claim
            note = Note(Kind.AUDIT, "console", CONSOLE.address, "begun anew", f"{damage}; the file before: {kept}")
            book.append(note, now.utc_ms)
    finally:
        ledger.close()
    return aside


def _fingerprint(path: Path) -> str:
    if not path.exists():
        return "without its database"
    with path.open("rb") as file:
        return f"sha256 {hashlib.file_digest(file, 'sha256').hexdigest()}"
