"""The lease journal: what was acknowledged is there, what is damaged is noticed, a full disk does not matter."""

from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from heg.control.journal import JournalFile, LeaseJournal
from heg.control.journal_format import (
    AREA,
    FILE_SIZE,
    LARGE_FILE_SIZE,
    SLOT,
    Condition,
    Doubt,
    Entry,
    EntryTooLongError,
    HandsOff,
    HeldLease,
    Journalled,
    Released,
    Taken,
    apply_entry,
    encode,
    read_file,
)
from heg.model.leases import Claimant, ReasonCode
from heg.model.regimes import Regime
from heg.runtime.clock import Clock
from tests.support.stepped import stepped


def lease(device: str = "Acme|B1|7", **changes: object) -> HeldLease:
    values: dict[str, object] = {
        "device": device,
        "name": "battery",
        "regime": Regime.BALANCE,
        "min_kw": -5.0,
        "max_kw": 5.0,
        "owner": Claimant.IDLE,
        "code": ReasonCode.SELF_CONSUMPTION,
        "taken_utc_s": 1_790_000_000.0,
        "expires_utc_s": 1_790_000_900.0,
        "boot": "f00d",
    }
    return HeldLease(**(values | changes))  # type: ignore[arg-type]


devices = st.sampled_from(["Acme|B1|7", "Acme|B1|8", "Other|PV|ü", "x" * 100])
entries: st.SearchStrategy[Entry] = st.one_of(
    st.builds(
        Taken,
        lease=st.builds(
            lease,
            device=devices,
            regime=st.none() | st.sampled_from(Regime),
            min_kw=st.floats(-100, 0),
            max_kw=st.floats(0, 100),
            writes_today=st.integers(0, 10_000),
        ),
    ),
    st.builds(Released, device=devices, switched_utc_s=st.just(0.0) | st.floats(1_789_000_000.0, 1_791_000_000.0)),
    st.builds(HandsOff, on=st.booleans()),
    st.builds(Doubt, on=st.booleans()),
)


def after(written: list[Entry]) -> Journalled:
    said = Journalled(Condition.CLEAN, {})
    for entry in written:
        said = apply_entry(said, entry)
    return said


def write_all(path: Path, written: list[Entry]) -> None:
    file = JournalFile(path)
    file.open()
    for entry in written:
        file.append([entry])
    file.close()


def test_a_new_journal_holds_nothing(tmp_path: Path) -> None:
    file = JournalFile(tmp_path / "leases.journal")
    said = file.open()
    file.close()
    assert said.condition is Condition.NEW
    assert not said.held
    assert not said.doubt


@settings(max_examples=40, deadline=None)
@given(written=st.lists(entries, max_size=150))
def test_what_was_written_is_read_again_over_any_number_of_turns(
    tmp_path_factory: pytest.TempPathFactory, written: list[Entry]
) -> None:
    path = tmp_path_factory.mktemp("journal") / "leases.journal"
    write_all(path, written)
    assert path.stat().st_size == FILE_SIZE
    said, layout = read_file(path.read_bytes())
    assert layout is not None
    expected = after(written)
    assert (said.condition, said.held, said.hands_off, said.doubt, said.left) == (
        Condition.CLEAN,
        expected.held,
        expected.hands_off,
        expected.doubt,
        expected.left,
    )
    reopened = JournalFile(path)
    assert reopened.open().held == expected.held
    reopened.close()


@settings(max_examples=60, deadline=None)
@given(written=st.lists(entries, min_size=1, max_size=70), kept=st.integers(0, SLOT - 1))
@example(written=[Released("Other|PV|ü")], kept=len(encode(Released("Other|PV|ü")).rstrip(b"\0")) - 1)
def test_a_torn_last_write_leaves_what_was_acknowledged_before(
    tmp_path_factory: pytest.TempPathFactory, written: list[Entry], kept: int
) -> None:
    path = tmp_path_factory.mktemp("journal") / "leases.journal"
    write_all(path, written[:-1])
    said, layout = read_file(path.read_bytes())
    assert layout is not None
    torn = encode(written[-1])
    finished = kept >= len(torn.rstrip(b"\0")) - 1  # its end mark says nothing that its sum does not
    image = bytearray(path.read_bytes())
    at = layout.area * AREA + layout.next_slot * SLOT
    if layout.next_slot * SLOT >= AREA:
        return
    image[at : at + SLOT] = torn[:kept].ljust(SLOT, b"\0")
    again, _ = read_file(bytes(image))
    assert again.condition is Condition.CLEAN
    assert again.held == (after(written).held if finished else said.held)


@settings(max_examples=300, deadline=None)
@given(written=st.lists(entries, min_size=1, max_size=20), data=st.data())
def test_one_flipped_bit_never_hides_a_lease(
    tmp_path_factory: pytest.TempPathFactory, written: list[Entry], data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("journal") / "leases.journal"
    write_all(path, written)
    image = bytearray(path.read_bytes())
    used = [index for index, byte in enumerate(image) if byte]
    where = data.draw(st.sampled_from(used))
    image[where] ^= 1 << data.draw(st.integers(0, 7))
    said, _ = read_file(bytes(image))
    # Either the flip is noticed, or it hit what no longer counts (an area that is not in force).
    assert said.condition is Condition.DAMAGED or said.held == after(written).held


@settings(max_examples=100, deadline=None)
@given(
    st.binary(max_size=3 * SLOT)
    | st.binary(min_size=1, max_size=64).map(lambda b: (b * FILE_SIZE)[:FILE_SIZE])
    | st.binary(min_size=1, max_size=64).map(lambda b: (b * LARGE_FILE_SIZE)[:LARGE_FILE_SIZE])
)
def test_any_bytes_are_read_without_an_error(image: bytes) -> None:
    said, layout = read_file(image)
    assert said.condition is (Condition.NEW if not image else Condition.DAMAGED)
    assert layout is None


def test_where_more_leases_are_held_than_fit_a_larger_file_takes_its_place(tmp_path: Path) -> None:
    path = tmp_path / "leases.journal"
    held: list[Entry] = [Taken(lease(f"device {number}")) for number in range(60)]
    write_all(path, [HandsOff(True), *held])
    assert path.stat().st_size == FILE_SIZE
    file = JournalFile(path)
    said = file.open()
    assert (said.condition, said.doubt, said.hands_off, len(said.held)) == (Condition.CLEAN, False, True, 60)
    for start in range(0, 452, 113):
        file.append([Taken(lease(f"appliance {start + number}")) for number in range(113)])
        said, _ = read_file(path.read_bytes())
        assert (said.condition, len(said.held)) == (Condition.CLEAN, 60 + start + 113)
    for number in range(2000):
        file.append([Released(f"appliance {number % 452}", 1_790_000_000.0 + number)])
    file.close()
    again = JournalFile(path)
    said = again.open()
    assert (said.condition, said.hands_off, len(said.held)) == (Condition.CLEAN, True, 60)
    assert path.stat().st_size == LARGE_FILE_SIZE
    again.close()


def test_when_an_appliance_was_given_back_is_remembered_for_a_day_and_of_so_many(tmp_path: Path) -> None:
    began_s = 1_790_000_000.0
    said = after([Released("heater", began_s), Released("lamp", began_s + 90_000.0), Released("battery")])
    assert said.left == {"lamp": began_s + 90_000.0}
    said = after([Released("told by a wrong clock", 4e9), Released("lamp", began_s)])
    assert said.left == {"lamp": began_s}
    assert after([Released("lamp", began_s), Taken(lease("lamp"))]).left == {}
    path = tmp_path / "leases.journal"
    held: list[Entry] = [Taken(lease(f"{number:03} " + "x" * 110)) for number in range(512)]
    write_all(path, [*held, *(Released(f"appliance {number}", began_s + number) for number in range(600))])
    file = JournalFile(path)
    said = file.open()
    file.close()
    assert (said.condition, len(said.held), len(said.left)) == (Condition.CLEAN, 512, 480)
    assert said.left["appliance 599"] == began_s + 599


def test_entries_together_are_as_entries_one_by_one(tmp_path: Path) -> None:
    entries: list[Entry] = [Taken(lease(f"device {number % 7}")) for number in range(700)]
    together, alone = JournalFile(tmp_path / "together"), JournalFile(tmp_path / "alone")
    for file, size in ((together, 160), (alone, 1)):
        file.open()
        for at in range(0, len(entries), size):
            file.append(entries[at : at + size])
        file.close()
    assert together.open().held == alone.open().held == after(entries).held
    together.close()
    alone.close()


def test_damage_keeps_the_old_file_and_the_doubt_until_it_is_settled(tmp_path: Path) -> None:
    path = tmp_path / "leases.journal"
    write_all(path, [Taken(lease()), Taken(lease("other"))])
    image = bytearray(path.read_bytes())
    spot = image.index(b'"battery"')
    image[spot] ^= 0x40
    path.write_bytes(bytes(image))

    file = JournalFile(path)
    said = file.open()
    assert said.condition is Condition.DAMAGED
    assert said.doubt
    assert "other" in said.held
    assert path.with_suffix(".damaged").read_bytes() == bytes(image)
    file.close()

    again = JournalFile(path)
    assert again.open().doubt, "the doubt survives a second crash"
    again.append([Doubt(on=False)])
    again.close()
    last = JournalFile(path)
    assert not last.open().doubt
    last.close()


def test_a_full_disk_does_not_stop_the_journal(tmp_path: Path) -> None:
    """The file has its full size from the beginning: no write of a lease ever needs another block."""
    path = tmp_path / "leases.journal"
    file = JournalFile(path)
    file.open()
    blocks = path.stat().st_blocks
    for number in range(500):
        file.append([Taken(lease(f"device {number % 5}"))])
    assert path.stat().st_blocks == blocks
    assert blocks * 512 >= FILE_SIZE
    file.close()


def test_an_identity_beyond_reason_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    file = JournalFile(tmp_path / "leases.journal")
    file.open()
    with pytest.raises(EntryTooLongError, match="at most 512 bytes"):
        file.append([Taken(lease("x" * 600))])
    file.append([Taken(lease())])
    file.close()
    said, _ = read_file((tmp_path / "leases.journal").read_bytes())
    assert set(said.held) == {"Acme|B1|7"}


@stepped
async def test_the_journal_works_in_a_thread_of_its_own_and_ends_it(clock: Clock, tmp_path: Path) -> None:
    journal = LeaseJournal(tmp_path / "leases.journal")
    await journal.open()
    await journal.take(lease())
    await journal.hands_off(on=True)
    await journal.close()
    again = LeaseJournal(tmp_path / "leases.journal")
    said = await again.open()
    assert set(said.held) == {"Acme|B1|7"}
    assert said.hands_off
    await again.release("Acme|B1|7")
    await again.close()
    said, _ = read_file((tmp_path / "leases.journal").read_bytes())
    assert not said.held
