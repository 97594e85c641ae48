"""When the next control cycle begins: one cycle after the last, drawn to the moment just after the meter has spoken.

The meter is read once a cycle. A cycle that begins a while after the reading acts on a value that has waited for
nothing, up to a whole cycle; of the ten seconds in which a step has to settle that is a tenth. So the cycle is drawn,
a little each time, to begin shortly after the value arrives; where the meter speaks at another pace, or not at all, it
keeps its own. Pure.
"""

import math

_SHORTLY = 0.02
_CALM = 0.015
_LARGEST = 0.1
"""Shares of a cycle: where to begin after the value, how far off is near enough, how far to draw at once."""


def next_start_s(began_s: float, cycle_s: float, arrived_s: float | None) -> float:
    """Return when the next cycle begins (monotonic s).

    `began_s` is when this one was due, `arrived_s` when the value it acted on had arrived, None where there is none.
    """
    waited = math.inf if arrived_s is None else (began_s - arrived_s) / cycle_s
    if not 0.0 <= waited < 1.0 + _SHORTLY:  # at one cycle the next value comes at this very moment, but after us
        return began_s + cycle_s  # nothing new since the last cycle: no pace to be drawn to
    early = waited - _SHORTLY
    if early > 0.5:
        early -= 1.0  # the next value is nearer than this one
    if abs(early) <= _CALM:
        return began_s + cycle_s
    return began_s + cycle_s * (1.0 - max(-_LARGEST, min(_LARGEST, early)))
