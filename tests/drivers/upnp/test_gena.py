"""Events: each is judged by its number and its subscription, and any bytes are a message or a refusal."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from multidict import CIMultiDict

from drivers.upnp import gena
from drivers.upnp.events import Subscription
from drivers.upnp.gena import Message, Order
from tests.drivers.upnp.peer import event_body

HEADERS = {"NT": "upnp:event", "NTS": "upnp:propchange", "SID": "uuid:1", "SEQ": "0"}
LAST = 2**32 - 1


def headers(**changed: str | None) -> CIMultiDict[str]:
    found = {**HEADERS, **changed}
    return CIMultiDict({name.lower(): value for name, value in found.items() if value is not None})


def test_a_message_is_read() -> None:
    body = event_body("<PowerState> ON </PowerState></e:property><e:property><CycleId/>")
    assert gena.message(headers(SEQ=str(LAST)), body) == Message("uuid:1", LAST, {"PowerState": "ON", "CycleId": ""})


@pytest.mark.parametrize(
    ("changed", "body", "status"),
    [
        ({"NT": None}, b"", 400),
        ({"NTS": None}, b"", 400),
        ({"NT": "upnp:else"}, b"", 412),
        ({"NTS": "ssdp:alive"}, b"", 412),
        ({"SID": None}, b"", 412),
        ({"SID": "a b"}, b"", 412),
        ({"SID": "x" * 129}, b"", 412),
        ({"SEQ": None}, b"", 400),
        ({"SEQ": "-1"}, b"", 400),
        ({"SEQ": "٣"}, b"", 400),
        ({"SEQ": str(LAST + 1)}, b"", 400),
        ({}, b"", 400),
        ({}, b"<propertyset/>", 400),
        ({}, event_body("<a>" + "b" * 17_000 + "</a>"), 400),
        ({}, b"<!DOCTYPE a><a/>", 400),
    ],
)
def test_what_is_no_message_is_refused(changed: dict, body: bytes, status: int) -> None:
    assert gena.message(headers(**changed), body or b"x") == status


@pytest.mark.parametrize(
    ("last", "seq", "order"),
    [
        (None, 0, Order.NEXT),
        (None, 3, Order.GAP),
        (0, 1, Order.NEXT),
        (0, 0, Order.AGAIN),
        (5, 7, Order.GAP),
        (5, 4, Order.GAP),
        (LAST, 1, Order.NEXT),
        (LAST, 0, Order.GAP),
        (LAST, 2, Order.GAP),
    ],
)
def test_numbers_go_on_and_wrap_to_one(last: int | None, seq: int, order: Order) -> None:
    assert gena.order(last, seq) is order


@pytest.mark.parametrize(
    ("timeout", "lasts_s"),
    [
        ("Second-1800", 1800.0),
        ("second-1", 60.0),
        ("Second-infinite", 86400.0),
        ("SECOND-9999999999", 86400.0),
        ("3600", 3600.0),
        ("infinite", 86400.0),
        ("Second--1", 300.0),
        ("", 300.0),
    ],
)
def test_what_is_granted_is_kept_within_bounds(timeout: str, lasts_s: float) -> None:
    assert gena.granted(headers(TIMEOUT=timeout)) == gena.Granted("uuid:1", lasts_s)


@pytest.mark.parametrize("changed", [{"SID": None}, {"SID": ""}, {"SID": "a b"}])
def test_what_grants_nothing_is_no_grant(changed: dict) -> None:
    assert gena.granted(headers(**{"TIMEOUT": "Second-60", **changed})) is None


@given(st.dictionaries(st.sampled_from(tuple(HEADERS)), st.text(max_size=140)), st.binary(max_size=500))
def test_any_message_is_read_or_refused(changed: dict, body: bytes) -> None:
    assert isinstance(gena.message(headers(**changed), body), Message | int)


def test_a_first_event_that_overtakes_the_answer_is_believed() -> None:
    subscription = Subscription()
    subscription.asked()
    assert subscription.take(Message("uuid:1", 0, {}), 0.0) is Order.NEXT
    assert subscription.take(Message("uuid:2", 0, {}), 0.0) == 412
    assert subscription.granted("uuid:1", 100.0)
    assert subscription.take(Message("uuid:1", 1, {}), 1.0) is Order.NEXT


def test_a_first_message_of_an_unsure_sender_is_not_believed_and_ends_no_subscription() -> None:
    subscription = Subscription()
    subscription.asked()
    assert subscription.take(Message("uuid:1", 0, {}), 0.0, certain=False) == 503
    assert subscription.granted("uuid:1", 60.0)
    assert subscription.take(Message("uuid:1", 1, {}), 1.0, certain=False) is Order.GAP
    assert subscription.take(Message("uuid:2", 2, {}), 1.0, certain=False) == 412


def test_a_first_event_of_a_liar_has_the_state_read() -> None:
    subscription = Subscription()
    subscription.asked()
    assert subscription.take(Message("uuid:liar", 0, {}), 0.0) is Order.NEXT
    assert not subscription.granted("uuid:1", 100.0)
    assert subscription.take(Message("uuid:1", 0, {}), 1.0) is Order.NEXT
    assert subscription.take(Message("uuid:liar", 1, {}), 1.0) == 412


class Events(RuleBasedStateMachine):
    """An appliance numbers its events, loses some, restarts; a subscription knows of each loss."""

    def __init__(self) -> None:
        super().__init__()
        self.subscription = Subscription()
        self.now_s, self.sent, self.count = 0.0, -1, 0
        self.lost = self.aged = False

    @rule()
    def subscribe(self) -> None:
        self.subscription.ended()
        self.subscription.asked()
        self.count += 1
        assert self.subscription.granted(f"uuid:{self.count}", self.now_s + 1000.0)
        self.sent, self.lost, self.aged = -1, False, False

    @precondition(lambda self: self.count > 0)
    @rule(old=st.booleans())
    def send(self, old: bool) -> None:
        """One more event arrives, the appliance being old by so many that nobody sends in a test, not once round."""
        if old and self.sent >= 0 and not self.aged:
            self.sent, self.lost, self.aged = LAST - 2, True, True
        self.sent = 1 if self.sent == LAST else self.sent + 1
        self.now_s += 1.0
        found = self.subscription.take(Message(f"uuid:{self.count}", self.sent, {}), self.now_s)
        assert found is (Order.GAP if self.lost else Order.NEXT)
        self.lost = False

    @precondition(lambda self: self.count > 0)
    @rule()
    def lose(self) -> None:
        self.sent = 1 if self.sent == LAST else self.sent + 1
        self.lost = True

    @rule(seq=st.integers(0, LAST))
    def a_stranger_sends(self, seq: int) -> None:
        assert self.subscription.take(Message("uuid:0", seq, {}), self.now_s) == 412

    @precondition(lambda self: self.count > 0)
    @rule()
    def expire(self) -> None:
        self.now_s += 2000.0
        assert self.subscription.take(Message(f"uuid:{self.count}", 1, {}), self.now_s) == 412
        self.subscribe()

    @invariant()
    def nothing_of_strangers_is_kept(self) -> None:
        assert self.subscription.sid in ("", f"uuid:{self.count}")


TestEvents = Events.TestCase
