"""Appliances over UPnP: the real gateway and 320 of them in two network namespaces, beside the source's figures.

Discovery, actions, events, an order to all, memory, processor, and traffic by phase. Needs root; about ten minutes.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.rows import Row, percentile
from bench.upnp_calls import ROUNDS, called
from bench.upnp_farm import name_of
from bench.upnp_lan import Lan, lan
from tests.support.namespaces import Traffic, why_not

ONLY_BY_NAME = True
MANY, MOST = 160, 320
MX_S = 2.0
SETTLE_S = 45.0
"""By then the gateway has put what it has loaded out of collections."""
STILL_S = 150.0
"""The store writes each minute, and keeps what it needed for that: memory is compared when that is over."""
QUIET_S = 330.0
"""More than the interval between two searches."""
BUSY_S = 30.0
EVENTS_PER_S = 50.0
UTILITY_ORDERS = 8
BETWEEN_ORDERS_S = 8.13
"""No whole number of control cycles: orders come at any moment of one."""
PRESS_EVERY_S = 0.06
PRESSES = 12
BETWEEN_PRESSES_S = 3.29
PAPER_KBPS = 1.48
PAPER_LATENCY_MS = 96.33
PAPER_KIB = 17.86
"""Figures of the source (spec upnp-appliances.md), C++ on a Raspberry Pi."""


def run() -> list[Row]:
    """All rows; the gateway alone first, then with 160, then with 320 appliances."""
    if (why := why_not()) is not None:
        raise SystemExit(f"bench upnp: {why}")
    with tempfile.TemporaryDirectory() as folder, lan(Path(folder), MOST) as home:
        home.farm.tell("leave")
        rows = _alone(home)
        home.farm.tell("join", to=MANY)
        time.sleep(2.0)
        rows += _discovery(home)
        time.sleep(SETTLE_S)
        rows += _steady(home) + _actions(home) + _events(home) + _busy(home) + _utility(home) + _button(home)
        return rows + _twice_as_many(home) + _ends(home)


def _alone(home: Lan) -> list[Row]:
    home.start()
    time.sleep(SETTLE_S)
    share, memory = _share(home, BUSY_S), home.resident_kib()
    home.gateway.terminate()
    return [
        Row("gateway without appliances: processor", 100 * share, "%", "of a core; a meter and the driver are there"),
        Row("gateway without appliances: memory", memory / 1024, "MiB"),
    ]


def _discovery(home: Lan) -> list[Row]:
    home.farm.tell("searched")
    before = home.traffic()
    home.start()
    states = home.known(MANY)
    first_s = home.farm.tell("searched")[0]
    found_s = max(at_s for _, at_s in states.values()) - first_s
    time.sleep(3.0)
    return [
        Row(f"discovery of {MANY}, state known", found_s, "s", "since the first search; MX 2 s", MX_S + 1.0),
        _phase("discovery", home.traffic().since(before)),
    ]


def _steady(home: Lan) -> list[Row]:
    before, begun_s = home.traffic(), time.monotonic()
    share = _share(home, QUIET_S)
    passed, spent_s = home.traffic().since(before), time.monotonic() - begun_s
    kbps = 8e-3 * _bytes(passed) / spent_s / MANY
    return [
        Row(f"processor, {MANY} appliances idle", 100 * share, "%", f"of a core, over {QUIET_S:g} s", 1.0),
        Row("bandwidth of an appliance, steady", kbps, "kbps", "", PAPER_KBPS, baseline=PAPER_KBPS),
        _phase(f"steady state of {QUIET_S / 60:.1f} min", passed),
    ]


def _actions(home: Lan) -> list[Row]:
    before = home.traffic()
    spans = called(home.near, home.farm.tell("places")[:MANY])
    alone_ms = [1e3 * span_s for span_s in spans.alone_s]
    return [
        Row("action, p50", percentile(alone_ms, 0.5), "ms", f"{len(alone_ms)} calls", 3.0, baseline=PAPER_LATENCY_MS),
        Row("action, p95", percentile(alone_ms, 0.95), "ms", "", 15.0, baseline=PAPER_LATENCY_MS),
        Row(f"an order to {MANY} at once", 1e3 * max(spans.all_s), "ms", "all answers; longest of five", 500.0),
        _phase(f"actions, {ROUNDS * MANY + len(spans.all_s) * MANY}", home.traffic().since(before)),
    ]


def _events(home: Lan) -> list[Row]:
    before = home.traffic()
    pressed = home.farm.tell("press", to=MANY, every_s=PRESS_EVERY_S)
    time.sleep(1.0)
    passed = home.traffic().since(before)
    spans_ms = _spans_ms(home, pressed)
    return [
        Row(
            "event, p50",
            percentile(spans_ms, 0.5),
            "ms",
            "button to state.power at the door",
            5.0,
            baseline=PAPER_LATENCY_MS,
        ),
        Row("event, p95", percentile(spans_ms, 0.95), "ms", "", baseline=PAPER_LATENCY_MS),
        _phase(f"state changes, {MANY}", passed),
    ]


def _busy(home: Lan) -> list[Row]:
    rounds = round(BUSY_S * EVENTS_PER_S / MANY)
    begun_s, cpu_s = time.monotonic(), home.cpu_s()
    pressed = home.farm.tell("press", to=MANY, every_s=1.0 / EVENTS_PER_S, times=rounds)
    share = (home.cpu_s() - cpu_s) / (time.monotonic() - begun_s)
    time.sleep(1.0)
    spans_ms = _spans_ms(home, pressed)
    note = f"{EVENTS_PER_S:g} events/s for {BUSY_S:g} s"
    return [
        Row("processor, many events", 100 * share, "%", f"of a core; {note}", 10.0, baseline=30.0),
        Row("event while there are many, p95", percentile(spans_ms, 0.95), "ms", note),
    ]


def _utility(home: Lan) -> list[Row]:
    """An order of the utility to all, through the gateway: answered, decided, journalled, sent and carried out."""
    home.ask("POST", "/api/v1/commands/appliance", {"power_state": "on", "minutes": 5})
    time.sleep(SETTLE_S)
    answered_ms, first_ms, last_ms = [], [], []
    for number in range(UTILITY_ORDERS):
        home.farm.tell("heard")
        wanted = "on" if number % 2 else "standby"
        begun_s = time.time()
        home.ask("POST", "/api/v1/commands/appliance", {"power_state": wanted, "minutes": 5})
        answered_ms.append(1e3 * (time.time() - begun_s))
        time.sleep(BETWEEN_ORDERS_S)
        heard = home.farm.tell("heard")
        assert len(heard) == MANY, f"{len(heard)} of {MANY} appliances were told"
        times = [at_s for told in heard.values() for at_s, _ in told]
        first_ms.append(1e3 * (min(times) - begun_s))
        last_ms.append(1e3 * (max(times) - begun_s))
    spread_ms = [last - first for first, last in zip(first_ms, last_ms, strict=True)]
    return [
        Row(
            f"the utility's command for {MANY} answered, p50",
            percentile(answered_ms, 0.5),
            "ms",
            "over HTTP",
            baseline=20.0,
        ),
        Row("from its being asked to the first appliance told, longest", max(first_ms), "ms"),
        Row("from the first appliance told to the last, longest", max(spread_ms), "ms"),
        Row("from its being asked to the last appliance told, p50", percentile(last_ms, 0.5), "ms"),
        Row(
            "from its being asked to the last appliance told, longest",
            max(last_ms),
            "ms",
            f"of {UTILITY_ORDERS} orders, each at another moment of the control cycle",
            500.0,
        ),
    ]


def _button(home: Lan) -> list[Row]:
    """The owner's button on the page, at any moment of the control cycle."""
    spans_ms, name = [], name_of(0)
    for number in range(PRESSES):
        home.farm.tell("heard")
        wanted = "on" if number % 2 else "standby"
        begun_s = time.time()
        home.ask("POST", "/api/v1/commands/manual", {"device": name, "power_state": wanted, "minutes": 5})
        time.sleep(BETWEEN_PRESSES_S)
        spans_ms.append(1e3 * (home.farm.tell("heard")[name][0][0] - begun_s))
    home.ask("POST", "/api/v1/commands/manual", {"device": name, "release": True})
    note = f"of {PRESSES}, from the page's asking to the appliance told"
    return [
        Row("the owner's button, p50", percentile(spans_ms, 0.5), "ms"),
        Row("the owner's button, longest", max(spans_ms), "ms", note, 500.0),
    ]


def _twice_as_many(home: Lan) -> list[Row]:
    time.sleep(STILL_S)
    many_kib = home.resident_kib()
    before, begun_s = home.traffic(), time.time()
    home.farm.tell("join", **{"from": MANY})
    states = home.known(MOST)
    spent_s = max(at_s for _, at_s in states.values()) - begun_s
    passed = home.traffic().since(before)
    time.sleep(STILL_S)
    most_kib = home.resident_kib()
    each_kib = (most_kib - many_kib) / (MOST - MANY)
    return [
        Row(f"{MOST - MANY} more, by their announcements", spent_s, "s", "all states known"),
        _phase(f"announced: {MOST - MANY} more", passed),
        Row(f"memory with {MANY}", many_kib / 1024, "MiB", "the whole gateway; the source's with 160: < 8 MB"),
        Row(f"memory with {MOST}", most_kib / 1024, "MiB", "the whole gateway"),
        Row("memory of an appliance", each_kib, "KiB", f"between {MANY} and {MOST}", 17.0, baseline=PAPER_KIB),
    ]


def _ends(home: Lan) -> list[Row]:
    before = home.traffic()
    home.farm.tell("leave", goodbye=True)
    time.sleep(3.0)
    return [_phase(f"de-registration of {MOST}", home.traffic().since(before))]


def _spans_ms(home: Lan, pressed: Mapping[str, float]) -> Sequence[float]:
    states = home.states()
    return [1e3 * (states[name][1] - at_s) for name, at_s in pressed.items()]


def _share(home: Lan, for_s: float) -> float:
    begun_s, cpu_s = time.monotonic(), home.cpu_s()
    time.sleep(for_s)
    return (home.cpu_s() - cpu_s) / (time.monotonic() - begun_s)


def _phase(name: str, passed: Traffic) -> Row:
    packets = passed.packets_in + passed.packets_out
    mean = _bytes(passed) / max(1, packets)
    return Row(f"traffic: {name}", _bytes(passed) / 1024, "KiB", f"{packets} packets of {mean:.0f} bytes")


def _bytes(passed: Traffic) -> int:
    return passed.bytes_in + passed.bytes_out
