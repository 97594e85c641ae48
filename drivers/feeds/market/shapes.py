"""The shapes of service that are known, by the name that `[feeds.market] service` gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from drivers.feeds.market import energy_charts, entsoe
from drivers.feeds.market.answer import Answer
from drivers.feeds.series import Span


@dataclass(frozen=True, slots=True)
class Shape:
    """How a kind of service is asked and read. `token_parameter` is where its token goes, empty: it needs none."""

    url: str
    content: str
    query: Callable[[str, Span], tuple[str, Mapping[str, str]]]
    parse: Callable[[bytes], Answer]
    token_parameter: str = ""


SHAPES: Mapping[str, Shape] = {
    "energy-charts": Shape(energy_charts.URL, energy_charts.CONTENT, energy_charts.query, energy_charts.parse),
    "entso-e": Shape(entsoe.URL, entsoe.CONTENT, entsoe.query, entsoe.parse, entsoe.TOKEN_PARAMETER),
}
