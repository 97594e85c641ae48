"""The envelope of a connection point: an interval in kW and in A per phase (DESIGN.md, Two clocks 1)."""

from dataclasses import dataclass
from enum import StrEnum


class EnvelopeSource(StrEnum):
    """Who bounds the connection point."""

    CONTRACT = "contract"
    DSO = "dso"
    UTILITY = "utility"
    TUBE = "tube"
    PRODUCTION = "production"


@dataclass(frozen=True, slots=True)
class EnvelopeLimit:
    """One source's say: kW at the connection point (positive importing), amperes per phase, and how it is measured.

    `averaging_s` is the time over which the limit counts, `reaction_s` the time within which it must be held.
    """

    source: EnvelopeSource
    min_kw: float = float("-inf")
    max_kw: float = float("inf")
    max_a_per_phase: float = float("inf")
    averaging_s: float = 0.0
    reaction_s: float = 10.0
    text: str = ""


@dataclass(frozen=True, slots=True)
class Envelope:
    """The interval that all sources together leave; `min_source` and `max_source` name the ones that bind."""

    min_kw: float = float("-inf")
    max_kw: float = float("inf")
    max_a_per_phase: float = float("inf")
    min_source: EnvelopeSource | None = None
    max_source: EnvelopeSource | None = None
    limits: tuple[EnvelopeLimit, ...] = ()
