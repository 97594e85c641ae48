"""What holds of the gateway whatever comes: nobody is told who did not ask, and nobody misses the newest."""

from __future__ import annotations

import re
from collections import Counter
from itertools import count

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from multidict import CIMultiDict

from drivers.upnp.exchange import Asked
from drivers.upnp.hosting.subscribers import MOST_OF_ONE, MOST_SUBSCRIBERS, Event, Subscriptions
from drivers.upnp.markup import Caps, read
from heg.runtime.clock import Clock
from tests.drivers.upnp.hosted import hosted
from tests.support.stepped import stepped

PEERS = ("10.0.0.2", "10.0.0.3", "fe80::2", "127.0.0.1")
NAMES = ("OpenRegistrations", "RegistrationUpdateID")
CALLBACKS = st.one_of(
    st.text(max_size=300),
    st.lists(
        st.builds(
            "<{}://{}{}:{}/{}>".format,
            st.sampled_from(["http", "HTTP", "https", "ftp", ""]),
            st.sampled_from(["", "user@", "user:x@"]),
            st.sampled_from(
                ["10.0.0.2", "10.0.0.3", "8.8.8.8", "[fe80::2]", "[::ffff:10.0.0.2]", "localhost", "010.0.0.2"]
            ),
            st.integers(-1, 70_000) | st.just(""),
            st.text(st.characters(min_codepoint=9, max_codepoint=255), max_size=20) | st.just("e\r\nX: y"),
        ),
        max_size=5,
    ).map("".join),
)


def subscribing(callback: str, peer: str, **more: str) -> Asked:
    headers = CIMultiDict({"NT": "upnp:event", "CALLBACK": callback, **more})
    return Asked("SUBSCRIBE", "/subscribe", headers, b"", peer, "10.0.0.1", "2" if peer.startswith("fe80") else "")


@given(CALLBACKS, st.sampled_from(PEERS))
def test_events_go_to_who_asked_and_carry_nothing_that_it_wrote_but_a_path(callback: str, peer: str) -> None:
    all_ = Subscriptions(dict.fromkeys(NAMES, "0"), lambda: "1", Counter())
    answer = all_.subscribe(subscribing(callback, peer), 0.0, lambda: None)
    assert answer.status in (200, 412)
    assert (answer.status == 200) == (len(all_) == 1)
    if answer.then is None:
        return
    answer.then()
    event = all_.take("uuid:1")
    assert event is not None
    assert 1 <= len(event.places) <= 3
    for place in event.places:
        assert place.host.partition("%")[0] == peer
        assert 0 < place.port < 65_536
        assert re.fullmatch(r"/[!-~]*", place.target), place
        assert re.fullmatch(r"[0-9a-f.:\[\]]+", place.header)


class Telling(RuleBasedStateMachine):
    """Subscribers as they come, hear, fail and go, beside what each of them knows."""

    def __init__(self) -> None:
        super().__init__()
        self.numbers = count(1)
        self.state = dict.fromkeys(NAMES, "0")
        self.refused: Counter[str] = Counter()
        self.all = Subscriptions(self.state, lambda: str(next(self.numbers)), self.refused)
        self.now_s = 0.0
        self.known: dict[str, dict[str, str]] = {}
        self.last: dict[str, int] = {}
        self.on_the_way: list[Event] = []

    @rule(peer=st.sampled_from(PEERS), span=st.sampled_from(["Second-1", "Second-600", "infinite", "", "x" * 99]))
    def subscribe(self, peer: str, span: str) -> None:
        host = f"[{peer}]" if ":" in peer else peer
        asked = subscribing(f"<http://{host}:80/>", peer, TIMEOUT=span)
        answer = self.all.subscribe(asked, self.now_s, lambda: None)
        assert answer.status in (200, 503)
        if answer.then is not None:
            answer.then()
            self.known[answer.headers["SID"]] = {}

    @rule(values=st.dictionaries(st.sampled_from(NAMES), st.sampled_from(["0", "1", "<2>"])))
    def change(self, values: dict[str, str]) -> None:
        self.state.update(values)
        self.all.changed(values)

    @rule(seconds=st.sampled_from([0.05, 1.0, 12.0, 400.0]))
    def wait(self, seconds: float) -> None:
        self.now_s += seconds
        self.all.forget_the_late(self.now_s)

    @rule(first=st.booleans())
    def take(self, first: bool) -> None:
        for sid in self.all.due(self.now_s, first=first)[:2]:
            event = self.all.take(sid)
            assert event is not None
            assert (event.sequence == 0) is first
            self.on_the_way.append(event)

    @precondition(lambda self: self.on_the_way)
    @rule(status=st.sampled_from([200, 200, 200, 412, 500, None]))
    def answer(self, status: int | None) -> None:
        event = self.on_the_way.pop(0)
        told = {one.children[0].name: one.children[0].text for one in read(event.body, Caps()).children}
        if status == 200:
            known = self.known[event.sid]
            assert known or told.keys() == set(NAMES)  # the first that is heard has everything
            known.update(told)
            assert event.sequence > self.last.get(event.sid, -1)
            self.last[event.sid] = event.sequence
        self.all.told(event, status, self.now_s)

    @invariant()
    def nobody_misses_the_newest(self) -> None:
        underway = {event.sid for event in self.on_the_way}
        for sid, one in self.all._all.items():
            if sid not in underway:
                assert {**self.known[sid], **one.news} == self.state

    @invariant()
    def there_is_a_bound(self) -> None:
        peers = Counter(one.peer for one in self.all._all.values())
        assert len(self.all) <= MOST_SUBSCRIBERS
        assert all(number <= MOST_OF_ONE for peer, number in peers.items() if peer != "127.0.0.1")


TestTelling = Telling.TestCase


REQUESTS = (
    b"GET /device.xml HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    b"SUBSCRIBE /subscribe HTTP/1.1\r\nHost: 127.0.0.1\r\nNT: upnp:event\r\nCALLBACK: <http://127.0.0.1:9/>\r\n\r\n",
    b"POST /control HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: text/xml\r\nContent-Length: 4\r\n\r\n<a/>",
    (
        b"NOTIFY /events/x HTTP/1.1\r\nHost: 127.0.0.1\r\nSID: uuid:1\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"4\r\n<a/>\r\n0\r\n\r\n"
    ),
)


@st.composite
def torn(draw: st.DrawFn) -> bytes:
    """A request with pieces cut out, said again, or something else put in."""
    data = draw(st.sampled_from(REQUESTS))
    for _ in range(draw(st.integers(0, 4))):
        at, to = sorted((draw(st.integers(0, len(data))), draw(st.integers(0, len(data)))))
        piece = draw(st.sampled_from((b"", b"\r\n", b"\0", b"HTTP/9.9", b"%00", b"a" * 3000, data[at:to])))
        data = data[:at] + piece + data[to:]
    return data


@settings(max_examples=60)
@given(torn())
@stepped
async def test_no_bytes_harm_the_server(clock: Clock, data: bytes) -> None:
    async with hosted(clock) as home:
        answer = await home.served.raw(data)
        assert answer == b"" or re.match(rb"HTTP/[01]\.\d [2-5]\d\d ", answer), answer[:80]
        assert answer.count(b"\r\nServer: ") <= 1
        assert (await home.served.ask("GET", "/device.xml"))[0] == 200
        assert home.refused["http_fault"] == 0
