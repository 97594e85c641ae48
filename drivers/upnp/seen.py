"""Which appliances are there, by UUID: a pure state machine over announcements, looks and time.

Nobody signs an announcement, so nothing that would take an appliance away is believed from somewhere else than where
it lives: then its home is asked first. Only what was described soundly takes one of the table's places for good, and
what has one is never pushed out by newcomers.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from drivers.upnp.orders import Ask, Describe, Found, Gone, Order, Outcome, Owns, Place, Refused, Verify, nobody
from drivers.upnp.parts import GoneWhy
from drivers.upnp.room import Room
from drivers.upnp.ssdp.packet import Announcement, Kind
from drivers.upnp.tracked import State, Tracked
from heg.model.refusals import Refusal, RefusalCode

DESCRIBE_GAP_S = 5.0
"""An appliance that restarts again and again is read no oftener; for the first time it is read at once."""
VERIFY_GAP_S = 30.0
"""Strangers make us ask an appliance's home no oftener."""
RECHECK_S = 10.0
"""So long after a goodbye its home is asked whether it was one: what goes to sleep answers for some seconds more."""
DISTRUST_S = 600.0
"""So long after a false goodbye each further one is verified before it is believed."""
BEGINNING_S = 3.0
"""Within that an appliance that begins by saying goodbye is announced: once that is no false goodbye."""
RETRY_S = 2.0
_MOST_TRIES = 8
_LONGEST_RETRY = 4
_MOST_OTHERS = 3


class SeenTable:
    """At most `most` appliances; `known` are those of earlier runs, whose places are kept for them.

    Every method takes the time, monotonic seconds, and gives the orders that follow. `soonest_s` is when `due` wants
    to be called next, at the latest. `owns` is asked only where strangers announce an appliance, too, or may have.
    """

    def __init__(self, *, most: int, most_per_host: int, known: Iterable[str] = (), owns: Owns = nobody) -> None:
        self._room = Room(most=most, most_per_host=most_per_host, known=known)
        self._owns = owns
        self._records: dict[str, Tracked] = {}
        self.soonest_s = math.inf

    def __len__(self) -> int:
        return len(self._records)

    def present(self) -> tuple[str, ...]:
        """UUIDs of those that are there."""
        return tuple(uuid for uuid, record in self._records.items() if record.state is State.PRESENT)

    def places(self, uuid: str) -> tuple[Place, ...]:
        """Where an appliance is announced: at its home, and wherever else anybody does that."""
        record = self._records.get(uuid)
        return () if record is None else (record.place, *(place for place, _ in record.others))

    def remember(self, known: Iterable[str]) -> None:
        """Free the places of those that are neither there nor of the house any more: their owner removed them."""
        self._room.keep({*known, *self._records})

    def heard(self, said: Announcement, place: Place, now_s: float) -> list[Order]:
        """Take an announcement or an answer to a search."""
        record = self._records.get(said.uuid)
        if record is None:
            return [] if said.kind in (Kind.BYEBYE, Kind.UPDATE) else self._newcomer(said, place, now_s)
        at_home = record.place.same_spot(place)
        if said.kind is Kind.BYEBYE:
            orders = self._goodbye(said.uuid, record, place, now_s, at_home=at_home)
        elif said.kind is Kind.UPDATE:
            if at_home and said.boot_id is not None:
                record.boot_id = said.boot_id
            orders = []
        elif at_home:
            orders = self._at_home(said, record, place, now_s)
        else:
            orders = self._elsewhere(said, record, place, now_s)
        return self._noted(record, orders)

    def described(self, uuid: str, place: Place, outcome: Outcome, now_s: float, *, wait_s: float = 0.0) -> list[Order]:
        """Take what came of `Describe`; before `wait_s` it need not be tried again."""
        record = self._records.get(uuid)
        if record is None or record.trying != place:
            return []
        record.trying = None
        if outcome is not Outcome.SOUND:
            return self._noted(record, self._undescribed(uuid, record, place, outcome, now_s + wait_s))
        if not place.same_spot(record.place):
            self._move(record, place, now_s)
        elif place != record.place:  # it moved on meanwhile
            return self._noted(record, self._describe(uuid, record, now_s))
        record.state, record.tries, record.sound = State.PRESENT, 0, place
        record.read_from_s = max(record.read_from_s + DESCRIBE_GAP_S, now_s)
        record.doubt, record.verify_s = GoneWhy.EXPIRED, math.inf
        self._room.sound(uuid)
        return self._noted(record, [Found(uuid)])

    def verified(self, uuid: str, place: Place, *, there: bool, now_s: float) -> list[Order]:
        """Take what came of `Verify`."""
        record = self._records.get(uuid)
        if record is None or record.trying != place:
            return []
        record.trying = None
        record.verified_s, record.verify_s = now_s, math.inf
        if not there:
            return self._noted(record, self._not_there(uuid, record, record.doubt))
        orders: list[Order] = []
        if record.doubt is GoneWhy.BYEBYE:
            record.distrusted_until_s = now_s + DISTRUST_S
            orders.append(
                _refused(place.host, "a goodbye of an appliance that goes", f"one of uuid:{uuid}, which stays")
            )
        if record.state is State.PARTED:
            orders += self._describe(uuid, record, now_s)
        return self._noted(record, orders)

    def due(self, now_s: float) -> list[Order]:
        """What time alone brings about: expiry, looks that were put off, questions before an announcement runs out."""
        orders: list[Order] = []
        for uuid, record in list(self._records.items()):
            if record.due_s <= now_s:
                orders += self._one_due(uuid, record, now_s)
        self.soonest_s = min((record.due_s for record in self._records.values()), default=math.inf)
        return orders

    # What is heard

    def _newcomer(self, said: Announcement, place: Place, now_s: float) -> list[Order]:
        if not self._room.knows(said.uuid) and (refusal := self._no_room(place.host)) is not None:
            return [Refused(place.host, refusal)]
        record = Tracked(place, now_s + said.max_age_s, said.max_age_s, boot_id=said.boot_id, config_id=said.config_id)
        self._records[said.uuid] = record
        self._room.enter(said.uuid, place.host)
        return self._noted(record, self._describe(said.uuid, record, now_s))

    def _no_room(self, host: str) -> Refusal | None:
        refusal = self._room.refusal(host)
        if refusal is None or (uuid := self._room.gives_way(host)) is None:
            return refusal
        self._drop(uuid)
        return None

    def _at_home(self, said: Announcement, record: Tracked, place: Place, now_s: float) -> list[Order]:
        record.expires_s, record.max_age_s, record.asked = now_s + said.max_age_s, said.max_age_s, False
        rebooted = _differs(record.boot_id, said.boot_id)
        parted = record.state is State.PARTED
        if parted and not rebooted and said.kind is Kind.RESPONSE and _just_parted(record, now_s):
            return []  # it answers between the goodbyes by which it begins, or goes: it is announced when it is back
        if parted and not rebooted:  # one that comes back has another boot id; this one never went
            self._took_back(record, now_s)
        anew = rebooted or _differs(record.config_id, said.config_id) or place != record.place or parted
        record.boot_id = record.boot_id if said.boot_id is None else said.boot_id
        record.config_id = record.config_id if said.config_id is None else said.config_id
        record.place = place
        if not anew or record.state is State.CANDIDATE:
            return []
        return self._describe(said.uuid, record, now_s)

    def _took_back(self, record: Tracked, now_s: float) -> None:
        if _just_parted(record, now_s) and now_s >= record.pardoned_until_s:
            record.pardoned_until_s = now_s + DISTRUST_S
        else:
            record.distrusted_until_s = now_s + DISTRUST_S

    def _elsewhere(self, said: Announcement, record: Tracked, place: Place, now_s: float) -> list[Order]:
        """A second interface, a new address, or somebody who would like to be it: first its home is asked."""
        until_s = now_s + said.max_age_s
        rest = tuple(other for other in record.others if not other[0].same_spot(place))
        is_new = len(rest) == len(record.others)
        if len(rest) >= _MOST_OTHERS:
            if (stranger := self._gives_way(said.uuid, rest, place)) is None:
                came = f"uuid:{said.uuid} at {place.host}, too"
                return [_refused(place.host, "an appliance at one address, or a few", came)]
            rest = tuple(other for other in rest if other is not stranger)
        record.others = (*rest, (place, until_s))
        if record.state is State.CANDIDATE or not (is_new or record.state is State.PARTED):
            return []
        record.doubt = GoneWhy.EXPIRED if record.state is State.PRESENT else record.doubt
        return self._verify(said.uuid, record, now_s, gap_s=0.0 if record.state is State.PARTED else VERIFY_GAP_S)

    def _gives_way(
        self, uuid: str, others: tuple[tuple[Place, float], ...], place: Place
    ) -> tuple[Place, float] | None:
        """Return the oldest stranger where its own card wants the room: strangers must not keep it out."""
        if not self._owns(uuid, place):
            return None
        return next((other for other in others if not self._owns(uuid, other[0])), None)

    def _goodbye(self, uuid: str, record: Tracked, place: Place, now_s: float, *, at_home: bool) -> list[Order]:
        if record.state is not State.PRESENT:  # told already; or it begins by saying goodbye, as many do
            return []
        if any(other.same_spot(place) for other, _ in record.others):
            record.others = tuple(other for other in record.others if not other[0].same_spot(place))
            return []
        if at_home and now_s >= record.distrusted_until_s:
            record.state, record.doubt, record.verify_s = State.PARTED, GoneWhy.BYEBYE, now_s + RECHECK_S
            record.again_s, record.expires_s, record.trying = math.inf, math.inf, None
            return [Gone(uuid, GoneWhy.BYEBYE)]
        orders: list[Order] = []
        if not at_home:
            came = f"one of uuid:{uuid}, which is at {record.place.host}"
            orders.append(_refused(place.host, "a goodbye from where the appliance is", came))
        record.doubt = GoneWhy.BYEBYE
        if at_home:
            record.verify_s = min(record.verify_s, now_s + RECHECK_S)
            return orders
        return orders + self._verify(uuid, record, now_s, gap_s=VERIFY_GAP_S)

    # What follows

    def _undescribed(self, uuid: str, record: Tracked, place: Place, outcome: Outcome, now_s: float) -> list[Order]:
        if not place.same_spot(record.place):  # it was tried elsewhere, because its home is gone
            record.others = tuple(other for other in record.others if other[0] != place)
            return self._not_there(uuid, record, record.doubt)
        record.tries += 1
        if outcome is Outcome.UNREACHABLE and record.tries < _MOST_TRIES:
            record.again_s = now_s + RETRY_S * 2 ** min(record.tries, _LONGEST_RETRY)
            self._room.failed(uuid, place.host)
            return []
        if record.sound is None or record.sound == place:
            return self._not_there(uuid, record, GoneWhy.EXPIRED)
        return self._at_last_sound(uuid, record, place, now_s)

    def _at_last_sound(self, uuid: str, record: Tracked, place: Place, now_s: float) -> list[Order]:
        """A location that was announced in its name is not its own, it seems: whether it is where it was is seen."""
        record.tries = 0
        if record.place != place:  # it has told another one meanwhile
            return self._describe(uuid, record, now_s)
        assert record.sound is not None
        record.place, record.doubt = record.sound, GoneWhy.EXPIRED
        return self._verify(uuid, record, now_s, gap_s=0.0)

    def _not_there(self, uuid: str, record: Tracked, why: GoneWhy) -> list[Order]:
        """Go on where else it was heard, or without it."""
        record.doubt, record.tries = why, 0
        if record.others:
            places = [place for place, _ in record.others]
            record.again_s = math.inf
            record.trying = next((place for place in places if self._owns(uuid, place)), places[0])
            return [Describe(uuid, record.trying, self._room.knows(uuid))]
        self._drop(uuid)
        return [Gone(uuid, why)] if record.state is State.PRESENT else []

    def _one_due(self, uuid: str, record: Tracked, now_s: float) -> list[Order]:
        record.others = tuple(other for other in record.others if other[1] > now_s)
        if record.trying is not None:
            return []
        if record.expires_s <= now_s and record.state is not State.PARTED:
            record.expires_s = math.inf  # until it is heard again, at home or elsewhere
            return self._not_there(uuid, record, GoneWhy.EXPIRED)
        if record.verify_s <= now_s:
            return self._verify(uuid, record, now_s, gap_s=0.0)
        if record.again_s <= now_s:
            return self._describe(uuid, record, now_s)
        if record.ask_s <= now_s:
            record.asked = True
            return [Ask(uuid, record.place)]
        return []

    def _describe(self, uuid: str, record: Tracked, now_s: float) -> list[Order]:
        if record.trying is not None or now_s < record.read_from_s:
            record.again_s = max(record.read_from_s, now_s)
            return []
        record.again_s, record.trying = math.inf, record.place
        return [Describe(uuid, record.place, self._room.knows(uuid))]

    def _verify(self, uuid: str, record: Tracked, now_s: float, *, gap_s: float) -> list[Order]:
        at_s = record.verified_s + gap_s
        if record.trying is not None or now_s < at_s:
            record.verify_s = min(record.verify_s, max(at_s, now_s))
            return []
        record.verify_s, record.trying = math.inf, record.place
        return [Verify(uuid, record.place)]

    def _move(self, record: Tracked, place: Place, now_s: float) -> None:
        until = [until_s for other, until_s in record.others if other.same_spot(place)]
        record.others = tuple(other for other in record.others if not other[0].same_spot(place))
        self._room.move(record.place.host, place.host)
        record.place, record.asked = place, False
        record.expires_s = until[0] if until else now_s + record.max_age_s

    def _drop(self, uuid: str) -> None:
        self._room.leave(uuid, self._records.pop(uuid).place.host)

    def _noted(self, record: Tracked, orders: list[Order]) -> list[Order]:
        self.soonest_s = min(self.soonest_s, record.due_s)
        return orders


def _just_parted(record: Tracked, now_s: float) -> bool:
    return RECHECK_S - BEGINNING_S <= record.verify_s - now_s <= RECHECK_S


def _differs(before: int | None, now: int | None) -> bool:
    return before is not None and now is not None and before != now


def _refused(host: str, expected: str, came: str) -> Refused:
    return Refused(host, Refusal(RefusalCode.CONFLICT, expected, came))
