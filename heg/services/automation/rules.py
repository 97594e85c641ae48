"""The owner's rules: when an appliance may work by the clock, by price and by CO2, and how it rests otherwise. Pure.

A price that nobody knows has no say: an appliance is not switched for want of a feed. On the night that has an hour
twice a window is open in both; on the night that skips one the part of a window within it does not come.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from heg.model.appliances import PowerState
from heg.model.leases import Reason, ReasonCode
from heg.services.automation.saying import Wanted
from heg.services.automation.settings import ApplianceRule


@dataclass(frozen=True, slots=True)
class Market:
    """What grid energy costs now (EUR/kWh) and its CO2 (kg/kWh); None while nobody says."""

    price: float | None = None
    co2: float | None = None


@dataclass(frozen=True, slots=True)
class RuleState:
    """What is remembered of one rule: the thresholds exceeded, whether it rests, since when by us (monotonic s)."""

    dear: bool = False
    dirty: bool = False
    resting: bool | None = None
    since_s: float = float("-inf")


def judge(
    rule: ApplianceRule,
    before: RuleState,
    market: Market,
    moment: datetime,
    zone: ZoneInfo,
    now_s: float,
    *,
    min_on_s: float,
    min_off_s: float,
) -> tuple[RuleState, Wanted | None]:
    """Return what a rule wants at `moment` (monotonic `now_s`), None where the appliance is left to itself.

    A price that comes and goes does not switch it faster than its minimum times; a window is a word of its own.
    """
    dear = _above(market.price, rule.max_price, rule.hysteresis, before=before.dear)
    dirty = _above(market.co2, rule.max_co2, rule.hysteresis, before=before.dirty)
    clock = moment.astimezone(zone).time()
    shut = bool(rule.windows) and not any(window.holds(clock) for window in rule.windows)
    resting = shut or dear or dirty
    if before.resting is not None and resting is not before.resting and not shut:
        least_s = min_off_s if before.resting else min_on_s
        if now_s - before.since_s < least_s:
            resting = before.resting
    after = replace(before, dear=dear, dirty=dirty)
    if resting is not before.resting:
        # How it is found at a start is not our switching: nothing has to wait for that.
        after = replace(after, resting=resting, since_s=before.since_s if before.resting is None else now_s)
    if resting:
        return after, Wanted(_reason(rule, market, shut=shut, dear=dear, dirty=dirty), power_state=rule.rest)
    if rule.runs:
        return after, Wanted(Reason(ReasonCode.AUTOMATION, _may(rule)), power_state=PowerState.ON)
    return after, None


def _above(value: float | None, threshold: float | None, hysteresis: float, *, before: bool) -> bool:
    if value is None or threshold is None:
        return False
    return value > threshold - (hysteresis * abs(threshold) if before else 0.0)


def _reason(rule: ApplianceRule, market: Market, *, shut: bool, dear: bool, dirty: bool) -> Reason:
    if shut:
        text = f"Rests outside {_windows(rule)}."
    elif dear and market.price is not None and rule.max_price is not None:
        text = f"Rests: energy costs {market.price:.3f} EUR/kWh, above {rule.max_price:g}."
    elif dirty and market.co2 is not None and rule.max_co2 is not None:
        text = f"Rests: energy brings {market.co2:.3f} kg CO2/kWh, above {rule.max_co2:g}."
    else:
        text = "Rests a while longer: it is not switched on and off for a moment's price."
    return Reason(ReasonCode.AUTOMATION, text)


def _may(rule: ApplianceRule) -> str:
    return f"Works within {_windows(rule)}." if rule.windows else "Works while energy is cheap and clean enough."


def _windows(rule: ApplianceRule) -> str:
    return " and ".join(map(str, rule.windows))
