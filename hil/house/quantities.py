"""Whole-number quantities of the physical model.

Power is held in whole milliwatts and time in whole microseconds, so that energy comes out in whole nanojoules
and every balance of the house adds up exactly, not merely to within floating-point noise.
"""

from __future__ import annotations

from collections.abc import Sequence

NANOJOULE_PER_WH = 3_600_000_000_000
MICROSECONDS = 1_000_000
MILLION = 1_000_000

Phases = tuple[int, int, int]
"""Power of phases L1, L2, L3 in milliwatts."""


def milliwatts(power_kw: float) -> int:
    """Power in kW as whole milliwatts."""
    return round(power_kw * 1_000_000)


def kilowatts(power_milliwatt: int) -> float:
    """Whole milliwatts as kW."""
    return power_milliwatt / 1_000_000


def nanojoules(energy_kwh: float) -> int:
    """Energy in kWh as whole nanojoules."""
    return round(energy_kwh * 1000 * NANOJOULE_PER_WH)


def kilowatt_hours(energy_nanojoule: int) -> float:
    """Whole nanojoules as kWh."""
    return energy_nanojoule / NANOJOULE_PER_WH / 1000


def watt_hours(energy_nanojoule: int) -> float:
    """Whole nanojoules as Wh."""
    return energy_nanojoule / NANOJOULE_PER_WH


def parts_per_million(share: float) -> int:
    """A share between 0 and 1 in whole millionths."""
    return round(share * MILLION)


def split(total_milliwatt: int, shares_ppm: Sequence[int]) -> Phases:
    """Split a total over three phases; the third takes the rounding, so the parts always sum to the total."""
    first = total_milliwatt * shares_ppm[0] // MILLION
    second = total_milliwatt * shares_ppm[1] // MILLION
    return first, second, total_milliwatt - first - second


def shares_in_ppm(shares: Sequence[float]) -> tuple[int, int, int]:
    """Three shares that sum to one, in millionths; ValueError when they do not."""
    if len(shares) != 3 or any(share < 0 for share in shares) or abs(sum(shares) - 1.0) > 1e-6:
        raise ValueError(f"phase shares {tuple(shares)}: expected three shares that sum to 1, such as (0.5, 0.3, 0.2)")
    first, second = parts_per_million(shares[0]), parts_per_million(shares[1])
    return first, second, MILLION - first - second
