"""How power moved within a span: the shape is the measured power's, the amount is the counters'. Pure.

What the other houses would have imported and exported is told only by when things happened: a kettle in the sun and a
kettle in the dark are the same energy and not the same bill. The shape is kept as a list of steps, bounded.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

MOST_STEPS = 720
_MEASURED_ENOUGH = 0.5


@dataclass(frozen=True, slots=True)
class Step:
    """The house for some seconds: kW without storages and vehicles (demand - production); None: not known."""

    seconds: float
    house_kw: float | None


@dataclass(frozen=True, slots=True)
class Known:
    """A step whose power is known, by measurement or by the counters."""

    seconds: float
    house_kw: float


class Shape:
    """The steps of the span that is being measured."""

    def __init__(self) -> None:
        self._steps: list[Step] = []

    @property
    def seconds(self) -> float:
        """How long it is."""
        return sum(one.seconds for one in self._steps)

    @property
    def known_s(self) -> float:
        """How much of it was measured."""
        return sum(one.seconds for one in self._steps if one.house_kw is not None)

    def add(self, seconds: float, house_kw: float | None) -> None:
        """Go on by a step."""
        if seconds <= 0:
            return
        last = self._steps[-1] if self._steps else None
        if last is not None and last.house_kw == house_kw:
            self._steps[-1] = Step(last.seconds + seconds, house_kw)
            return
        self._steps.append(Step(seconds, house_kw))
        if len(self._steps) > MOST_STEPS:
            self._steps = list(_in_pairs(self._steps))

    def take(self) -> tuple[Step, ...]:
        """Return the steps and begin anew."""
        steps, self._steps = tuple(self._steps), []
        return steps


def corrected(steps: Sequence[Step], total_kwh: float) -> tuple[Known, ...]:
    """Return the steps with the energy that the counters say, the measured ones moved by as little as possible."""
    seconds = sum(one.seconds for one in steps)
    if seconds <= 0:
        return ()
    known_s = sum(one.seconds for one in steps if one.house_kw is not None)
    known_kwh = sum(one.seconds * one.house_kw for one in steps if one.house_kw is not None) / 3600.0
    if known_s >= _MEASURED_ENOUGH * seconds:
        unknown_kw = known_kwh * 3600.0 / known_s
        filled = [Known(one.seconds, unknown_kw if one.house_kw is None else one.house_kw) for one in steps]
    else:
        unknown_kw = (total_kwh - known_kwh) * 3600.0 / (seconds - known_s)
        filled = [Known(one.seconds, unknown_kw if one.house_kw is None else one.house_kw) for one in steps]
    off_kw = total_kwh * 3600.0 / seconds - sum(one.seconds * one.house_kw for one in filled) / seconds
    return tuple(Known(one.seconds, one.house_kw + off_kw) for one in filled)


def walk(steps: Sequence[Known], lengths: Sequence[float]) -> Iterator[tuple[Known, ...]]:
    """Cut the steps into consecutive pieces of these seconds; what is left over goes to the last piece."""
    waiting = list(reversed(steps))
    for number, length in enumerate(lengths):
        piece: list[Known] = []
        left_s = length if number < len(lengths) - 1 else float("inf")
        while waiting and left_s > 0:
            step = waiting.pop()
            if step.seconds > left_s:
                waiting.append(Known(step.seconds - left_s, step.house_kw))
                step = Known(left_s, step.house_kw)
            piece.append(step)
            left_s -= step.seconds
        yield tuple(piece)


def _in_pairs(steps: Sequence[Step]) -> Iterator[Step]:
    for at in range(0, len(steps), 2):
        pair = [one for one in steps[at : at + 2] if one.house_kw is not None]
        seconds = sum(one.seconds for one in steps[at : at + 2])
        known_s = sum(one.seconds for one in pair)
        mean_kw = sum(one.seconds * (one.house_kw or 0.0) for one in pair) / known_s if known_s else None
        yield Step(seconds, mean_kw)
