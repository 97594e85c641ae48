"""The table of appliances under any announcements, answers and times: what the watcher is told always makes sense."""

from __future__ import annotations

import math

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from drivers.upnp.orders import Describe, Found, Gone, Order, Outcome, Place, Verify
from drivers.upnp.seen import SeenTable
from drivers.upnp.ssdp.packet import Kind
from tests.drivers.upnp.documents import uuid_number
from tests.drivers.upnp.words import LAN, WIFI, alive, goodbye, home_of

UUIDS = [uuid_number(number) for number in range(1, 9)]
KNOWN = UUIDS[:2]
PLACES = [
    Place(link, f"192.168.1.{host}", f"http://192.168.1.{host}:{port}/d")
    for link in (LAN, WIFI)
    for host in (9, 10, 11, 12)
    for port in (80, 81)
]
uuids, places = st.sampled_from(UUIDS), st.sampled_from(PLACES)
boots = st.sampled_from([None, 1, 2])


class AnyLink(RuleBasedStateMachine):
    """What the watcher is told makes sense, whatever is heard, and however descriptions and looks turn out."""

    def __init__(self) -> None:
        super().__init__()
        self.table = SeenTable(most=5, most_per_host=3, known=KNOWN)
        self.now_s = 0.0
        self.open: list[Describe | Verify] = []
        self.here: set[str] = set()
        self.ever: set[str] = set()

    def take(self, orders: list[Order]) -> None:
        for order in orders:
            match order:
                case Describe() | Verify():
                    assert order.place.location
                    self.open.append(order)
                case Found():
                    self.here.add(order.uuid)
                    self.ever.add(order.uuid)
                case Gone():
                    assert order.uuid in self.here, "only what was found goes"
                    self.here.remove(order.uuid)

    @rule(uuid=uuids, place=places, boot=boots, age=st.sampled_from([5, 100, 1800]))
    def says_alive(self, uuid: str, place: Place, boot: int | None, age: int) -> None:
        self.take(self.table.heard(alive(uuid, max_age=age, boot=boot), place, self.now_s))

    @rule(uuid=uuids, place=places)
    def says_goodbye(self, uuid: str, place: Place) -> None:
        bare = Place(place.link, place.host)
        was_elsewhere = (home := home_of(self.table, uuid)) is not None and not home.same_spot(bare)
        orders = self.table.heard(goodbye(uuid), bare, self.now_s)
        assert not (was_elsewhere and any(isinstance(one, Gone) for one in orders)), "believed from a stranger"
        self.take(orders)

    @rule(uuid=uuids, place=places, boot=boots)
    def says_update(self, uuid: str, place: Place, boot: int | None) -> None:
        self.take(self.table.heard(alive(uuid, boot=boot, kind=Kind.UPDATE), place, self.now_s))

    @precondition(lambda self: self.open)
    @rule(which=st.integers(0, 100), outcome=st.sampled_from(list(Outcome)))
    def answers(self, which: int, outcome: Outcome) -> None:
        order = self.open.pop(which % len(self.open))
        if isinstance(order, Describe):
            self.take(self.table.described(order.uuid, order.place, outcome, self.now_s))
        else:
            there = outcome is Outcome.SOUND
            self.take(self.table.verified(order.uuid, order.place, there=there, now_s=self.now_s))

    @rule(seconds=st.sampled_from([0.1, 3.0, 10.0, 40.0, 700.0]))
    def time_passes(self, seconds: float) -> None:
        self.now_s += seconds
        self.take(self.table.due(self.now_s))
        assert self.table.soonest_s > self.now_s, "or its timer would run without a pause"

    @rule()
    def all_is_silent_for_days(self) -> None:
        """Whoever is not heard is gone; nothing is left but what waits for an answer, and no timer runs on."""
        for _ in range(40):
            self.now_s += 5000.0
            self.take(self.table.due(self.now_s))
            for order in self.open:
                if isinstance(order, Describe):
                    self.take(self.table.described(order.uuid, order.place, Outcome.UNREACHABLE, self.now_s))
                else:
                    self.take(self.table.verified(order.uuid, order.place, there=False, now_s=self.now_s))
            self.open.clear()
        assert len(self.table) == 0
        assert not self.here
        assert self.table.due(self.now_s) == []
        assert self.table.soonest_s == math.inf

    @invariant()
    def table_and_watcher_agree(self) -> None:
        assert set(self.table.present()) <= self.here
        assert len(self.here | self.ever | set(KNOWN)) <= 5, "nobody beyond the limit is ever taken in"
        assert set(self.table._room._failed) <= set(self.table._records) - self.table._room._known
        assert sum(self.table._room._at_host.values()) == len(self.table)
        assert self.table._room._strangers == sum(
            1 for uuid in self.table._records if uuid not in self.table._room._known
        )

    @invariant()
    def time_is_never_forgotten(self) -> None:
        """As long as somebody is there and nobody owes an answer, some time is set."""
        assert not self.table.present() or self.open or self.table.soonest_s < math.inf


AnyLink.TestCase.settings = settings(max_examples=80, stateful_step_count=40, deadline=None)
TestAnyLink = AnyLink.TestCase
