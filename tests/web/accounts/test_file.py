"""The accounts file: crashes leave it whole; damage, cutting and deleting lock it; only the console recovers it."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from heg.runtime.secrets import Secret
from heg.web.accounts import schema
from heg.web.accounts.chain import Kind, Note, as_json
from heg.web.accounts.file import AccountsFile, DamagedError
from heg.web.accounts.ledger import Ledger
from heg.web.accounts.records import Admitted, Now, Reason, Refused
from heg.web.accounts.recovery import Recovered, recover
from heg.web.accounts.rules import Rules
from tests.web.accounts.gateway import START_MS, Gateway, gateway

NOW = Now(START_MS + 60_000, 160.0)
FILE = "accounts.sqlite"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A claimed gateway that does not run: the file is whole, nothing is left in its log."""
    with gateway(tmp_path) as gate:
        gate.claim()
        for number in range(20):
            gate.ledger.note(Note(Kind.COMMAND, "owner", "::1", "done", f"command {number}"), gate.now)
    return tmp_path


def damage(folder: Path) -> str:
    with pytest.raises(DamagedError) as found:
        Ledger.open(folder, Rules())
    return str(found.value)


def test_an_empty_folder_begins_unclaimed(tmp_path: Path) -> None:
    with gateway(tmp_path) as gate:
        assert not gate.accounts.claimed


def test_a_deleted_file_does_not_open_the_claim(folder: Path) -> None:
    for path in folder.glob(f"{FILE}*"):
        path.unlink()
    assert "missing" in damage(folder)


def test_a_deleted_head_or_key_is_found(folder: Path) -> None:
    for name in ("accounts.head", "accounts.key"):
        kept = (folder / name).read_bytes()
        (folder / name).unlink()
        assert name in damage(folder)
        (folder / name).write_bytes(kept)
    Ledger.open(folder, Rules()).close()


def test_an_older_copy_of_the_file_is_found(folder: Path) -> None:
    kept = (folder / FILE).read_bytes()
    with gateway(folder) as gate:
        gate.login()
    (folder / FILE).write_bytes(kept)
    assert "was written" in damage(folder)


def test_a_file_with_the_same_number_of_other_lines_is_found(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = tmp_path_factory.mktemp("other")
    shutil.copy(folder / "accounts.key", other)
    with gateway(tmp_path_factory.mktemp("third")) as gate:
        gate.claim("eve")
        for number in range(20):
            gate.ledger.note(Note(Kind.COMMAND, "eve", "::1", "done", f"command {number}"), gate.now)
        forged = gate.folder
    shutil.copy(forged / FILE, folder / FILE)
    assert "not the one that was written" in damage(folder)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_any_bit_of_the_file_is_harmless_or_found(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, place: float, bit: int
) -> None:
    before = audit_of(folder)
    copy = tmp_path_factory.mktemp("bit")
    for path in folder.iterdir():
        shutil.copy(path, copy)
    raw = bytearray((copy / FILE).read_bytes())
    raw[int(place * len(raw))] ^= 1 << bit
    (copy / FILE).write_bytes(raw)
    try:
        after = audit_of(copy)
    except DamagedError:
        return
    assert after == before


@pytest.mark.parametrize("version", [0, -2147483647])
def test_a_version_that_never_was_is_found(folder: Path, version: int) -> None:
    with sqlite3.connect(folder / FILE) as other:
        other.execute(f"PRAGMA user_version = {version}")
    other.close()
    assert f"came {version}" in damage(folder)


def audit_of(folder: Path) -> list[str]:
    """The audit log of a file that verifies; `DamagedError` for all else."""
    ledger = Ledger.open(folder, Rules())
    try:
        if not (verdict := ledger.verify()).good:
            raise DamagedError(verdict.why)
        return [as_json(line) for line in ledger.lines()]
    except sqlite3.DatabaseError as error:
        raise DamagedError(str(error)) from error
    finally:
        ledger.close()


def test_a_file_without_its_first_bytes_is_found(folder: Path) -> None:
    (folder / FILE).write_bytes(b"\0" * 4096 + (folder / FILE).read_bytes()[4096:])
    assert FILE in damage(folder)


def test_an_unknown_role_in_the_file_is_found(folder: Path) -> None:
    with sqlite3.connect(folder / FILE) as other:
        other.execute("UPDATE account SET role = 'emperor'")
    other.close()
    assert "emperor" in damage(folder)


# recovery


def test_recovery_keeps_the_damaged_file_and_begins_claimed(folder: Path) -> None:
    (folder / FILE).write_bytes(b"garbage" * 1000)
    damage(folder)
    recovered = recover(folder, Rules(), NOW)
    assert isinstance(recovered, Recovered)
    assert recovered.aside is not None
    assert recovered.aside.read_bytes() == b"garbage" * 1000
    with gateway(folder) as gate:
        gate.now = NOW
        refused = gate.accounts.claim_code(gate.now)
        assert isinstance(refused, Refused)
        assert refused.reason is Reason.CLAIMED
        assert isinstance(gate.redeem(recovered.code, "anna"), Admitted)
        first = next(gate.ledger.lines())
        assert recovered.aside.name in first.detail
        assert gate.ledger.verify().good


def test_recovery_of_a_whole_file_touches_nothing_but_the_password(folder: Path) -> None:
    recovered = recover(folder, Rules(), NOW)
    assert isinstance(recovered, Recovered)
    assert recovered.aside is None
    with gateway(folder) as gate:
        assert [one.name for one in gate.ledger.book.accounts()] == ["owner"]


def test_recovery_of_a_lost_file_is_claimed_too(folder: Path) -> None:
    (folder / FILE).unlink()
    assert isinstance(recover(folder, Rules(), NOW), Recovered)
    with gateway(folder) as gate:
        assert gate.accounts.claimed


def test_an_unclaimed_gateway_has_nothing_to_recover(tmp_path: Path) -> None:
    found = recover(tmp_path, Rules(), NOW)
    assert isinstance(found, Refused)
    assert found.reason is Reason.UNCLAIMED


# versions


def test_a_newer_file_that_only_added_is_read(folder: Path) -> None:
    with sqlite3.connect(folder / FILE) as other:
        other.execute("ALTER TABLE account ADD COLUMN language TEXT NOT NULL DEFAULT 'en'")
        other.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
    other.close()
    with gateway(folder) as gate:
        assert isinstance(gate.login(), Admitted)


def test_a_newer_file_that_changed_more_stays_locked(folder: Path) -> None:
    with sqlite3.connect(folder / FILE) as other:
        other.execute(f"PRAGMA user_version = {schema.VERSION + 2}")
        other.execute("UPDATE meta SET value = ? WHERE key = 'readable_by'", (schema.VERSION + 1,))
    other.close()
    assert "newer version" in damage(folder)


# crashes

_WRITER = """
import sys, pathlib
from heg.web.accounts.chain import Kind, Note
from heg.web.accounts.ledger import Ledger
from heg.web.accounts.records import Now
from heg.web.accounts.rules import Rules
ledger = Ledger.open(pathlib.Path(sys.argv[1]), Rules(audit_rows=40, audit_batch=10))
number = 0
while True:
    number += 1
    ledger.note(Note(Kind.COMMAND, "owner", "::1", "done", f"{number} " + "x" * 200), Now(number, 0.0))
    print(ledger.head().seq, flush=True)
"""


@pytest.mark.system
@pytest.mark.parametrize("after", [1, 12, 41, 77])
def test_a_process_killed_while_writing_leaves_every_acknowledged_line(tmp_path: Path, after: int) -> None:
    writer = subprocess.Popen([sys.executable, "-c", _WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    with writer, writer.stdout:
        told = [writer.stdout.readline() for _ in range(after)]
        os.kill(writer.pid, signal.SIGKILL)
        told += [line for line in writer.stdout if line.endswith("\n")]
    ledger = Ledger.open(tmp_path, Rules())
    try:
        verdict = ledger.verify()
        assert verdict.good
        assert verdict.head.seq >= int(told[-1]) >= after
    finally:
        ledger.close()


class Interrupted(BaseException):
    pass


def break_off(gate: Gateway) -> None:
    with gate.ledger.change() as book:
        book.append(Note(Kind.COMMAND, "owner", "::1", "done", "half"), 1)
        raise Interrupted


def test_a_change_that_breaks_off_leaves_nothing_of_itself(folder: Path) -> None:
    with gateway(folder) as gate:
        before = [as_json(line) for line in gate.ledger.lines()]
        with pytest.raises(Interrupted):
            break_off(gate)
        assert [as_json(line) for line in gate.ledger.lines()] == before
        assert gate.ledger.verify().good


def test_a_crash_between_the_file_and_its_head_is_mended_by_the_next_line(folder: Path) -> None:
    head = (folder / "accounts.head").read_bytes()
    with gateway(folder) as gate:
        gate.login()
    (folder / "accounts.head").write_bytes(head)  # as if it had not been replaced yet
    with gateway(folder) as gate:
        assert gate.ledger.verify().good
        gate.login()
        assert gate.ledger.verify().good
        assert (folder / "accounts.head").read_bytes() != head


def test_a_crash_before_the_first_table_begins_anew(tmp_path: Path) -> None:
    AccountsFile.open(tmp_path).close()
    (tmp_path / FILE).unlink()
    with gateway(tmp_path) as gate:
        assert gate.claim(password=Secret("a good long passphrase")).account.name == "owner"
