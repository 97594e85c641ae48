"""Bounds that hold whatever is asked: mailboxes, policies, places."""

import string

from hypothesis import given
from hypothesis import strategies as st

from heg.data.door import MailboxKind, Notification, Receipt
from heg.data.interface import DataInterface
from heg.data.mailbox import Mailbox
from heg.data.validation import location_refusal
from heg.model.instance import Instance, Location
from heg.model.policy import CUSTOMER, Grant, Policy, Right, Role, Stakeholder
from heg.model.refusals import RefusedError
from heg.runtime.clock import Clock
from tests.support.stepped import START_UTC, stepped

METER = Location("home", "meter")
STAKEHOLDERS = st.builds(Stakeholder, st.sampled_from(Role), st.sampled_from(("", "north", "south")))
GRANTS = st.builds(
    Grant,
    STAKEHOLDERS,
    st.sampled_from(("*", "metering", "marketing")),
    st.frozensets(st.sampled_from(Right)),
    st.just(0.0),
)


@given(
    st.sampled_from(MailboxKind),
    st.integers(min_value=-5, max_value=8),
    st.lists(st.integers(min_value=0, max_value=12), max_size=60),
)
@stepped
async def test_a_mailbox_never_grows_beyond_its_size_and_counts_what_it_drops(
    clock: Clock, kind: MailboxKind, size: int, series: list[int]
) -> None:
    box = Mailbox(Receipt(1), kind, size)
    for number, one in enumerate(series):
        box.put(Notification(1, Instance("soc", Location("home", f"d{one}"), number / 1000, START_UTC)))
    box.close()
    heard = [note async for note in box]
    assert len(heard) <= max(1, size)
    assert len(heard) + box.dropped == len(series)
    if kind is MailboxKind.LATEST and heard:
        assert [note.instance.value for note in heard] == [n / 1000 for n in range(len(series))][-len(heard) :]
    if kind is MailboxKind.CONFLATING and heard:
        last = {f"d{one}": number / 1000 for number, one in enumerate(series)}
        assert all(note.instance.value == last[note.instance.location.device] for note in heard)


@given(st.lists(GRANTS, max_size=5), STAKEHOLDERS, st.sampled_from(("metering", "marketing")))
@stepped
async def test_who_holds_no_grant_gets_nothing_by_any_request(
    clock: Clock, grants: list[Grant], who: Stakeholder, service: str
) -> None:
    data = DataInterface(clock, "home")
    owner, asking = data.admit(CUSTOMER, "driver"), data.admit(who, service)
    owner.write("power.active", METER, 1.0, policy=Policy(tuple(grants)))

    def may(right: Right) -> bool:
        mine = [g for g in grants if g.stakeholder == who and g.service == service]
        mine = mine or [g for g in grants if g.stakeholder == who and g.service == "*"]
        return who == CUSTOMER or any(right in g.rights for g in mine)

    try:
        seen = asking.latest("power.active", METER) is not None
    except RefusedError:
        seen = False
    assert seen == may(Right.READ)
    assert ((await asking.query("power.active", METER)).refusal is None) == may(Right.READ)
    assert (len(asking.latest_all("power.active")) == 1) == may(Right.READ)
    events = asking.event("*")
    owner.write("power.active", METER, 2.0)
    assert asking.write("power.active", METER, 3.0).accepted == may(Right.WRITE)
    events.close()
    assert ([note async for note in events] != []) == may(Right.READ)


@given(st.text(max_size=6), st.text(alphabet=string.printable, max_size=100), st.text(max_size=6))
def test_a_place_is_short_and_harmless_or_refused(unit: str, device: str, part: str) -> None:
    place = Location(unit, device, part)
    if location_refusal(place) is None:
        assert all(len(piece) <= 80 and not set(piece) & set("/*\\ \n\0") for piece in (unit, device, part))


@stepped
async def test_late_rows_reach_those_who_want_every_row_and_only_those(clock: Clock) -> None:
    data = DataInterface(clock, "home")
    door = data.admit(CUSTOMER, "dlms")
    every, newest = door.event("soc", mailbox=MailboxKind.LATEST), door.event("soc")
    await clock.sleep(7200)
    door.write("soc", METER, 0.5)
    door.write("soc", METER, 0.4, time=START_UTC)
    every.close()
    newest.close()
    assert [note.instance.value async for note in every] == [0.5, 0.4]
    assert [note.instance.value async for note in newest] == [0.5]
