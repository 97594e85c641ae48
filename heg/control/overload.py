"""Appliances are put to standby where the house alone draws more than contract, network operator or wires stand. Pure.

Storages and cars come first: they are steered by the same limits every cycle, so only what lasts longer than they need
is taken from appliances. Who goes and who comes back is `heg.model.shedding`; here it is the envelope that speaks,
which goes before an appliance's own registration and its owner's hand.
"""

import math
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from heg.control.snapshot import NOMINAL_V, ApplianceImage, GridImage, Known
from heg.model.appliances import Importance, PowerState
from heg.model.envelope import EnvelopeLimit, EnvelopeSource
from heg.model.leases import Claim, Claimant, Reason, ReasonCode
from heg.model.shedding import ALWAYS_ROOM, ShedBook, Sheddable, SheddingRules, decide

HARD = frozenset({EnvelopeSource.CONTRACT, EnvelopeSource.DSO})
"""What protects wires. What the utility or a tube asks is met by storages, cars and the owner's automation."""
_STEERED_S = 6.0
"""So long, and at least two cycles, storages and cars have to bring the connection point back inside."""
_RULES = SheddingRules(reaches=Importance.MUST_RUN, urgent=True)
_RESTS = frozenset({PowerState.STANDBY, PowerState.OFF})
_CLAIM_S = 60.0


class Overload:
    """Remembers who is held back, and how long the house has been outside. `cycle_s` is the control cycle."""

    def __init__(self, cycle_s: float) -> None:
        self._rules = replace(_RULES, visible_s=max(_RULES.visible_s, 2 * cycle_s))
        self._book = ShedBook()
        self._lately_kw: deque[float] = deque(maxlen=max(2, math.ceil(_STEERED_S / cycle_s)))
        self._reasons: dict[str, Reason] = {}
        self._states: dict[str, tuple[PowerState | None, float]] = {}
        """Who was in which state since when, at the last look: some tell again and again what they told before."""

    def let_go(self) -> None:
        """Nobody is held back any more, whatever there is room for: the owner has taken the hands off."""
        self._book, self._reasons = ShedBook(), {}
        self._lately_kw.clear()

    def decide(
        self,
        grid: GridImage,
        limits: Sequence[EnvelopeLimit],
        appliances: Callable[[], Iterable[ApplianceImage]],
        inherited: Mapping[str, Reason],
        now_s: float,
    ) -> dict[str, Claim]:
        """Return the envelope's order for each appliance that is held back.

        `limits` are those in force, `inherited` what the process before held back. Hundreds of appliances may be
        attached: they are looked at only when something is to be decided.
        """
        self._resume(inherited, now_s)
        over_kw, limit = _over(grid, [one for one in limits if one.source in HARD])
        if math.isnan(over_kw):
            self._lately_kw.clear()  # blind: who is held back stays so
            return self._claims()
        self._lately_kw.append(over_kw)
        lasting_kw = min(self._lately_kw) if len(self._lately_kw) == self._lately_kw.maxlen else -math.inf
        if lasting_kw > self._rules.tolerance_kw:
            self._look(appliances(), lasting_kw, limit, now_s)
        elif self._book.shed:
            self._look(appliances(), min(max(self._lately_kw), 0.0), limit, now_s)
        else:
            self._states = {}  # whoever changes while nobody looks would be taken for one that did not
        return self._claims()

    def _look(
        self, images: Iterable[ApplianceImage], over_kw: float, limit: EnvelopeLimit | None, now_s: float
    ) -> None:
        looked = [replace(image, since_s=self._since_s(image)) for image in images]
        self._states = {image.name: (image.state, image.since_s) for image in looked}
        decision = decide([_sheddable(image) for image in looked], over_kw, now_s, self._book, self._rules)
        self._book = decision.book
        if decision.shed or decision.back:
            self._lately_kw.clear()  # what was seen before says nothing of what follows
        for name in decision.shed:
            self._reasons[name] = _reason(limit)
        self._reasons = {name: reason for name, reason in self._reasons.items() if name in self._book.shed}

    def _since_s(self, image: ApplianceImage) -> float:
        before = self._states.get(image.name)
        return before[1] if before is not None and before[0] is image.state else image.since_s

    def _claims(self) -> dict[str, Claim]:
        return {name: _claim(self._reasons.get(name) or _reason(None)) for name in sorted(self._book.shed)}

    def _resume(self, inherited: Mapping[str, Reason], now_s: float) -> None:
        unknown = {name: now_s for name in inherited if name not in self._book.turns}
        if unknown:
            turns = {**self._book.turns, **ShedBook.resumed(unknown).turns}
            self._book = replace(self._book, turns=turns)
            self._reasons |= {name: inherited[name] for name in unknown}


def _claim(reason: Reason) -> Claim:
    return Claim(Claimant.ENVELOPE, reason, _CLAIM_S, states=_RESTS, power_state=PowerState.STANDBY)


def _over(grid: GridImage, limits: Sequence[EnvelopeLimit]) -> tuple[float, EnvelopeLimit | None]:
    """Return how many kW too much are drawn by the tightest limit (below zero: room); NaN where that is not known."""
    if not limits:
        return -ALWAYS_ROOM, None
    over_kw, tightest = -math.inf, limits[0]
    for limit in limits:
        kw = _over_one(grid, limit)
        if math.isnan(kw):
            return math.nan, limit
        if kw > over_kw:
            over_kw, tightest = kw, limit
    return over_kw, tightest


def _over_one(grid: GridImage, limit: EnvelopeLimit) -> float:
    if not isinstance(grid.power_kw, Known):
        return math.nan
    over_kw = grid.power_kw.value - limit.max_kw
    if math.isinf(limit.max_a_per_phase):
        return over_kw
    for reading in grid.phase_a:
        if isinstance(reading, Known):
            # Which phase an appliance hangs on is not known: what one phase is above is asked for, and looked at again.
            over_kw = max(over_kw, (reading.value - limit.max_a_per_phase) * NOMINAL_V / 1000.0)
    return over_kw


def _sheddable(image: ApplianceImage) -> Sheddable:
    one = image.capability
    return Sheddable(
        image.name,
        one.importance,
        image.state is PowerState.ON,
        image.since_s,
        one.rated_kw,
        image.present,
        one.min_on_s,
        one.min_off_s,
        one.settle_s,
    )


def _reason(limit: EnvelopeLimit | None) -> Reason:
    what = limit.text if limit is not None and limit.text else "The connection point's limit"
    return Reason(ReasonCode.ENVELOPE, f"{what} would be exceeded: the least important wait.")
