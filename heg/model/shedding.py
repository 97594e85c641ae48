"""Who is switched off next when the house draws too much, and who comes back next when there is room again. Pure.

The least important first; among equals whoever was shed least lately, so that turns go round. Nobody is switched
faster than its minimum times allow, what was told is given time to show at the meter before more is told, and what
came back in vain waits longer the next time: so it never flaps. Used wherever a bound is to be held by shedding.
"""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from types import MappingProxyType

from heg.model.appliances import Importance

ALWAYS_ROOM = math.inf
"""The room of a house that nothing bounds any more: all come back, a few at a time."""
_RANK = {Importance.OPTIONAL: 0, Importance.FLEXIBLE: 1, Importance.MUST_RUN: 2}
_LONGEST_BACK_OFF = 4
_FORGOTTEN_AFTER_S = 7 * 86400.0


@dataclass(frozen=True, slots=True)
class Sheddable:
    """An appliance as it stands: whether it works (`on`), since when (monotonic s), and what it draws then.

    `permitted` is False while nobody may switch it here: it is lost, or in the hands of somebody who goes before.
    `kw` 0 or less means that what it draws is not known.
    """

    name: str
    importance: Importance
    on: bool
    since_s: float
    kw: float
    permitted: bool = True
    min_on_s: float = 600.0
    min_off_s: float = 600.0
    settle_s: float = 90.0


@dataclass(frozen=True, slots=True)
class SheddingRules:
    """How a bound is held. Times in seconds, power in kW.

    `reaches` is the most important kind that may be shed. `urgent` breaks a minimum on time when nothing else is left.
    What changed is seen at the meter `visible_s` later. Room has to last for `back_after_s`, with `margin_kw` to
    spare; then `most_back` come back at a time, every `back_every_s` at most. Who was shed for `turn_s` is exchanged
    for an equal that works. A return that ends above the bound within `trial_s` was in vain.
    """

    reaches: Importance = Importance.FLEXIBLE
    urgent: bool = False
    tolerance_kw: float = 0.02
    unknown_kw: float = 0.5
    margin_kw: float = 0.2
    visible_s: float = 5.0
    back_after_s: float = 60.0
    back_every_s: float = 2.0
    most_back: int = 8
    turn_s: float = 1800.0
    trial_s: float = 120.0


class Told(Enum):
    """What came last: switched off, let back, or taken out of our hands by somebody else."""

    SHED = "shed"
    BACK = "back"
    LEFT = "left"


@dataclass(frozen=True, slots=True)
class Turn:
    """The last turn of one appliance: what it was told at `at_s` (monotonic); fairness counts from then.

    `times` it was shed so far: of those who came back together, who was shed more rarely goes first the next time.
    """

    what: Told
    at_s: float
    times: int = 0


@dataclass(frozen=True, slots=True)
class ShedBook:
    """What is remembered from look to look: whose turn it was, and how much room there has been since when."""

    turns: Mapping[str, Turn] = field(default_factory=lambda: MappingProxyType({}))
    room_since_s: float | None = None
    least_room_kw: float = math.inf
    back_off: int = 0
    told_s: float = -math.inf

    @property
    def shed(self) -> frozenset[str]:
        """Who is shed now."""
        return frozenset(name for name, turn in self.turns.items() if turn.what is Told.SHED)

    @classmethod
    def resumed(cls, shed_since_s: Mapping[str, float]) -> "ShedBook":
        """Return the book of a run that finds these shed since then, by the run before."""
        return cls(MappingProxyType({name: Turn(Told.SHED, at) for name, at in shed_since_s.items()}))


@dataclass(frozen=True, slots=True)
class ShedDecision:
    """Who goes now, who comes back, what is remembered, and how many kW too much are left that nobody may give."""

    shed: tuple[str, ...]
    back: tuple[str, ...]
    book: ShedBook
    missing_kw: float = 0.0


def decide(
    appliances: Iterable[Sheddable], over_kw: float, now_s: float, book: ShedBook, rules: SheddingRules
) -> ShedDecision:
    """Decide by `over_kw`: how much is drawn above the bound (below it: negative, `-ALWAYS_ROOM` without a bound).

    Whoever is not among `appliances`, or not permitted any more, is left to itself: it counts as shed no longer.
    """
    known = {one.name: one for one in appliances}
    book = _without_strangers(book, known, now_s)
    # What is on its way counts only on the side of waiting: the meter may show it already.
    too_much_kw = over_kw - _on_its_way_kw(Told.SHED, known, book, now_s, rules)
    if too_much_kw > rules.tolerance_kw:
        return _shed(known, too_much_kw, now_s, book, rules)
    return _bring_back(known, -over_kw - _on_its_way_kw(Told.BACK, known, book, now_s, rules), now_s, book, rules)


def reachable_kw(appliances: Iterable[Sheddable], book: ShedBook, now_s: float, rules: SheddingRules) -> float:
    """Return how many kW shedding can take off what the meter shows now: of those that may go, and of those that were
    told to and do not show yet.
    """
    known = {one.name: one for one in appliances}
    could_kw = math.fsum(_draw_kw(one, rules) for one in _candidates(known.values(), book, now_s, rules))
    return could_kw + _on_its_way_kw(Told.SHED, known, book, now_s, rules)


# Shedding.


def _shed(
    known: Mapping[str, Sheddable], over_kw: float, now_s: float, book: ShedBook, rules: SheddingRules
) -> ShedDecision:
    """Take them in order until it is enough; nobody in vain."""
    chosen: list[Sheddable] = []
    taken_kw = 0.0
    for one in _candidates(known.values(), book, now_s, rules):
        if taken_kw >= over_kw - rules.tolerance_kw:
            break
        chosen.append(one)
        taken_kw += _draw_kw(one, rules)
    for one in list(chosen):
        if taken_kw - _draw_kw(one, rules) >= over_kw - rules.tolerance_kw:
            chosen.remove(one)
            taken_kw -= _draw_kw(one, rules)
    in_vain = any(turn.what is Told.BACK and now_s - turn.at_s < rules.trial_s for turn in book.turns.values())
    back_off = min(book.back_off + 1, _LONGEST_BACK_OFF) if in_vain and chosen else book.back_off
    turns = {one.name: _shed_again(book, one, now_s) for one in chosen}
    after = replace(_told(book, turns, now_s), room_since_s=None, least_room_kw=math.inf, back_off=back_off)
    return ShedDecision(tuple(turns), (), after, max(0.0, over_kw - taken_kw))


def _candidates(
    appliances: Collection[Sheddable], book: ShedBook, now_s: float, rules: SheddingRules
) -> list[Sheddable]:
    """Return who may be shed, in order: the least important first, then who was shed least lately."""

    def order(one: Sheddable) -> tuple[bool, bool, int, float, int, str]:
        must_run = one.importance is Importance.MUST_RUN
        last = book.turns.get(one.name, _NEVER)
        return must_run, not _worked_long_enough(one, now_s), _RANK[one.importance], last.at_s, last.times, one.name

    reaches, shed = _RANK[rules.reaches], book.shed
    return sorted(
        (
            one
            for one in appliances
            if one.on and one.permitted and one.name not in shed and _RANK[one.importance] <= reaches
            if rules.urgent or _worked_long_enough(one, now_s)
        ),
        key=order,
    )


def _worked_long_enough(one: Sheddable, now_s: float) -> bool:
    return now_s - one.since_s >= one.min_on_s


# Coming back.


def _bring_back(
    known: Mapping[str, Sheddable], room_kw: float, now_s: float, book: ShedBook, rules: SheddingRules
) -> ShedDecision:
    book = _calmed(book, now_s, rules)
    waiting = sorted((known[name] for name in book.shed), key=lambda one: _return_order(one, book))
    if not waiting:
        return ShedDecision((), (), replace(book, room_since_s=None, least_room_kw=math.inf))
    if math.isinf(room_kw):
        return _returned(_fitting(waiting, room_kw, now_s, book, rules), now_s, book)
    if book.room_since_s is None:
        book = replace(book, room_since_s=now_s)
    least_kw = min(book.least_room_kw, room_kw)
    if now_s - (book.room_since_s or 0.0) < rules.back_after_s * 2**book.back_off:
        return ShedDecision((), (), replace(book, least_room_kw=least_kw))
    # The room of the span that is over; the next one begins now.
    book = replace(book, room_since_s=now_s, least_room_kw=math.inf)
    back = _fitting(waiting, least_kw - rules.margin_kw, now_s, book, rules)
    if back:
        return _returned(back, now_s, book)
    return _exchange(known, waiting, least_kw - rules.margin_kw, now_s, book, rules)


def _return_order(one: Sheddable, book: ShedBook) -> tuple[int, float, str]:
    """The most important first, then who was shed first."""
    return -_RANK[one.importance], book.turns[one.name].at_s, one.name


def _fitting(
    waiting: Sequence[Sheddable], room_kw: float, now_s: float, book: ShedBook, rules: SheddingRules
) -> list[Sheddable]:
    """Return who fits, in order. What does not fit is passed over, or the room would serve nobody."""
    if now_s - book.told_s < rules.back_every_s:
        return []
    fitting: list[Sheddable] = []
    for one in waiting:
        if len(fitting) == rules.most_back:
            break
        need_kw = _need_kw(one, rules)
        if need_kw <= room_kw and _rested_long_enough(one, book, now_s):
            fitting.append(one)
            room_kw -= need_kw
    return fitting


def _rested_long_enough(one: Sheddable, book: ShedBook, now_s: float) -> bool:
    told_s = book.turns[one.name].at_s
    return now_s - (told_s if one.on else max(one.since_s, told_s)) >= one.min_off_s


def _returned(back: Sequence[Sheddable], now_s: float, book: ShedBook) -> ShedDecision:
    if not back:
        return ShedDecision((), (), book)
    turns = {one.name: replace(book.turns[one.name], what=Told.BACK, at_s=now_s) for one in back}
    return ShedDecision((), tuple(turns), _told(book, turns, now_s))


def _exchange(
    known: Mapping[str, Sheddable],
    waiting: Sequence[Sheddable],
    room_kw: float,
    now_s: float,
    book: ShedBook,
    rules: SheddingRules,
) -> ShedDecision:
    """Make room for the first in order: others who matter less make way, equals when it has waited for a turn."""
    first = next((one for one in waiting if not one.on and _rested_long_enough(one, book, now_s)), None)
    if first is None:
        return ShedDecision((), (), book)
    waited = now_s - book.turns[first.name].at_s >= rules.turn_s
    missing_kw = _need_kw(first, rules) - room_kw
    ways: list[Sheddable] = []
    for one in _candidates(known.values(), book, now_s, replace(rules, urgent=False)):
        lesser = _RANK[one.importance] < _RANK[first.importance]
        equal = one.importance is first.importance and waited and now_s - one.since_s >= rules.turn_s
        # Whose draw is not known cannot be said to make room: it would go and come back for ever.
        if missing_kw > 0.0 and one.kw > 0.0 and (lesser or equal):
            ways.append(one)
            missing_kw -= _draw_kw(one, rules)
    if missing_kw > 0.0:
        return ShedDecision((), (), book)
    turns = {one.name: _shed_again(book, one, now_s) for one in ways}
    return ShedDecision(tuple(turns), (), _told(book, turns, now_s))


# What is remembered.

_NEVER = Turn(Told.LEFT, -math.inf)


def _without_strangers(book: ShedBook, known: Mapping[str, Sheddable], now_s: float) -> ShedBook:
    """Let go of those that are not ours to switch any more; whose turn it was is remembered for a while."""
    turns: dict[str, Turn] = {}
    for name, turn in book.turns.items():
        one = known.get(name)
        if turn.what is Told.SHED and (one is None or not one.permitted):
            turns[name] = replace(turn, what=Told.LEFT)
        elif turn.what is Told.SHED or now_s - turn.at_s < _FORGOTTEN_AFTER_S:
            turns[name] = turn
    return replace(book, turns=MappingProxyType(turns))


def _shed_again(book: ShedBook, one: Sheddable, now_s: float) -> Turn:
    return Turn(Told.SHED, now_s, book.turns.get(one.name, _NEVER).times + 1)


def _told(book: ShedBook, turns: Mapping[str, Turn], now_s: float) -> ShedBook:
    return replace(book, turns=MappingProxyType({**book.turns, **turns}), told_s=now_s)


def _calmed(book: ShedBook, now_s: float, rules: SheddingRules) -> ShedBook:
    """After a return that held, the next one waits no longer than usual."""
    last_was_return = any(turn.what is Told.BACK and turn.at_s == book.told_s for turn in book.turns.values())
    held = last_was_return and now_s - book.told_s >= rules.trial_s
    return replace(book, back_off=0) if held else book


def _on_its_way_kw(
    what: Told, known: Mapping[str, Sheddable], book: ShedBook, now_s: float, rules: SheddingRules
) -> float:
    """Return what those draw who were told so, and of whom the meter may not know yet."""
    way_kw = 0.0
    for name, turn in book.turns.items():
        if turn.what is not what or (one := known.get(name)) is None:
            continue
        arrived = one.on is (what is Told.BACK) and one.since_s >= turn.at_s
        ends_s = one.since_s + rules.visible_s if arrived else turn.at_s + one.settle_s
        if now_s < min(ends_s, turn.at_s + one.settle_s + rules.visible_s):
            way_kw += _draw_kw(one, rules)
    return way_kw


def _need_kw(one: Sheddable, rules: SheddingRules) -> float:
    """What it takes to let one come back: what one draws that its user switched on is in what the meter shows."""
    return 0.0 if one.on else _draw_kw(one, rules)


def _draw_kw(one: Sheddable, rules: SheddingRules) -> float:
    return one.kw if one.kw > 0.0 else rules.unknown_kw
