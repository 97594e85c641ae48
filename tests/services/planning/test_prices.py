"""Series from outside, slot by slot: merged, kept, their gaps filled and counted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heg.model.slots import Profile
from heg.services.planning.prices import SlotBook

NOW = datetime(2024, 8, 9, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def hourly(start: datetime, *values: float) -> Profile:
    return Profile(start, 60, values)


def test_nothing_said_is_nothing_known() -> None:
    book = SlotBook(15, 20.0)
    assert book.empty
    assert book.filled(NOW, 4) is None
    assert book.known(NOW, 2) == (None, None)


def test_hours_become_quarters_and_the_newest_word_counts() -> None:
    book = SlotBook(15, 20.0)
    assert book.learn([hourly(NOW, 0.1, 0.2), hourly(NOW + HOUR, 0.9)], NOW)
    filled = book.filled(NOW, 8)
    assert filled is not None
    assert filled.values == (0.1,) * 4 + (0.9,) * 4
    assert (filled.gaps, filled.first_gap) == (0, None)


def test_a_gap_takes_the_same_slot_of_the_last_days() -> None:
    book = SlotBook(60, 20.0)
    for days, price in ((1, 0.2), (2, 0.4), (3, 0.6), (4, 9.0)):
        book.learn([hourly(NOW - timedelta(days=days), price, 2 * price)], NOW)
    book.learn([hourly(NOW, 0.5)], NOW)
    filled = book.filled(NOW, 2)
    assert filled is not None
    assert list(filled.values) == pytest.approx([0.5, 0.8])  # the mean of the last three days, not of the fourth
    assert (filled.known, filled.gaps, filled.first_gap) == (1, 1, NOW + HOUR)


def test_without_days_before_a_gap_takes_the_mean_of_what_is_known() -> None:
    book = SlotBook(60, 20.0)
    book.learn([hourly(NOW, 0.2, 0.4)], NOW)
    filled = book.filled(NOW, 3)
    assert filled is not None
    assert filled.values[2] == pytest.approx(0.3)


def test_only_a_change_of_what_is_to_come_is_news() -> None:
    book = SlotBook(15, 20.0)
    said = hourly(NOW - 24 * HOUR, *(0.3,) * 48)
    assert book.learn([said], NOW)
    assert not book.learn([said], NOW)
    assert not book.learn([hourly(NOW - 24 * HOUR, 0.9)], NOW)
    assert book.learn([hourly(NOW + 3 * HOUR, 0.31)], NOW)


def test_what_no_price_can_be_is_not_believed_and_memory_is_bounded() -> None:
    book = SlotBook(5, 20.0)
    book.learn([hourly(NOW, 21.0, -0.1)], NOW)
    assert book.known(NOW, 13)[11:] == (None, -0.1)
    for day in range(0, 60, 2):
        later = NOW + timedelta(days=day)
        book.learn([Profile(later - timedelta(days=100), 60, (0.2,) * 24 * 300)], later)
    assert len(book._values) <= 13 * 288 + 1


@given(
    st.sampled_from([5, 15, 30, 60]),
    st.lists(st.tuples(st.integers(-300, 60), st.lists(st.floats(-25, 25), max_size=30)), max_size=5),
    st.integers(1, 96),
)
def test_whatever_is_said_every_slot_gets_a_believable_value(
    minutes: int, said: list[tuple[int, list[float]]], slots: int
) -> None:
    book = SlotBook(minutes, 20.0)
    book.learn([hourly(NOW + hours * HOUR, *values) for hours, values in said], NOW)
    filled = book.filled(NOW, slots)
    if filled is None:
        assert book.empty
        return
    known = book.known(NOW, slots)
    assert len(filled.values) == slots
    assert all(abs(value) <= 20.0 for value in filled.values)
    assert all(a is None or a == b for a, b in zip(known, filled.values, strict=True))
    assert filled.known == sum(value is not None for value in known)
    assert (filled.first_gap is None) == (filled.gaps == 0)
