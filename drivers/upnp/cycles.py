"""The cycle that waits in an appliance, as its extension service tells it: what makes sense of it is reported.

What it draws while it works comes by the same answer.
"""

import math
from datetime import datetime, timedelta

from drivers.upnp.actions import MOST_STEPS
from drivers.upnp.soap import Answer, shortened
from heg.model.appliances import CycleOffer
from heg.model.cycles import MOST_KW, CycleCurve
from heg.model.refusals import Refusal, RefusalCode
from heg.model.slots import SLOT_MINUTES

NO_CYCLE = CycleOffer("")
_FURTHEST = timedelta(days=8)


def rated_kw(answer: Answer) -> float:
    """Return what an appliance says that it draws while it works, kW; 0: it does not say."""
    watts = answer["RatedPower"]
    return watts / 1000.0 if isinstance(watts, int) else 0.0


def offer_of(answer: Answer, now: datetime) -> CycleOffer | Refusal:
    """Return the cycle that an answer to GetCycle tells, `NO_CYCLE` where none waits; a refusal of what cannot be."""
    name = shortened(str(answer["CycleId"]), 64)
    if not name:
        return NO_CYCLE
    curve = _curve(str(answer["PowerCurve"]), answer["StepMinutes"], interruptible=answer["Interruptible"] is True)
    if isinstance(curve, Refusal):
        return curve
    earliest, latest = _moment(answer["EarliestStart"]), _moment(answer["LatestEnd"])
    if (wrong := _window_problem(curve, earliest, latest, now)) is not None:
        return wrong
    return CycleOffer(name, shortened(str(answer["Name"]), 64), curve, earliest, latest)


def _curve(text: str, step: object, *, interruptible: bool) -> CycleCurve | Refusal:
    if step not in SLOT_MINUTES:
        among = ", ".join(map(str, SLOT_MINUTES))
        return Refusal(RefusalCode.OUT_OF_RANGE, f"StepMinutes of GetCycle among {among}", str(step))
    pieces = text.split(",")
    if len(pieces) > MOST_STEPS:
        return Refusal(RefusalCode.TOO_LARGE, f"PowerCurve of GetCycle of at most {MOST_STEPS} steps", f"{len(pieces)}")
    try:
        kw = tuple(float(piece) / 1000.0 for piece in pieces)
    except ValueError:
        return Refusal(RefusalCode.WRONG_TYPE, "PowerCurve of GetCycle in W, such as 2000,300", shortened(text, 40))
    if not all(math.isfinite(one) and 0.0 < one <= MOST_KW for one in kw):
        allowed = f"each step of PowerCurve of GetCycle above 0 and at most {1000.0 * MOST_KW:g} W"
        return Refusal(RefusalCode.OUT_OF_RANGE, allowed, shortened(text, 40))
    return CycleCurve(kw, step if isinstance(step, int) else 0, interruptible)


def _window_problem(
    curve: CycleCurve, earliest: datetime | None, latest: datetime | None, now: datetime
) -> Refusal | None:
    if any(one is not None and abs(one - now) > _FURTHEST for one in (earliest, latest)):
        return Refusal(RefusalCode.BAD_TIME, f"a cycle within {_FURTHEST.days} days", f"{earliest} to {latest}")
    if earliest is not None and latest is not None and earliest + curve.length > latest:
        expected = f"a window of GetCycle that {curve.length} fit into"
        return Refusal(RefusalCode.BAD_TIME, expected, f"{earliest} to {latest}", "ask for a later end")
    return None


def _moment(value: object) -> datetime | None:
    return value if isinstance(value, datetime) else None
