"""The shape of ENTSO-E's transparency platform: a `Publication_MarketDocument` of day-ahead prices (A44). Pure.

Read as a stream by the standard library's expat, with every document type declaration refused: without one there are
no entities, so nothing can be expanded or fetched. Positions that curve type A03 leaves out repeat the one before;
those that A01 leaves out are gaps.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from xml.parsers import expat

from drivers.feeds.market.answer import MOST_POINTS, Answer, AnswerError, Point, answer_of, factor_of
from drivers.feeds.series import Span

URL = "https://web-api.tp.entsoe.eu"
CONTENT = "xml"
TOKEN_PARAMETER = "securityToken"  # noqa: S105 - the parameter's name
_DOCUMENT = "Publication_MarketDocument"
_NO_ANSWER = "Acknowledgement_MarketDocument"
_NOTHING_THERE = "999"
_MINUTES = {"PT15M": 15, "PT30M": 30, "PT60M": 60, "PT1H": 60}
_REPEATING = "A03"
_DEEPEST = 12
_LONGEST_TEXT = 256
_MOST_SERIES = 64
_SEQUENCE = "classificationSequence_AttributeInstanceComponent.position"


def query(zone: str, span: Span) -> tuple[str, Mapping[str, str]]:
    """Path and parameters of the request for a span; the security token is added where it is sent."""
    times = {"periodStart": _stamp(span.start), "periodEnd": _stamp(span.end)}
    return "/api", {"documentType": "A44", "in_Domain": zone, "out_Domain": zone, **times}


def parse(body: bytes) -> Answer:
    """Read an answer; *no matching data* is an empty one. AnswerError when it is none."""
    document = _Document()
    parser = expat.ParserCreate("utf-8", " ")
    parser.StartDoctypeDeclHandler = _refuse_doctype
    parser.StartElementHandler = document.begin
    parser.EndElementHandler = document.end
    parser.CharacterDataHandler = document.text
    try:
        parser.Parse(body, True)
    except (expat.ExpatError, ValueError) as error:
        if isinstance(error, AnswerError):
            raise
        raise AnswerError(f"expected XML of {_DOCUMENT}: {str(error)[:120]}") from error
    return document.answer()


def _refuse_doctype(*_: object) -> None:
    raise AnswerError("expected XML without a document type declaration")


@dataclass(slots=True)
class _Period:
    start: datetime | None = None
    end: datetime | None = None
    minutes: int = 0
    points: dict[int, float] = field(default_factory=dict)


@dataclass(slots=True)
class _Series:
    currency: str = ""
    measure: str = ""
    curve: str = "A01"
    sequence: int = 1
    periods: list[_Period] = field(default_factory=list)


class _Document:
    """Takes the parser's events."""

    def __init__(self) -> None:
        self._path: list[str] = []
        self._root = ""
        self._text = ""
        self._series: list[_Series] = []
        self._position: int | None = None
        self._price: float | None = None
        self._reason: dict[str, str] = {}
        self._points = 0

    def begin(self, name: str, _attributes: Mapping[str, str]) -> None:
        local = name.rpartition(" ")[2]
        self._path.append(local)
        self._text = ""
        if len(self._path) == 1:
            self._root = local
        if len(self._path) > _DEEPEST or len(self._series) > _MOST_SERIES:
            raise AnswerError(f"expected a {_DOCUMENT}, came something deeper or longer")
        if local == "TimeSeries":
            self._series.append(_Series())
        elif local == "Period" and self._series:
            self._series[-1].periods.append(_Period())
        elif local == "Point":
            self._position = self._price = None

    def text(self, text: str) -> None:
        self._text = (self._text + text)[:_LONGEST_TEXT]

    def end(self, name: str) -> None:
        local, text = name.rpartition(" ")[2], self._text.strip()
        self._path.pop()
        inside = self._path[-1] if self._path else ""
        if inside == "Reason":
            self._reason[local] = text
        elif self._series and self._series[-1].periods:
            self._of_period(self._series[-1].periods[-1], inside, local, text)
        if self._series and inside == "TimeSeries":
            _of_series(self._series[-1], local, text)
        self._text = ""

    def _of_period(self, period: _Period, inside: str, local: str, text: str) -> None:
        match inside, local:
            case "timeInterval", "start":
                period.start = _time(text)
            case "timeInterval", "end":
                period.end = _time(text)
            case "Period", "resolution":
                period.minutes = _minutes(text)
            case "Point", "position":
                self._position = int(_number(text, local))
            case "Point", "price.amount":
                self._price = _number(text, local)
            case "Period", "Point":
                self._take_point(period)

    def _take_point(self, period: _Period) -> None:
        self._points += 1
        if self._points > MOST_POINTS:
            raise AnswerError(f"expected at most {MOST_POINTS} prices")
        if self._position is not None and self._price is not None:
            period.points.setdefault(self._position, self._price)

    def answer(self) -> Answer:
        if self._root == _NO_ANSWER:
            if self._reason.get("code") == _NOTHING_THERE:
                return Answer(60, {})
            raise AnswerError(f"expected prices, came: {self._reason.get('text', 'no reason')[:120]}")
        if self._root != _DOCUMENT:
            raise AnswerError(f"expected a {_DOCUMENT}, came {self._root[:60]!r}")
        # A zone may have several auctions of one day: the one that is numbered first sets the price.
        ordered = sorted(self._series, key=lambda series: series.sequence)
        return answer_of(point for series in ordered for point in _points(series))


def _of_series(series: _Series, local: str, text: str) -> None:
    match local:
        case "currency_Unit.name":
            series.currency = text
        case "price_Measure_Unit.name":
            series.measure = text
        case "curveType":
            series.curve = text
        case name if name == _SEQUENCE:
            series.sequence = int(_number(text, local))


def _points(series: _Series) -> Iterator[Point]:
    factor = factor_of(f"{series.currency}/{series.measure}")
    for period in series.periods:
        if period.start is None or period.end is None or not period.minutes:
            raise AnswerError("expected each Period with a timeInterval and a resolution")
        step = timedelta(minutes=period.minutes)
        count = (period.end - period.start) // step
        if not 0 < count <= MOST_POINTS:
            raise AnswerError(f"expected a Period of some slots, came {period.start} to {period.end}")
        last: float | None = None
        for position in range(1, count + 1):
            price = period.points.get(position, last if series.curve == _REPEATING else None)
            last = price
            yield Point(period.start + (position - 1) * step, period.minutes, None if price is None else price * factor)


def _minutes(text: str) -> int:
    if text not in _MINUTES:
        raise AnswerError(f"resolution: expected {', '.join(_MINUTES)}, came {text[:40]!r}")
    return _MINUTES[text]


def _number(text: str, what: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise AnswerError(f"{what}: expected a number, came {text[:40]!r}") from None
    if not abs(value) < 1e9:
        raise AnswerError(f"{what}: expected a number, came {text[:40]!r}")
    return value


def _time(text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
        return time.astimezone(UTC) if time.tzinfo is not None else time.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise AnswerError(f"timeInterval: expected a UTC time, came {text[:40]!r}") from None


def _stamp(time: datetime) -> str:
    return time.strftime("%Y%m%d%H%M")
