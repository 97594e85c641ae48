"""How each lack of a plan is mended: what an owner can do about it, in a sentence. Nothing to do is said too."""

from collections.abc import Iterable, Mapping

from heg.model.plan import Degradation, DegradationCode
from heg.web.plan_messages import Lack

MOST_LACKS = 12
"""A plan lacks a few things; what is more than this helps nobody."""
_LONGEST = 400

_FEED = "Name a price feed in the configuration ([feeds]), and see that it can be reached."
_WAIT = "Nothing needs you: it mends itself as the house is measured."
_AGAIN = "The next slot tries again; if it stays, see the gateway's log."

MENDING: Mapping[DegradationCode, str] = {
    DegradationCode.PRICES_MISSING: _FEED,
    DegradationCode.PRICES_ESTIMATED: "Tomorrow's prices usually come in the early afternoon; if not, see the feed.",
    DegradationCode.EXPORT_PRICES_MISSING: "Say in the configuration what sold energy earns, if it earns anything.",
    DegradationCode.CO2_MISSING: "Name a CO2 feed in the configuration, or plan by cost ([planning] objective).",
    DegradationCode.DEMAND_FORECAST_MISSING: "See that the feed with the forecast of demand can be reached.",
    DegradationCode.PRODUCTION_FORECAST_MISSING: "See that the feed with the forecast of production can be reached.",
    DegradationCode.HISTORY_SHORT: "It learns the house from day to day; heg import brings weeks of an earlier system.",
    DegradationCode.SOC_UNKNOWN: "See that the battery answers, in Devices below.",
    DegradationCode.SOC_FROZEN: "See whether the battery's own display shows another charge, and restart it.",
    DegradationCode.SOC_OUT_OF_BOUNDS: "See the battery's reserve and capacity in the configuration ([device.NAME]).",
    DegradationCode.VEHICLE_SOC_ASSUMED: "Say in the car's card how full it is, and when it leaves.",
    DegradationCode.DEMAND_ABOVE_CONTRACT: "Switch something off, or see [contract] max_import_kw.",
    DegradationCode.LIMITS_CONTRADICT: "See Limits of the connection below: two of them leave no room.",
    DegradationCode.TARGET_PAST: "Say in the car's card when it leaves.",
    DegradationCode.TARGET_UNREACHABLE: "Let the car leave later or less full, or plug it in earlier.",
    DegradationCode.TIME_LIMIT: "Nothing needs you; a longer slot or a shorter horizon ([planning]) makes it easier.",
    DegradationCode.NETTED: "Nothing needs you: it costs next to nothing.",
    DegradationCode.SOLVER_FAILED: _AGAIN,
    DegradationCode.WORKER_LOST: _AGAIN,
    DegradationCode.WORKER_STALLED: _AGAIN,
    DegradationCode.ANSWER_REFUSED: _AGAIN,
    DegradationCode.OLD_PLAN: _AGAIN,
    DegradationCode.CLOCK_STEPPED: _WAIT,
    DegradationCode.DEFERRABLE_UNPLACED: "Give the appliance's cycle more time, or let it run on fewer kilowatts.",
    DegradationCode.WEATHER_MISSING: "See that the weather feed ([feeds.weather]) can be reached, and [site] is set.",
    DegradationCode.BILLING_PARTLY_KNOWN: "Nothing needs you: the next billing period is counted from its beginning.",
    DegradationCode.DAY_AHEAD_MISSING: "Name a market in the configuration ([feeds.market]), and see that it answers.",
    DegradationCode.INPUT_MENDED: "See that the devices and feeds tell sensible values, in Devices below.",
}


def as_lacks(degradations: Iterable[Degradation]) -> tuple[Lack, ...]:
    """Return the lacks as messages, in the order of their codes, what is said twice once."""
    order = list(DegradationCode)
    told = sorted(dict.fromkeys(degradations), key=lambda one: order.index(one.code))
    return tuple(
        Lack(code=one.code, text=one.text[:_LONGEST] or _plain(one.code), mend=MENDING.get(one.code, _AGAIN))
        for one in told[:MOST_LACKS]
    )


def _plain(code: DegradationCode) -> str:
    return code.replace("_", " ").capitalize() + "."
