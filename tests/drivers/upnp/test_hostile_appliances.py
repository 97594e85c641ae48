"""An appliance that says anything: the driver goes on, counts it, and keeps no more of it than before."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from multidict import CIMultiDict

from drivers.upnp.parts import Caller
from heg.runtime.clock import Clock
from tests.drivers.upnp.home import a_home
from tests.drivers.upnp.peer import Peer, a_cycle, event_body, http_answer, soap_answer
from tests.support.stepped import stepped

ACTIONS = ("GetPowerState", "WakeUpMethod", "GetCycle", "OperationOff", "StandbyPeriod")
words = st.text(alphabet="ONFStandbyWL0129-:<>&/ \x00\té\u202e", max_size=20)
bodies = st.one_of(
    st.binary(max_size=200),
    words.map(lambda text: event_body(f"<PowerState>{text}</PowerState>")),
    st.sampled_from(("ON", "OFF", "Standby", "on", "")).map(
        lambda word: event_body(f"<PowerState>{word}</PowerState>")
    ),
    st.just(event_body("<CycleId>x</CycleId><PowerState>ON</PowerState>")),
)
sids = st.sampled_from(("right", "right", "right", "", "uuid:other", "x" * 200))
places = st.sampled_from(("", "", "", "/cycle", "/else", "/cycle/cycle", "\x00"))


@settings(max_examples=60)
@given(
    st.lists(st.tuples(places, sids, st.integers(-1, 2**32), bodies, st.sampled_from((True, True, False))), max_size=30)
)
@stepped
async def test_any_events_are_answered_and_nothing_piles_up(
    clock: Clock, events: list[tuple[str, str, int, bytes, bool]]
) -> None:
    peer = Peer(cycle=a_cycle())
    async with a_home(clock, peer) as home:
        await home.settled(peer)
        for place, sid, seq, body, ours in events:
            named = {"NT": "upnp:event", "NTS": "upnp:propchange", "SEQ": str(seq)}
            named["SID"] = next(iter(peer.subscribed)) if sid == "right" else sid
            source = peer.host if ours else "127.0.0.77"
            status = home.appliances.hearing.notified(f"{peer.uuid}{place}", CIMultiDict(named), body, Caller(source))
            assert status in {200, 400, 412, 503}
            assert status == 412 or ours
        assert len(home.appliances._appliances) == 1
        assert len(home.appliances._rounds._agenda) <= 1
        peer.state = "OFF"
        home.appliances._appliances[peer.uuid].unread = True
        home.appliances.found(peer.described)  # and it is heard as before
        await home.until(lambda: home.value("state.power", "kettle-1") == "off", within_s=5.0)


@settings(max_examples=60)
@given(
    st.dictionaries(
        st.sampled_from(ACTIONS),
        st.one_of(
            st.binary(max_size=300),
            st.binary(max_size=300).map(http_answer),
            st.tuples(st.sampled_from(ACTIONS), words).map(
                lambda said: http_answer(
                    soap_answer(said[0], f"<PowerState>{said[1]}</PowerState><RegID>{said[1]}</RegID>")
                )
            ),
            st.integers(100, 999).map(lambda status: http_answer(b"<a/>", status)),
        ),
    )
)
@stepped
async def test_any_answers_are_taken_and_counted(clock: Clock, raw: dict[str, bytes]) -> None:
    peer = Peer(cycle=a_cycle(), raw=raw)
    async with a_home(clock, peer) as home:
        home.appliances.found(peer.described)
        await home.until(lambda: home.manager.devices() == ("kettle-1",), within_s=5.0)
        await clock.sleep(60.0)
        visits = len(peer.asked)
        await clock.sleep(100.0)
        assert len(peer.asked) - visits < 12  # it is asked ever more seldom
        peer.raw = {}
        home.appliances.found(peer.described)
        await home.until(lambda: home.value("state.power", "kettle-1") == "on", within_s=5.0)
        await home.until(lambda: home.value("cycle.offer", "kettle-1") is not None, within_s=5.0)
