"""Whatever the owner says and whoever asks: nothing that is not granted is ever told, and a change holds at once."""

from collections.abc import Callable
from datetime import timedelta
from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from heg.data.door import Door, MailboxKind, Resolution, Subscription
from heg.data.interface import DataInterface
from heg.model.instance import ANYWHERE, Location
from heg.model.policy import CUSTOMER, Right, Role, Stakeholder
from heg.model.refusals import RefusedError
from heg.model.rights import PolicyBook, Rule, Scope
from heg.runtime.clock import Clock
from tests.support.rights import allow, forbid
from tests.support.stepped import stepped

METER, BATTERY = Location("home", "meter"), Location("home", "battery")
NORTH, VOLT = Stakeholder(Role.DSO, "north"), Stakeholder(Role.SUPPLIER, "volt")
READ = frozenset({Right.READ})
WHO = {"north": NORTH, "volt": VOLT}
VARIABLES, PLACES = ("power.active", "soc"), (METER, BATTERY)
scopes = st.builds(
    Scope,
    st.sampled_from(["*", "power.*", "power.active", "soc"]),
    st.sampled_from(["*", "meter", "battery"]),
    st.sampled_from(["*", ""]),
)
steps = st.one_of(
    st.tuples(
        st.just("rule"), st.sampled_from(["north", "volt"]), scopes, st.booleans(), st.sampled_from([0.0, 60.0, 900.0])
    ),
    st.tuples(st.just("remove"), st.integers(0, 3)),
    st.tuples(st.just("wait"), st.sampled_from([1.0, 59.0, 60.0, 900.0])),
    st.tuples(
        st.sampled_from(["latest", "all", "query", "history", "hear"]),
        st.sampled_from(["north", "volt"]),
        st.sampled_from(VARIABLES),
        st.sampled_from(PLACES),
    ),
    st.tuples(st.just("write")),
)


class Told:
    """The rules as a person would read them, and when whom was answered last."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        self.now_s = now_s
        self.rules: dict[tuple[str, Scope], tuple[bool, float]] = {}
        self.answered: dict[tuple[str, str, Location], float] = {}

    def says(self, who: str, variable: str, place: Location) -> tuple[bool, float]:
        """Walk from the narrowest scope to the widest; the first that speaks decides."""
        for name in (variable, "power.*" if variable.startswith("power.") else "*", "*"):
            for device in (place.device, "*"):
                for part in (place.part, "*"):
                    if (found := self.rules.get((who, Scope(name, device, part)))) is not None:
                        return found
        return False, 0.0

    def due(self, who: str, variable: str, place: Location) -> bool:
        """Tell whether somebody who asks now must be answered."""
        may, delay_s = self.says(who, variable, place)
        return may and self.now_s() - self.answered.get((who, variable, place), float("-inf")) >= delay_s

    def answer(self, who: str, variable: str, place: Location) -> None:
        """Somebody was told a value: it must have been granted, and not sooner than the delay."""
        may, delay_s = self.says(who, variable, place)
        assert may, f"{who} was told {variable} at {place}"
        key = (who, variable, place)
        assert self.now_s() - self.answered.get(key, float("-inf")) >= delay_s, f"{who} was told {key} too soon"
        self.answered[key] = self.now_s()


class House:
    """One owner who writes and rules, two others who ask, and a person who knows what may come of it."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.data = DataInterface(clock, "home")
        self.owner = self.data.admit(CUSTOMER, "driver")
        self.doors = {name: self.data.admit(who, "metering") for name, who in WHO.items()}
        self.told = Told(clock.monotonic_s)
        self.boxes = {name: self.subscribed(door) for name, door in self.doors.items()}
        self.written = 0

    def subscribed(self, door: Door) -> Subscription:
        return door.event("*", ANYWHERE, mailbox=MailboxKind.LATEST)

    def write(self) -> None:
        self.written += 1
        for variable, place in product(VARIABLES, PLACES):
            self.owner.write(variable, place, self.written / 1000)
            for name in self.doors:  # what is delivered is told now, whenever it is read
                if self.told.due(name, variable, place):
                    self.told.answer(name, variable, place)

    def rule(self, name: str, scope: Scope, *, may: bool, delay_s: float) -> None:
        self.told.rules[name, scope] = (may, delay_s)
        assert allow(self.data, Rule(0, WHO[name], "*", scope, READ if may else frozenset(), delay_s)) is None

    def remove(self, index: int) -> None:
        if not self.told.rules:
            return
        name, scope = list(self.told.rules)[index % len(self.told.rules)]
        del self.told.rules[name, scope]
        book = self.owner.latest("policy", Location("home"))
        assert book is not None
        assert isinstance(book.value, PolicyBook)
        gone = next(one for one in book.value.rules if (one.stakeholder, one.scope) == (WHO[name], scope))
        assert forbid(self.data, gone.number) is None

    async def hear(self, name: str) -> None:
        self.boxes[name].close()
        async for note in self.boxes[name]:
            assert self.told.says(name, note.instance.variable, note.instance.location)[0]
        self.boxes[name] = self.subscribed(self.doors[name])

    async def ask(self, what: str, name: str, variable: str, place: Location) -> None:
        due = self.told.due(name, variable, place)
        answered = await self._answered(what, self.doors[name], variable, place)
        assert answered == due, (what, name, variable, place)
        if answered:
            self.told.answer(name, variable, place)

    async def _answered(self, what: str, door: Door, variable: str, place: Location) -> bool:
        if what == "latest":
            try:
                return door.latest(variable, place) is not None
            except RefusedError:
                return False
        if what == "all":
            return bool(door.latest_all(variable, place))
        if what == "query":
            return (await door.query(variable, place)).refusal is None
        start = self.clock.utc() - timedelta(hours=1)
        page = await door.history(variable, place, start, self.clock.utc(), Resolution.QUARTER)
        return page.refusal is None


@given(st.lists(steps, max_size=30))
@stepped
async def test_nothing_that_is_not_granted_is_ever_told_and_a_change_holds_at_once(
    clock: Clock, script: list[tuple[object, ...]]
) -> None:
    house = House(clock)
    house.write()
    for step in script:
        match step:
            case ("rule", str(name), Scope() as scope, bool(may), float(delay_s)):
                house.rule(name, scope, may=may, delay_s=delay_s)
            case ("remove", int(index)):
                house.remove(index)
            case ("wait", float(seconds)):
                await clock.sleep(seconds)
            case ("write",):
                house.write()
            case ("hear", str(name), _, _):
                await house.hear(name)
            case (str(what), str(name), str(variable), Location() as place):
                await house.ask(what, name, variable, place)
    for name in WHO:
        await house.hear(name)
    await house.data.close()
