from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heg.studies.history import LONGEST_LINE, History, HistoryError, history_of, read_history
from tests.support.recordings import RECORDINGS, needs_recordings

HEADER = "time_utc,demand_kw,production_kw,import_eur_per_kwh,export_eur_per_kwh,co2_eur_per_kwh"
START = datetime(2025, 3, 29, tzinfo=UTC)


def text_of(slots: int, minutes: int = 60, *, lines: dict[int, str | None] | None = None) -> str:
    """So many slots; `lines` puts other cells, or no row at all, in the place of some."""
    rows = [HEADER]
    for slot in range(slots):
        time = START + slot * timedelta(minutes=minutes)
        cells = (lines or {}).get(slot, f"{1 + slot % 24 / 10},0.5,0.3,0.1,0.01")
        if cells is not None:
            rows.append(f"{time:%Y-%m-%dT%H:%M:%SZ},{cells}")
    return "\n".join(rows) + "\n"


def read(text: str) -> History:
    return history_of(io.StringIO(text))


@pytest.mark.parametrize("minutes", [5, 6, 10, 12, 15, 20, 30, 60])
def test_the_slot_length_is_what_rows_are_apart(minutes: int) -> None:
    found = read(text_of(100, minutes))
    assert (found.recording.slot_minutes, found.recording.slots) == (minutes, 100)
    assert found.recording.start == START
    assert not found.missing


def test_a_missing_cell_is_what_was_read_a_day_before() -> None:
    found = read(text_of(72, lines={30: ",0.5,,0.1,0.01"}))
    assert found.recording.demand_kw[30] == pytest.approx(found.recording.demand_kw[6])
    assert found.recording.import_eur_per_kwh[30] == 0.3
    assert (found.missing_slots(range(72)), found.missing_cells(range(72))) == (1, 2)
    assert found.missing_slots(range(31, 72)) == 0


def test_at_the_beginning_it_is_what_was_read_a_day_after() -> None:
    found = read(text_of(72, lines={3: ",9,0.3,0.1,0.01", 27: "7.5,0.5,0.3,0.1,0.01"}))
    assert found.recording.demand_kw[3] == 7.5
    assert found.recording.production_kw[3] == 9.0


def test_a_row_that_is_not_there_misses_every_column() -> None:
    found = read(text_of(72, lines={40: None, 41: None}))
    assert found.recording.slots == 72
    assert (found.missing_slots(range(72)), found.missing_cells(range(72))) == (2, 10)
    assert found.recording.demand_kw[40] == found.recording.demand_kw[16]


def test_columns_that_are_not_there_or_empty_count_nothing_and_miss_nothing() -> None:
    found = read(
        "import_eur_per_kwh, demand_kw ,time_utc,co2_eur_per_kwh\n"
        + "".join(f"0.2,1,{(START + timedelta(hours=hour)).isoformat()},\n" for hour in range(4))
    )
    assert found.recording.co2_eur_per_kwh == ()
    assert found.recording.export_eur_per_kwh == found.recording.production_kw == (0.0,) * 4
    assert not found.missing


def test_times_in_any_zone_become_utc_and_without_one_are_utc() -> None:
    local = ["2025-10-26T02:00+02:00", "2025-10-26T02:00+01:00", "2025-10-26T02:00:00"]
    found = read("time_utc,demand_kw,import_eur_per_kwh\n" + "".join(f"{time},1,0.2\n" for time in local))
    assert found.recording.start == datetime(2025, 10, 26, 0, tzinfo=UTC)
    assert found.recording.slots == 3


def test_a_mark_at_the_files_beginning_and_its_line_ends_are_no_matter(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"\xef\xbb\xbf" + text_of(5).replace("\n", "\r\n").encode())
    assert read_history(path) == read(text_of(5))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", r"line 1: expected columns .* came an empty file"),
        ("time_utc,demand_kw\n", "missing import_eur_per_kwh"),
        ("time_utc,demand_kw,demand_kw,import_eur_per_kwh\n", "came twice: demand_kw"),
        (f"{HEADER}\n2025-01-01T00:00Z,1,0,0.2,0.1,0\n", "at least two rows under the header, came 1"),
        (text_of(5, lines={2: "nine,0,0.2,0.1,0"}), "line 4: demand_kw: expected a number or nothing, came 'nine'"),
        (text_of(5, lines={2: "-1,0,0.2,0.1,0"}), "line 4: demand_kw: expected 0 to 1000 kW, came -1"),
        (text_of(5, lines={2: "inf,0,0.2,0.1,0"}), "line 4: demand_kw: expected 0 to 1000 kW, came inf"),
        (text_of(5, lines={2: "1,0,300,0.1,0"}), "line 4: import_eur_per_kwh: expected -100 to 100 EUR/kWh, came 300"),
        (text_of(5, lines=dict.fromkeys(range(5), ",0,0.2,0.1,0")), "demand_kw: expected a reading at least somewhere"),
        (text_of(5, 7), "most rows are 7 minutes apart"),
        (text_of(5, 120), "most rows are 120 minutes apart"),
        (text_of(5) + "2025-03-29T02:00:00Z,1,0,0.2,0.1,0\n", "line 7: time_utc: expected a time after the one before"),
        (text_of(5) + "2025-03-29T05:10:00Z,1,0,0.2,0.1,0\n", "line 7: time_utc: expected a multiple of 60 minutes"),
        (text_of(5) + "tomorrow,1,0,0.2,0.1,0\n", "line 7: time_utc: expected a UTC time such as .* came 'tomorrow'"),
        (text_of(5) + "0001-01-01T00:00:00,1,0,0.2,0.1,0\n", "line 7: time_utc: expected a year from 1980"),
        (text_of(5) + "2190-03-29T02:00:00Z,1,0,0.2,0.1,0\n", "expected rows every 60 minutes, came 6 where"),
        (f"{HEADER}\n{'1' * LONGEST_LINE}1\n", f"line 2: expected at most {LONGEST_LINE} characters"),
    ],
)
def test_what_is_no_history_is_said_with_its_line(text: str, said: str) -> None:
    with pytest.raises(HistoryError, match=said):
        read(text)


def test_a_file_that_is_no_text_is_said(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(HEADER.encode() + b"\n\xff\xfe")
    with pytest.raises(HistoryError, match="expected text in UTF-8"):
        read_history(path)


@given(st.text(max_size=300), st.text(alphabet='0123456789.,-:TZ\n"\r\x00 e', max_size=300))
def test_any_text_is_a_history_or_refused(head: str, rows: str) -> None:
    for text in (head, f"{HEADER}\n{rows}", text_of(3) + rows):
        try:
            found = read(text)
        except HistoryError:
            continue
        assert found.recording.slots == len(found.recording.production_kw) > 1


@given(st.sets(st.integers(0, 71), max_size=60))
def test_whatever_is_missing_the_rest_stands_as_it_was_read(gone: set[int]) -> None:
    whole = read(text_of(72)).recording
    found = read(text_of(73, lines=dict.fromkeys(gone, ",,,,"))).recording
    first = 0
    for slot in range(72):
        if slot not in gone:
            assert found.demand_kw[slot + first] == whole.demand_kw[slot]
    assert all(1.0 <= kw <= 3.3 for kw in found.demand_kw)


@needs_recordings
@pytest.mark.parametrize(
    ("name", "slots", "missing", "co2"),
    [("home_a_spot_60min", 8760, 0, True), ("home_d_fr_spot_30min", 11814, 296, False)],
)
def test_recorded_homes_are_read(name: str, slots: int, missing: int, co2: bool) -> None:
    found = read_history(RECORDINGS / f"{name}.csv")
    assert (found.recording.slots, found.missing_slots(range(slots))) == (slots, missing)
    assert bool(found.recording.co2_eur_per_kwh) is co2
