"""Fetches descriptions: few at a time, fairly among hosts, once per service type, with back-off.

Tasks live as long as one fetch; nothing of an appliance stays here.
"""

import asyncio
import hashlib
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from drivers.upnp.backoff import BackOff
from drivers.upnp.description import MOST_BYTES, DeviceDescription, Service, device_of, service_fault, uuids_of
from drivers.upnp.fetching import Fetcher, Missed
from drivers.upnp.orders import Describe, Outcome, Place, Verify
from drivers.upnp.parts import Described
from drivers.upnp.urls import without_zone
from heg.model.refusals import Refusal, RefusalCode
from heg.runtime.clock import Clock

logger = logging.getLogger(__name__)

K = TypeVar("K")
V = TypeVar("V")

AT_ONCE = 8
_FOR_STRANGERS = 6
"""The rest is for appliances that are known: strangers who answer slowly must not keep them waiting."""
_FOR_SILENT = 4
"""At most so many at hosts that were silent, whoever they are: each holds its place for as long as it may."""
_PER_HOST = 2
_MOST_WAITING = 1024
_DESCRIBE_S, _VERIFY_S = 5.0, 3.0
_LONGEST_SILENT_S = 60.0
_AFTER_FAILURE_S = 0.5
_WHOSE_S, _MOST_PLACES = 30.0, 256
_MOST_VERDICTS = 64


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of an order: `described` with a sound description, `refusal` otherwise."""

    outcome: Outcome
    described: Described | None = None
    refusal: Refusal | None = None
    wait_s: float = 0.0
    """Not asked; so long it need not be tried."""


OnAnswer = Callable[[Describe | Verify, Answer], None]


class Describer:
    """Call `take` with orders; `on_answer` is called once for each, on the loop. `run` is its task."""

    def __init__(self, fetcher: Fetcher, clock: Clock, on_answer: OnAnswer) -> None:
        self._fetcher = fetcher
        self._clock = clock
        self._on_answer = on_answer
        self._urgent: deque[Describe | Verify] = deque()
        self._strangers: deque[Describe | Verify] = deque()
        self._by_host: dict[str, int] = {}
        self._strangers_now = self._silent_now = self._now = 0
        self._tasks: asyncio.TaskGroup | None = None
        self._silent = BackOff(longest_s=_LONGEST_SILENT_S)
        self._wrong = BackOff()
        self._described_at: dict[str, tuple[float, frozenset[str]]] = {}
        """By location: until when we know whose description is there. Others announced there are announced falsely."""
        self._verdicts: dict[bytes, Refusal | None] = {}
        self._sound_models: dict[tuple[str, str, str], None] = {}

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as self._tasks:
            self._pump()
            await asyncio.get_running_loop().create_future()

    def take(self, order: Describe | Verify) -> None:
        """Have it done, as soon as there is room."""
        urgent = isinstance(order, Verify) or order.known
        if not urgent and (answer := self._known_answer(order.uuid, order.place)) is not None:
            self._on_answer(order, answer)
            return
        queue = self._urgent if urgent else self._strangers
        if len(queue) >= _MOST_WAITING:
            refusal = Refusal(RefusalCode.TOO_LARGE, f"at most {_MOST_WAITING} descriptions at once", "one more")
            self._on_answer(order, Answer(Outcome.UNREACHABLE, refusal=refusal))
            return
        queue.append(order)
        self._pump()

    def _known_answer(self, uuid: str, place: Place) -> Answer | None:
        """What need not be asked: a description that was somebody else's just now, a place that failed just now."""
        now_s = self._clock.monotonic_s()
        until_s, uuids = self._described_at.get(place.location, (0.0, frozenset()))
        if now_s < until_s and uuid not in uuids:
            return Answer(Outcome.UNSOUND, refusal=_somebody_elses(uuid))
        left_s = max(self._silent.left_s(place.host, now_s), self._wrong.left_s(place.location, now_s))
        if left_s <= 0.0:
            return None
        refusal = Refusal(RefusalCode.TOO_SOON, "a host that did not fail just now", f"{left_s:.0f} s too soon")
        return Answer(Outcome.UNREACHABLE, refusal=refusal, wait_s=left_s)

    def _pump(self) -> None:
        while self._tasks is not None and self._now < AT_ONCE:
            order = self._next(self._urgent)
            stranger = order is None and self._strangers_now < _FOR_STRANGERS
            if stranger:
                order = self._next(self._strangers)
            if order is None:
                return
            host = order.place.host
            silent = self._silent.is_failing(host)
            self._by_host[host] = self._by_host.get(host, 0) + 1
            self._strangers_now += stranger
            self._silent_now += silent
            self._now += 1
            self._tasks.create_task(self._work(order, stranger=stranger, silent=silent), name=f"describe {host}")

    def _next(self, queue: deque[Describe | Verify]) -> Describe | Verify | None:
        """The first whose host is not at work twice already, nor one too many of those that were silent."""
        for index, order in enumerate(queue):
            host = order.place.host
            may_be_silent = self._silent_now < _FOR_SILENT or not self._silent.is_failing(host)
            if may_be_silent and self._by_host.get(host, 0) < _PER_HOST:
                del queue[index]
                return order
        return None

    async def _work(self, order: Describe | Verify, *, stranger: bool, silent: bool) -> None:
        answer = Answer(Outcome.UNREACHABLE)
        try:
            answer = await (self._verify(order) if isinstance(order, Verify) else self._describe(order))
        except Exception:
            logger.exception("the description at %s", order.place.location)
        finally:
            self._now -= 1
            self._strangers_now -= stranger
            self._silent_now -= silent
        self._on_answer(order, answer)
        self._pump()
        if stranger and answer.outcome is not Outcome.SOUND:
            # In whosever name it was announced: nobody is asked all the time because of strangers.
            await self._clock.sleep(_AFTER_FAILURE_S)
        self._leave(order.place.host)
        self._pump()

    def _leave(self, host: str) -> None:
        self._by_host[host] -= 1
        if not self._by_host[host]:
            del self._by_host[host]

    async def _verify(self, order: Verify) -> Answer:
        """There is whoever tells its UUID at its home, whatever else it says."""
        body = await self._fetcher.get(order.place.location, most_bytes=MOST_BYTES, timeout_s=_VERIFY_S)
        if isinstance(body, Missed) and body.silent:
            self._silent.failed(order.place.host, self._clock.monotonic_s())
        else:
            self._silent.succeeded(order.place.host)
        there = isinstance(body, bytes) and f"uuid:{order.uuid}".encode() in body.lower()
        return Answer(Outcome.SOUND if there else Outcome.UNREACHABLE)

    async def _describe(self, order: Describe) -> Answer:
        place, now_s = order.place, self._clock.monotonic_s
        found = await self._device(order)
        if isinstance(found, Missed):
            if found.silent:
                self._silent.failed(place.host, now_s())
            else:
                self._silent.succeeded(place.host)
                self._wrong.failed(place.location, now_s())
            return Answer(Outcome.UNREACHABLE, refusal=found.refusal)
        if isinstance(found, Refusal):
            if found.code is not RefusalCode.CONFLICT:
                self._wrong.failed(place.location, now_s())
            return Answer(Outcome.UNSOUND, refusal=found)
        self._silent.succeeded(place.host)
        self._wrong.succeeded(place.location)
        device, faulty_cycles = found
        cycles = device.cycles if isinstance(device.cycles, Service) and faulty_cycles is None else None
        return Answer(Outcome.SOUND, _described(order, device, cycles), faulty_cycles)

    async def _device(self, order: Describe) -> tuple[DeviceDescription, Refusal | None] | Refusal | Missed:
        place = order.place
        body = await self._fetcher.get(place.location, most_bytes=MOST_BYTES, timeout_s=_DESCRIBE_S)
        if isinstance(body, Missed):
            return body
        device = device_of(body, uuid=order.uuid, location=place.location, host=place.host)
        if isinstance(device, Refusal):
            if device.code is RefusalCode.CONFLICT:
                until_s = self._clock.monotonic_s() + _WHOSE_S
                _remember(self._described_at, place.location, (until_s, uuids_of(body)), _MOST_PLACES)
            return device
        fault = await self._fault_of(device, device.power)
        if fault is not None:
            return fault
        if not isinstance(device.cycles, Service):
            return device, device.cycles
        faulty_cycles = await self._fault_of(device, device.cycles)
        return device, faulty_cycles.refusal if isinstance(faulty_cycles, Missed) else faulty_cycles

    async def _fault_of(self, device: DeviceDescription, service: Service) -> Refusal | Missed | None:
        """What is wrong with a service. Asked once for all appliances of a maker's model that are sound."""
        model = (device.maker, device.model, service.kind)
        if model in self._sound_models:
            return None
        body = await self._fetcher.get(service.scpd_url, most_bytes=MOST_BYTES, timeout_s=_DESCRIBE_S)
        if isinstance(body, Missed):
            return body
        verdict = self._verdict(body, service.kind)
        if verdict is None and all(model):
            _remember(self._sound_models, model, None)
        return verdict

    def _verdict(self, body: bytes, kind: str) -> Refusal | None:
        key = hashlib.sha256(kind.encode() + body).digest()
        if key not in self._verdicts:
            _remember(self._verdicts, key, service_fault(body, kind))
        return self._verdicts[key]


def _described(order: Describe, device: DeviceDescription, cycles: Service | None) -> Described:
    return Described(
        uuid=order.uuid,
        link=order.place.link,
        host=order.place.host.partition("%")[0],
        location=without_zone(order.place.location),
        maker=device.maker,
        model=device.model,
        serial=device.serial,
        name=device.name,
        control_url=without_zone(device.power.control_url),
        event_url=without_zone(device.power.event_url),
        cycle_control_url="" if cycles is None else without_zone(cycles.control_url),
        cycle_event_url="" if cycles is None else without_zone(cycles.event_url),
    )


def _somebody_elses(uuid: str) -> Refusal:
    return Refusal(RefusalCode.CONFLICT, "an appliance where it is announced", f"uuid:{uuid} where somebody else is")


def _remember(kept: dict[K, V], key: K, value: V, most: int = _MOST_VERDICTS) -> None:
    if key not in kept and len(kept) >= most:
        del kept[next(iter(kept))]
    kept[key] = value
