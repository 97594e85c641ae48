"""What may pass the door: each value against its catalogue entry, each time and each place (spec data-interface.md).

Everything from outside is hostile. A value that does not fit is refused with what was expected; nothing is clipped.
"""

import math
import re
from datetime import UTC, datetime, timedelta

from heg.data.encoding import EncodingError, encode
from heg.model.catalogue import Variable
from heg.model.instance import ANY, Kind, Location
from heg.model.refusals import Refusal, RefusalCode

TEXT_LIMIT = 512
RECORD_LIMIT = 256 * 1024
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)
CLOCK_SET_AFTER = datetime(2024, 1, 1, tzinfo=UTC)
"""A unit whose own clock shows less has not heard of NTP yet; it cannot judge that a time lies ahead."""
AHEAD = timedelta(days=2)

_PIECE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:+-]{0,79}")


def checked_value(variable: Variable, value: object) -> tuple[object, bytes | None] | Refusal:
    """Return the value as it is kept (numbers as float), with its JSON if it is a record or profile; or the refusal."""
    if variable.kind in (Kind.SCALAR, Kind.COUNTER):
        return _number(variable, value)
    if variable.kind is Kind.STATE:
        return _state(variable, value)
    return _record(variable, value)


def location_refusal(location: Location, *, pattern: bool = False) -> Refusal | None:
    """Refuse a place that is not well formed; `*` is allowed in patterns only."""
    if not isinstance(location, Location):
        return Refusal(RefusalCode.WRONG_TYPE, "a Location", type(location).__name__)
    for piece, needed in ((location.unit, True), (location.device, False), (location.part, False)):
        if (piece == ANY and pattern) or (not piece and not needed):
            continue
        if not isinstance(piece, str) or not _PIECE.fullmatch(piece):
            expected = "a place of letters, digits and . _ : + -, at most 80 a piece"
            return Refusal(RefusalCode.WRONG_TYPE, expected, repr(piece)[:100])
    return None


def time_refusal(time: datetime, now: datetime) -> Refusal | None:
    """Refuse a time without zone, before 2000, after 2200, or further ahead of a set clock than two days."""
    if not isinstance(time, datetime) or time.tzinfo is None:
        return Refusal(RefusalCode.BAD_TIME, "an aware UTC time", repr(time)[:60])
    if not EARLIEST <= time < LATEST:
        return Refusal(RefusalCode.BAD_TIME, "a time between 2000 and 2200", time.isoformat(), "set the device's clock")
    if now > CLOCK_SET_AFTER and time > now + AHEAD:
        return Refusal(
            RefusalCode.BAD_TIME, "a time no more than two days ahead", time.isoformat(), "set the device's clock"
        )
    return None


def _number(variable: Variable, value: object) -> tuple[object, None] | Refusal:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return Refusal(RefusalCode.WRONG_TYPE, f"a number in {variable.unit} for {variable.id}", repr(value)[:60])
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        return Refusal(RefusalCode.OUT_OF_RANGE, f"a finite number for {variable.id}", str(value)[:60])
    if not variable.low <= number <= variable.high:
        expected = f"{variable.id} between {variable.low:g} and {variable.high:g} {variable.unit}"
        return Refusal(RefusalCode.OUT_OF_RANGE, expected, f"{number:g}", "check scale factor and sign")
    return number, None


def _state(variable: Variable, value: object) -> tuple[object, None] | Refusal:
    if isinstance(value, bool) and not variable.states:
        return value, None
    if not isinstance(value, str):
        return Refusal(RefusalCode.WRONG_TYPE, f"a name for {variable.id}", repr(value)[:60])
    if variable.states and value not in variable.states:
        expected = f"{variable.id} one of {', '.join(sorted(variable.states))}"
        return Refusal(RefusalCode.OUT_OF_RANGE, expected, repr(value)[:60])
    if len(value) > TEXT_LIMIT:
        return Refusal(RefusalCode.TOO_LARGE, f"at most {TEXT_LIMIT} characters", str(len(value)))
    # An enum member is a str; what is kept and stored is the plain string.
    return str(value), None


def _record(variable: Variable, value: object) -> tuple[object, bytes] | Refusal:
    expected = variable.record_type
    if expected is None or not isinstance(value, expected):
        wanted = expected.__name__ if expected is not None else f"no {variable.kind} by write()"
        return Refusal(RefusalCode.WRONG_TYPE, f"{wanted} for {variable.id}", type(value).__name__)
    try:
        data = encode(value)
    except EncodingError as error:
        return Refusal(RefusalCode.WRONG_TYPE, f"a whole {expected.__name__} for {variable.id}", str(error)[:200])
    if len(data) > RECORD_LIMIT:
        return Refusal(RefusalCode.TOO_LARGE, f"at most {RECORD_LIMIT} bytes for {variable.id}", str(len(data)))
    return value, data
