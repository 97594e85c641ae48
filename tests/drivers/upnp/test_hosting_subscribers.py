"""Who is subscribed to the gateway's events and what each has yet to hear, without a socket."""

from __future__ import annotations

from collections import Counter
from itertools import count

from drivers.upnp.exchange import Asked
from drivers.upnp.hosting.subscribers import MOST_OF_ONE, MOST_SUBSCRIBERS, Subscriptions, Terms


def asked(headers: dict[str, str], peer: str = "10.0.0.2") -> Asked:
    return Asked("SUBSCRIBE", "/subscribe", headers, b"", peer, "10.0.0.1")


def plain(state: dict[str, str]) -> Subscriptions:
    numbers = count(1)
    return Subscriptions(state, lambda: str(next(numbers)), Counter(), Terms())


def subscribed(all_: Subscriptions, peer: str, now_s: float = 0.0) -> str:
    """Subscribe from an address; returns the SID, empty when there is no room."""
    headers = {"NT": "upnp:event", "CALLBACK": f"<http://{peer}/>"}
    return all_.subscribe(asked(headers, peer), now_s, lambda: None).headers.get("SID", "")


def renewed(all_: Subscriptions, sid: str, peer: str, now_s: float) -> int:
    return all_.subscribe(asked({"SID": sid}, peer), now_s, lambda: None).status


def test_one_address_has_few_of_them_and_who_starts_again_and_again_is_always_heard() -> None:
    all_ = plain({"A": "1"})
    other = subscribed(all_, "10.0.0.3")
    sids = [subscribed(all_, "10.0.0.2", float(number)) for number in range(MOST_OF_ONE)]
    assert renewed(all_, sids[0], "10.0.0.2", 100.0) == 200
    assert subscribed(all_, "10.0.0.2", 101.0)
    assert len(all_) == MOST_OF_ONE + 1
    assert renewed(all_, sids[0], "10.0.0.2", 102.0) == 200
    assert renewed(all_, sids[1], "10.0.0.2", 102.0) == 412  # renewed longest ago
    assert renewed(all_, other, "10.0.0.3", 102.0) == 200


def test_who_has_many_keeps_out_nobody_who_has_fewer() -> None:
    all_ = plain({"A": "1"})
    for number in range(MOST_SUBSCRIBERS):
        assert subscribed(all_, f"10.0.1.{number // MOST_OF_ONE}", float(number))
    newcomers = [f"10.0.2.{number}" for number in range(200)]
    for peer in newcomers:
        assert subscribed(all_, peer, 1000.0)
    assert len(all_) == MOST_SUBSCRIBERS
    peers = Counter(one.peer for one in all_._all.values())
    assert all(peers[peer] == 1 for peer in newcomers)
    assert max(peers.values()) - min(peers[f"10.0.1.{number}"] for number in range(32)) <= 1


def test_where_everybody_has_one_there_is_room_for_no_more() -> None:
    all_ = plain({"A": "1"})
    for number in range(MOST_SUBSCRIBERS):
        assert subscribed(all_, f"10.1.{number // 256}.{number % 256}")
    assert not subscribed(all_, "10.0.0.2")
    assert not subscribed(all_, "10.1.0.1")
    assert len(all_) == MOST_SUBSCRIBERS


def test_who_has_an_address_for_each_and_takes_no_event_keeps_nobody_out() -> None:
    all_ = plain({"A": "1"})
    sids = [subscribed(all_, f"10.1.{number // 256}.{number % 256}") for number in range(MOST_SUBSCRIBERS)]
    for number, sid in enumerate(sids):
        all_._all[sid].busy = False
        event = all_.take(sid)
        assert event is not None
        all_.told(event, None if number >= 500 else 200, 1.0)
    newcomers = [subscribed(all_, f"10.0.0.{number}") for number in range(20)]
    assert [bool(sid) for sid in newcomers] == [True] * 12 + [False] * 8
    assert [sid in all_._all for sid in sids] == [True] * 500 + [False] * 12


def test_after_the_last_number_comes_one() -> None:
    all_ = plain({"A": "1"})
    answer = all_.subscribe(asked({"NT": "upnp:event", "CALLBACK": "<http://10.0.0.2/>"}), 0.0, lambda: None)
    assert all_.due(0.1, first=True) == ()  # the answer comes before the first event
    assert answer.then is not None
    answer.then()
    assert all_.due(0.0, first=True) == ()  # by some time, so that it does not overtake
    assert all_.next_s(0.0) == 0.1
    [sid] = all_.due(0.1, first=True)
    first = all_.take(sid)
    assert first is not None
    assert first.sequence == 0
    assert all_.take(sid) is None  # one at a time
    all_.told(first, 200, 0.0)
    all_._all[sid].sequence = 2**32 - 1
    numbers = []
    for value in ("2", "3", "4"):
        assert all_.changed({"A": value})
        event = all_.take(sid)
        assert event is not None
        numbers.append(event.sequence)
        all_.told(event, 200, 0.0)
    assert numbers == [2**32 - 1, 1, 2]


def test_a_value_that_is_the_same_is_no_news() -> None:
    all_ = plain({"A": "1", "B": "1"})
    answer = all_.subscribe(asked({"NT": "upnp:event", "CALLBACK": "<http://10.0.0.2/>"}), 0.0, lambda: None)
    assert answer.then is not None
    answer.then()
    [sid] = all_.due(0.1, first=True)
    first = all_.take(sid)
    assert first is not None
    all_.told(first, 200, 0.0)
    assert not all_.changed({"A": "1"})
    assert all_.changed({"A": "1", "B": "<&>"})
    event = all_.take(sid)
    assert event is not None
    assert b"<e:property><B>&lt;&amp;&gt;</B></e:property></e:propertyset>" in event.body
    assert b"<A>" not in event.body


def test_a_link_local_address_is_reached_over_its_own_link() -> None:
    all_ = plain({"A": "1"})
    headers = {"NT": "upnp:event", "CALLBACK": "<http://[fe80::2]:8080/e>"}
    one = Asked("SUBSCRIBE", "/subscribe", headers, b"", "fe80::2", "fe80::1", "7")
    answer = all_.subscribe(one, 0.0, lambda: None)
    assert answer.then is not None
    answer.then()
    event = all_.take(*all_.due(0.1, first=True))
    assert event is not None
    assert [(place.host, place.port, place.header) for place in event.places] == [("fe80::2%7", 8080, "[fe80::2]:8080")]
