"""Automation of appliances: answers what they and the utility ask, and claims what follows, by rank and with a reason.

What an appliance asked for itself goes before the utility, that before the plan (a cycle's start), that before the
owner's rules; control narrows in this order, with the owner's hand and the envelope before all of them.
"""

import asyncio
import contextlib
import logging
from collections.abc import Mapping

from heg.data.door import Asker, CommandAnswer, Door, Outcome
from heg.model.instance import ANY, Location, Quality
from heg.model.leases import Claimant
from heg.model.refusals import Refusal, RefusalCode
from heg.runtime.clock import Clock
from heg.services.automation.cycles import OfferedCycles
from heg.services.automation.meter import Meter
from heg.services.automation.orders import UtilityOrders
from heg.services.automation.reductions import Reductions
from heg.services.automation.registrations import Registrations
from heg.services.automation.rules import Market, RuleState, judge
from heg.services.automation.saying import Speaker, Wanted
from heg.services.automation.settings import AutomationSettings, Strategy
from heg.services.automation.sight import Appliance, Sight, claims_of
from heg.services.automation.strangers import Strangers

logger = logging.getLogger(__name__)

_SPEAKS_AS = (Claimant.APPLIANCE, Claimant.UTILITY, Claimant.PLAN, Claimant.AUTOMATION)


class Automation:
    """One per unit; built anew it goes on from its records."""

    def __init__(self, door: Door, clock: Clock, settings: AutomationSettings) -> None:
        self._door, self._clock, self._settings = door, clock, settings
        self._sight = Sight(door, clock, settings.unit)
        meter = Meter(door, clock, settings.unit, settings.timings.meter_max_age_s)
        self._registrations = Registrations(door, clock, settings)
        self._reductions = Reductions(door, clock, settings, meter)
        self._orders = UtilityOrders(door, clock, settings, meter)
        self._cycles = OfferedCycles(door, clock, settings)
        self._rules = {rule.name: rule for rule in settings.rules}
        self._rule_states: dict[str, RuleState] = {}
        self._rest = {rule.name: rule.rest for rule in settings.rules}
        self._strangers = Strangers(door, clock, settings)
        self._speakers = {one: Speaker(door, clock, settings.unit, one) for one in _SPEAKS_AS}
        self._asked_of_it: dict[str, Wanted] = {}
        self._soon = asyncio.Event()
        """Somebody asked for something: what follows is claimed behind the answer, at once."""

    async def run(self) -> None:
        """Answer and decide until cancelled."""
        here, anywhere = Location(self._settings.unit), Location(self._settings.unit, ANY)
        receipts = (
            self._door.answer("command.register", anywhere, self._register),
            self._door.answer("command.withdraw", anywhere, self._withdraw),
            self._door.answer_asker("command.reduce", here, self._reduce),
            self._door.answer_asker("command.appliance", here, self._switch),
            self._door.answer_asker("command.appliance", anywhere, self._switch),
        )
        try:
            while True:
                self._soon.clear()
                appliances = self.look()
                await self._cycles.ask(appliances)
                await self._cycles.give_up(appliances, self._orders.active(appliances))
                await self._pause(max(1.0, self._settings.timings.cycle_s))
        finally:
            for receipt in receipts:
                self._door.unsubscribe(receipt.request)

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._soon.wait()

    def look(self) -> dict[str, Appliance]:
        """Decide for all appliances now, and say what changed."""
        appliances = self._sight.look()
        self._asked_of_it = self._registrations.look(appliances)
        self._say(Claimant.APPLIANCE, self._asked_of_it, appliances)
        held = self._held(appliances)
        ordered = self._orders.wanted(appliances, held)
        if self._hands_off:
            self._reductions.rest()
        shed = {} if self._hands_off else self._reductions.look(self._sheddable(appliances, held), self._rest)
        self._say(Claimant.UTILITY, {**shed, **ordered}, appliances)
        self._say(Claimant.PLAN, self._cycles.look(appliances), appliances)
        self._say(Claimant.AUTOMATION, self._by_rule(appliances), appliances)
        self._strangers.look(appliances)
        return appliances

    def _say(self, claimant: Claimant, wanted: Mapping[str, Wanted], appliances: Mapping[str, Appliance]) -> None:
        self._speakers[claimant].say({name: want for name, want in wanted.items() if name in appliances})

    # Who may be switched.

    def _held(self, appliances: Mapping[str, Appliance]) -> dict[str, str]:
        """Return the appliances that somebody holds who goes before the utility, and who."""
        now_s = self._clock.monotonic_s()
        held = {
            name: f"{name} is run by hand"
            for name, claim in claims_of(self._door, self._settings.unit, Claimant.MANUAL, now_s).items()
            if claim.power_state is not None or claim.states is not None
        }
        for name, want in self._asked_of_it.items():
            held.setdefault(name, f"{name}: {want.reason.text}")
        for name in self._cycles.running(appliances):
            held.setdefault(name, f"{name} runs a cycle")
        return held

    def _sheddable(self, appliances: Mapping[str, Appliance], held: Mapping[str, str]) -> dict[str, Appliance]:
        ordered = self._orders.active(appliances)
        return {
            name: one
            for name, one in appliances.items()
            if one.present and one.actuator and name not in held and name not in ordered
        }

    # The owner's rules.

    def _by_rule(self, appliances: Mapping[str, Appliance]) -> dict[str, Wanted]:
        if not self._rules:
            return {}
        market = Market(self._now("price.import"), self._now("co2.intensity"))
        running, wanted = self._cycles.running(appliances), {}
        for name, rule in self._rules.items():
            if (one := appliances.get(name)) is None or name in running:
                continue
            self._rule_states[name], want = judge(
                rule,
                self._rule_states.get(name, RuleState()),
                market,
                self._clock.utc(),
                self._settings.zone,
                self._clock.monotonic_s(),
                min_on_s=one.capability.min_on_s,
                min_off_s=one.capability.min_off_s,
            )
            if want is not None:
                wanted[name] = want
        return wanted

    def _now(self, variable: str) -> float | None:
        """What a feed says now; the newest of several."""
        found = self._door.latest_all(variable, Location(self._settings.unit, ANY))
        good = [one for one in found if one.sequence > 0 and one.quality is Quality.GOOD]
        value = max(good, key=lambda one: one.sequence).value if good else None
        return value if isinstance(value, float) else None

    # Answers.

    async def _register(self, place: Location, arguments: Mapping[str, object]) -> CommandAnswer:
        self._soon.set()
        return self._registrations.register(self._sight.look().get(place.device), arguments)

    async def _withdraw(self, place: Location, arguments: Mapping[str, object]) -> CommandAnswer:
        self._soon.set()
        return self._registrations.withdraw(self._sight.look().get(place.device), arguments)

    async def _reduce(self, _place: Location, arguments: Mapping[str, object], asker: Asker) -> CommandAnswer:
        if (refusal := self._not_let(asker, Strategy.REDUCE, Strategy.FULL)) is not None:
            return CommandAnswer(Outcome.REFUSED, refusal=refusal)
        appliances = self._sight.look()
        sheddable = self._sheddable(appliances, self._held(appliances))
        answer = self._reductions.ask(asker.stakeholder, arguments, sheddable.values())
        self._soon.set()
        return self._under_hands_off(answer)

    async def _switch(self, place: Location, arguments: Mapping[str, object], asker: Asker) -> CommandAnswer:
        if (refusal := self._not_let(asker, Strategy.FULL)) is not None:
            return CommandAnswer(Outcome.REFUSED, refusal=refusal)
        appliances = self._sight.look()
        held = self._held(appliances)
        answer = self._orders.ask(asker.stakeholder, place.device, arguments, appliances, held)
        self._soon.set()
        return self._under_hands_off(answer)

    def _not_let(self, asker: Asker, *needed: Strategy) -> Refusal | None:
        settings, who = self._settings, asker.stakeholder
        if settings.strategy not in needed:
            expected = f"a strategy of the owner that lets the utility ({' or '.join(needed)})"
            mend = "the owner says so in heg.toml: [automation] utility"
            return Refusal(RefusalCode.NOT_GRANTED, expected, f"it is {settings.strategy}", mend)
        if not settings.lets(who):
            return Refusal(RefusalCode.NOT_GRANTED, f"one of {', '.join(sorted(settings.who))}", str(who))
        return None

    @property
    def _hands_off(self) -> bool:
        switch = self._door.latest("hands_off", Location(self._settings.unit))
        return switch is not None and switch.value == "on"

    def _under_hands_off(self, answer: CommandAnswer) -> CommandAnswer:
        if not self._hands_off or answer.outcome is Outcome.REFUSED:
            return answer
        text = f"{answer.text} But hands off is on: nothing is commanded until the owner turns it off."
        return CommandAnswer(Outcome.PARTLY, text, answer.refusal, answer.detail)
