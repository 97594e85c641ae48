"""How long a certificate of ours is good, on machines that may not know what day it is. Pure.

Apple's systems refuse more than 825 days and let nobody past that. Small machines have no clock of their own: until
somebody tells them the time they live in 1970, at the day their image was made, or where they were switched off.
"""

from datetime import UTC, datetime, timedelta

from heg.model.records import CertificateRecord

EARLIEST = datetime(2026, 11, 1, tzinfo=UTC)
"""No clock that shows less can be right: this was written later."""
LONGEST = timedelta(days=824)
BEFORE = timedelta(days=30)
"""A certificate is good from so long ago: clocks that fell back after a power cut still find it good."""
RENEWED_BEFORE = timedelta(days=30)
DOUBTED_FOR_S = 24 * 3600.0
"""How long a clock must say that our certificate is not good yet before it, and not the clock, is doubted."""
WARNED_BEFORE = timedelta(days=21)
"""When an owner's certificate is about to end; we can't renew it."""


def span(now: datetime) -> tuple[datetime, datetime]:
    """Return begin and end of a certificate made now."""
    begin = believable(now).replace(microsecond=0) - BEFORE
    return begin, begin + LONGEST


def believable(now: datetime) -> datetime:
    """Return the time, or the earliest that it can be."""
    return max(now, EARLIEST)


def due(record: CertificateRecord, now: datetime, doubted_s: float = 0.0) -> bool:
    """Tell whether our certificate is to be renewed; `doubted_s` is for how long it was said to be not good yet."""
    if is_early(record, now):
        # More often the clock fell back than that it was ahead when this was made, and a new certificate for each
        # power cut would teach people to click warnings away.
        return doubted_s >= DOUBTED_FOR_S
    return believable(now) >= record.end - RENEWED_BEFORE


def is_early(record: CertificateRecord, now: datetime) -> bool:
    """Tell whether a clock that may be right says that a certificate is not good yet."""
    return EARLIEST <= now < record.begin
