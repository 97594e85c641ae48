"""Moments of the API as a house's clock shows them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, tzinfo

Local = Callable[[str], str]
"""Makes a moment of the API what a clock on the wall shows."""


def in_zone(name: str) -> Local:
    """Return what shows moments in a zone (IANA); UTC for one that is not known here."""
    zone = zone_named(name)
    return lambda utc: shown_in(zone, utc)


def zone_named(name: str) -> tzinfo:
    """Return a zone, UTC for one that is not known here."""
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(name)
    except (ValueError, KeyError, OSError):
        return UTC


def shown_in(zone: tzinfo, utc: str) -> str:
    """Return a moment as a clock in this zone shows it; a text that is none, as it came."""
    try:
        return f"{datetime.fromisoformat(utc).astimezone(zone):%Y-%m-%d %H:%M}"
    except (ValueError, OverflowError):
        return utc
