"""The shape of energy-charts' `/price`: `unix_seconds` and `price` side by side, and their `unit`. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import pairwise

import msgspec

from drivers.feeds.market.answer import MARKET_MINUTES, Answer, AnswerError, Point, answer_of, factor_of, moment
from drivers.feeds.series import Span

URL = "https://api.energy-charts.info"
CONTENT = "json"
_COMMON_MINUTES = (15, 60)


class _Prices(msgspec.Struct):
    unix_seconds: list[int]
    price: list[float | None]
    unit: str


def query(zone: str, span: Span) -> tuple[str, Mapping[str, str]]:
    """Path and parameters of the request for a span."""
    return "/price", {"bzn": zone, "start": _stamp(span.start), "end": _stamp(span.end)}


def parse(body: bytes) -> Answer:
    """Read an answer. AnswerError when it is none."""
    try:
        said = msgspec.json.decode(body, type=_Prices)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise AnswerError(f"expected JSON with unix_seconds, price and unit: {str(error)[:120]}") from error
    if len(said.unix_seconds) != len(said.price):
        counts = f"{len(said.unix_seconds)} and {len(said.price)}"
        raise AnswerError(f"expected as many prices as unix_seconds, came {counts}")
    factor = factor_of(said.unit)
    return answer_of(_points(said, factor))


def _points(said: _Prices, factor: float) -> Iterator[Point]:
    by_time: dict[int, float | None] = {}
    for second, price in zip(said.unix_seconds, said.price, strict=True):
        if by_time.get(second) is None:  # a duplicate may say what the first left open
            by_time[second] = price
    seconds = sorted(second for second in by_time if moment(second) is not None)
    for second, minutes in zip(seconds, _lengths(seconds), strict=True):
        time, price = moment(second), by_time[second]
        if time is not None:
            yield Point(time, minutes, None if price is None else price * factor)


def _lengths(seconds: Sequence[int]) -> list[int]:
    """How long each price holds, in minutes: as far as to the next one where two distances in a row agree on that.

    Markets change from hours to quarters within one answer; a single longer distance is a gap.
    """
    distances = [(after - before) / 60 for before, after in pairwise(seconds)]
    if not distances:
        return [60] * len(seconds)
    if (shortest := min(distances)) not in MARKET_MINUTES:
        expected = ", ".join(map(str, MARKET_MINUTES))
        raise AnswerError(f"expected a price every {expected} minutes, came {shortest:g} minutes")
    lengths = [round(shortest)] * len(seconds)
    for index, distance in enumerate(distances):
        beside = (distances[near] for near in (index - 1, index + 1) if 0 <= near < len(distances))
        if distance in _COMMON_MINUTES and any(other == distance for other in beside):
            lengths[index] = round(distance)
    if len(distances) > 1 and distances[-1] == distances[-2]:
        lengths[-1] = lengths[-2]
    return lengths


def _stamp(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%MZ")
