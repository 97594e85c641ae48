"""What markets answer, read without a socket: the good shapes, the odd ones, and anything at all."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from drivers.feeds.market import energy_charts, entsoe
from drivers.feeds.market.answer import Answer, AnswerError
from drivers.feeds.series import Span

DAY = datetime(2026, 11, 20, 23, tzinfo=UTC)
HOUR, QUARTER = timedelta(hours=1), timedelta(minutes=15)


def charts(prices: Mapping[datetime, float | None], unit: str = "EUR / MWh", **more: Any) -> bytes:
    seconds = [round(time.timestamp()) for time in prices]
    return json.dumps({"unix_seconds": seconds, "price": list(prices.values()), "unit": unit, **more}).encode()


def hours(*prices: float | None, start: datetime = DAY, step: timedelta = HOUR) -> dict[datetime, float | None]:
    return {start + index * step: price for index, price in enumerate(prices)}


def document(*series: str, root: str = "Publication_MarketDocument") -> bytes:
    inside = "".join(series)
    space = "urn:iec62325.351:tc57wg16:451-3:publicationdocument:7:3"
    return f'<?xml version="1.0" encoding="utf-8"?><{root} xmlns="{space}">{inside}</{root}>'.encode()


def series(
    points: Sequence[tuple[int, float]],
    *,
    count: int,
    curve: str = "A03",
    resolution: str = "PT60M",
    currency: str = "EUR",
    unit: str = "MWH",
    sequence: int | None = None,
) -> str:
    minutes = 15 if resolution == "PT15M" else 60
    end = DAY + count * timedelta(minutes=minutes)
    rows = "".join(f"<Point><position>{at}</position><price.amount>{eur}</price.amount></Point>" for at, eur in points)
    tag = "classificationSequence_AttributeInstanceComponent.position"
    return (
        "<TimeSeries>"
        + (f"<{tag}>{sequence}</{tag}>" if sequence is not None else "")
        + f"<currency_Unit.name>{currency}</currency_Unit.name>"
        f"<price_Measure_Unit.name>{unit}</price_Measure_Unit.name><curveType>{curve}</curveType>"
        f"<Period><timeInterval><start>{DAY:%Y-%m-%dT%H:%MZ}</start><end>{end:%Y-%m-%dT%H:%MZ}</end></timeInterval>"
        f"<resolution>{resolution}</resolution>{rows}</Period></TimeSeries>"
    )


def listed(answer: Answer, count: int) -> list[float | None]:
    step = timedelta(minutes=answer.slot_minutes)
    return [answer.prices.get(DAY + index * step) for index in range(count)]


def test_hours_with_a_gap_and_a_negative_price() -> None:
    answer = energy_charts.parse(charts(hours(100.0, None, -50.0, 0.0), deprecated=False))
    assert answer.slot_minutes == 60
    assert listed(answer, 5) == [0.1, None, -0.05, 0.0, None]


def test_quarters_and_eur_per_kwh() -> None:
    answer = energy_charts.parse(charts(hours(0.1, 0.2, 0.3, step=QUARTER), unit="EUR/kWh"))
    assert answer.slot_minutes == 15
    assert listed(answer, 3) == [0.1, 0.2, 0.3]


def test_hours_that_turn_into_quarters_hold_for_their_hour() -> None:
    early = hours(10.0, 20.0, 30.0)
    late = hours(1.0, 2.0, 3.0, 4.0, start=DAY + 3 * HOUR, step=QUARTER)
    answer = energy_charts.parse(charts({**early, **late}))
    assert answer.slot_minutes == 15
    assert listed(answer, 17) == [*[0.01] * 4, *[0.02] * 4, *[0.03] * 4, 0.001, 0.002, 0.003, 0.004, None]


def test_a_missing_hour_is_a_gap_and_order_and_duplicates_do_no_harm() -> None:
    prices = {DAY + 3 * HOUR: 4.0, DAY: 1.0, DAY + HOUR: 2.0}
    said = json.loads(charts(prices))
    said["unix_seconds"].append(said["unix_seconds"][0])
    said["price"].append(99.0)
    assert listed(energy_charts.parse(json.dumps(said).encode()), 4) == [0.001, 0.002, None, 0.004]


@pytest.mark.parametrize(("day", "count"), [(datetime(2026, 3, 28, 23, tzinfo=UTC), 23), (DAY, 24)])
def test_days_of_23_and_24_hours_are_a_row_of_utc_hours(day: datetime, count: int) -> None:
    answer = energy_charts.parse(charts(hours(*([50.0] * count), start=day)))
    assert sorted(answer.prices) == [day + index * HOUR for index in range(count)]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "expected JSON"),
        (b"<html>maintenance</html>", "expected JSON"),
        (b"[]", "expected JSON"),
        (charts(hours(1.0, 2.0))[:-9], "expected JSON"),
        (charts(hours(1.0, 2.0), unit="GBP/MWh"), "expected prices in EUR/MWh or EUR/kWh, came 'GBP/MWh'"),
        (charts(hours(1.0, 2.0), unit="MWh"), "came 'MWh'"),
        (b'{"unix_seconds": [0, 3600], "price": [1.0], "unit": "EUR/MWh"}', "as many prices"),
        (charts(hours(1.0, 2.0, step=timedelta(minutes=7))), "came 7 minutes"),
    ],
)
def test_what_is_no_answer_is_named(body: bytes, said: str) -> None:
    with pytest.raises(AnswerError, match=said):
        energy_charts.parse(body)


def test_prices_that_cannot_be_are_left_out_and_counted() -> None:
    answer = energy_charts.parse(charts(hours(1.0, 1e9, 3.0)))
    assert (listed(answer, 3), answer.bad) == ([0.001, None, 0.003], 1)


@given(st.one_of(st.binary(max_size=300), st.text(max_size=300).map(str.encode)))
@example(b'{"unix_seconds":[9223372036854775807,-9223372036854775808],"price":[1,1],"unit":"EUR/MWh"}')
@example(b"[" * 2000)
def test_any_bytes_are_refused_or_read(body: bytes) -> None:
    for parse in (energy_charts.parse, entsoe.parse):
        try:
            answer = parse(body)
        except AnswerError:
            continue
        assert all(abs(price) <= 20 for price in answer.prices.values())


numbers = st.one_of(st.none(), st.floats(), st.integers(-(2**63), 2**63), st.text(max_size=5))


@given(
    st.lists(st.integers(-(2**40), 2**40), max_size=12),
    st.lists(numbers, max_size=12),
    st.sampled_from(["EUR/MWh", ""]),
)
def test_the_right_shape_with_any_numbers_is_refused_or_read(seconds: list[int], prices: list[Any], unit: str) -> None:
    body = json.dumps({"unix_seconds": seconds, "price": prices, "unit": unit}).encode()
    try:
        answer = energy_charts.parse(body)
    except AnswerError:
        return
    assert all(time.minute % answer.slot_minutes == 0 for time in answer.prices)


@given(
    st.lists(st.one_of(st.none(), st.floats(-500, 4000)), min_size=3, max_size=100), st.sampled_from([HOUR, QUARTER])
)
def test_what_was_said_comes_back(prices: list[float | None], step: timedelta) -> None:
    answer = energy_charts.parse(charts(hours(*prices, step=step)))
    known = {DAY + index * step: price / 1000 for index, price in enumerate(prices) if price is not None}
    assert answer.prices == pytest.approx(known)


def test_positions_that_are_left_out_repeat_or_are_gaps_by_curve_type() -> None:
    points = [(1, 10.0), (3, -30.0)]
    assert listed(entsoe.parse(document(series(points, count=5))), 6) == [0.01, 0.01, -0.03, -0.03, -0.03, None]
    blocks = entsoe.parse(document(series(points, count=5, curve="A01")))
    assert listed(blocks, 5) == [0.01, None, -0.03, None, None]


def test_quarters_and_the_auction_that_is_numbered_first() -> None:
    second = series([(1, 99.0)], count=8, resolution="PT15M", sequence=2)
    first = series([(1, 10.0), (2, 20.0)], count=8, resolution="PT15M", sequence=1)
    answer = entsoe.parse(document(second, first))
    assert (answer.slot_minutes, listed(answer, 3)) == (15, [0.01, 0.02, 0.02])


def test_nothing_there_yet_is_an_empty_answer() -> None:
    told = "<Reason><code>999</code><text>No matching data found</text></Reason>"
    assert entsoe.parse(document(told, root="Acknowledgement_MarketDocument")).prices == {}


BOMB = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "bbbb"><!ENTITY c "&b;&b;">]><a>&c;</a>'
FILE = b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><Publication_MarketDocument/>'


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (BOMB, "without a document type"),
        (FILE, "without a document type"),
        (document(series([(1, 1.0)], count=2))[:-30], "expected XML"),
        (document(root="Other"), "came 'Other'"),
        (document(series([(1, 1.0)], count=2, currency="GBP")), "came 'GBP/MWH'"),
        (document(series([(1, 1.0)], count=2, resolution="P1D")), "resolution: expected"),
        (document(series([], count=2).replace("<resolution>PT60M</resolution>", "")), "timeInterval and a resolution"),
        (document(series([(1, 1.0)], count=2).replace("<end>2026", "<end>2025")), "Period of some slots"),
        (document("<a>" * 40 + "</a>" * 40), "deeper"),
        (
            document("<Reason><code>1</code><text>Unknown zone</text></Reason>", root="Acknowledgement_MarketDocument"),
            "Unknown zone",
        ),
    ],
)
def test_what_is_no_document_is_named(body: bytes, said: str) -> None:
    with pytest.raises(AnswerError, match=said):
        entsoe.parse(body)


@given(st.data())
def test_a_document_with_anything_changed_is_refused_or_read(data: st.DataObject) -> None:
    body = bytearray(document(series([(1, 10.0), (3, 30.0)], count=6)))
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    try:
        answer = entsoe.parse(bytes(body))
    except AnswerError:
        return
    assert len(answer.prices) <= 20_000 * 4


def test_requests_name_zone_and_span() -> None:
    span = Span(DAY, DAY + 48 * HOUR)
    assert energy_charts.query("DE-LU", span) == (
        "/price",
        {"bzn": "DE-LU", "start": "2026-11-20T23:00Z", "end": "2026-11-22T23:00Z"},
    )
    path, query = entsoe.query("10Y1001A1001A82H", span)
    assert path == "/api"
    assert query["documentType"] == "A44"
    assert (query["periodStart"], query["periodEnd"]) == ("202611202300", "202611222300")
