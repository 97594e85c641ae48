"""Sharing the headroom: the sum never leaves the envelope through our doing (issue: two storages and a car)."""

import math
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heg.model.envelope import Envelope
from heg.model.headroom import Grant, Headroom, OwnPower, PhaseMeasure, Request, Room, headroom, share

THREE = (1 / 3, 1 / 3, 1 / 3)
ON_A = (1.0, 0.0, 0.0)


def fixed(key: str, kw: float, shares: tuple[float, ...] = (), most_kw: float = 5.0) -> Request:
    return Request(key, kw, kw, -most_kw, most_kw, shares)


def total(low_kw: float, high_kw: float) -> Headroom:
    return Headroom(Room("total", low_kw, high_kw))


def powers(grants: tuple[Grant, ...]) -> list[float]:
    assert all(grant.low_kw == grant.high_kw for grant in grants)
    return [round(grant.low_kw, 9) for grant in grants]


def test_headroom_is_the_envelope_minus_what_the_house_alone_draws() -> None:
    room = headroom(Envelope(-6.0, 6.0), grid_kw=5.0, own=[OwnPower(3.0), OwnPower(-1.0)])
    assert (room.total.low_kw, room.total.high_kw) == (-9.0, 3.0)


def test_amperes_leave_each_phase_its_own_room() -> None:
    phases = (PhaseMeasure(4.6, 20.0), PhaseMeasure(0.0, 0.0), PhaseMeasure(-2.3, 10.0))
    room = headroom(Envelope(max_a_per_phase=25.0), 2.3, [OwnPower(2.3, ON_A)], phases)
    assert [round(phase.high_kw, 3) for phase in room.phases] == [3.45, 5.75, 8.05]
    assert [round(phase.low_kw, 3) for phase in room.phases] == [-8.05, -5.75, -3.45]


def test_reactive_current_takes_its_part_of_the_amperes() -> None:
    room = headroom(Envelope(max_a_per_phase=25.0), 0.0, [], (PhaseMeasure(0.0, 15.0),))
    assert room.phases[0].high_kw == pytest.approx(20.0 * 0.23)


def test_who_has_most_merit_is_served_first_and_each_grant_reduces_the_rest() -> None:
    assert powers(share(total(-9, 6), [fixed("car", 4.0), fixed("a", 3.0), fixed("b", 1.0)])) == [4.0, 2.0, 0.0]


def test_what_narrowed_a_grant_is_named() -> None:
    room = Headroom(Room("total", -9, 9), (Room("phase.a", -9, 2), Room("phase.b", -9, 9), Room("phase.c", -9, 9)))
    a, b = share(room, [fixed("a", 4.0, ON_A), fixed("b", 3.0, (0.0, 1.0, 0.0))])
    assert (a.high_kw, a.bound, b.high_kw, b.bound) == (2.0, "phase.a", 3.0, "")


def test_a_charger_gets_room_from_a_battery_that_discharges_anyway() -> None:
    assert powers(share(total(-9, 1), [fixed("car", 3.0), fixed("battery", -4.0)])) == [3.0, -4.0]


def test_a_battery_that_holds_is_asked_to_help_only_where_the_house_alone_is_outside() -> None:
    assert powers(share(total(-9, -2), [fixed("battery", 0.0)])) == [-2.0]
    assert powers(share(total(-9, -2), [fixed("holds", 0.0), fixed("covers", -3.0)])) == [0.0, -3.0]
    assert powers(share(total(-9, 2), [fixed("car", 5.0), fixed("holds", 0.0)])) == [2.0, 0.0]


def test_a_charger_stops_rather_than_draw_less_than_it_can() -> None:
    car = Request("car", 7.0, 7.0, 0.0, 7.0, ON_A, smallest_kw=1.38, step_kw=0.23)
    assert powers(share(total(-9, 1.2), [car])) == [0.0]
    assert powers(share(total(-9, 2.0), [car])) == [pytest.approx(1.84)]


def test_a_native_regime_gets_an_interval_it_may_roam() -> None:
    native = Request("native", -5.0, 5.0, -5.0, 5.0)
    roam, rest = share(total(-4, 3), [native, fixed("other", 2.0)])
    assert (roam.low_kw, roam.high_kw, rest.high_kw) == (-4.0, 3.0, 0.0)


def test_rooms_that_contradict_each_other_ask_for_no_help() -> None:
    room = Headroom(Room("total", -9, -2), (Room("phase.a", 1, 9), Room("phase.b", -9, 9), Room("phase.c", -9, 9)))
    (grant,) = share(room, [fixed("battery", 1.0, THREE)])
    assert grant.high_kw <= 0.0


shares_of_phases = st.sampled_from([THREE, ON_A, (0.0, 1.0, 0.0), (0.5, 0.5, 0.0), (0.2, 0.3, 0.5), ()])


@st.composite
def requests(draw: st.DrawFn, key: str) -> Request:
    least_kw, most_kw = -draw(st.floats(0, 8)), draw(st.floats(0, 22))
    ends = sorted((draw(st.floats(least_kw, most_kw)), draw(st.floats(least_kw, most_kw))))
    if draw(st.booleans()):
        ends[1] = ends[0]
    smallest_kw, step_kw = draw(st.sampled_from([(0.0, 0.0), (1.38, 0.23), (4.14, 0.69), (0.0, 0.5)]))
    return Request(key, ends[0], ends[1], least_kw, most_kw, draw(shares_of_phases), smallest_kw, step_kw)


@st.composite
def rooms(draw: st.DrawFn) -> Headroom:
    def room(name: str) -> Room:
        low_kw = draw(st.floats(-15, 10))
        return Room(name, low_kw, low_kw + draw(st.floats(0, 20)))

    phases = ("phase.a", "phase.b", "phase.c")[: draw(st.sampled_from([0, 1, 3]))]
    return Headroom(room("total"), tuple(room(name) for name in phases))


@settings(max_examples=600)
@given(rooms(), st.tuples(requests("first"), requests("second"), requests("car")), st.randoms(use_true_random=False))
def test_the_sum_never_leaves_the_envelope_through_our_doing(
    room: Headroom, asked: tuple[Request, ...], chance: Random
) -> None:
    grants = share(room, asked)
    drawn = [
        [grant.low_kw for grant in grants],
        [grant.high_kw for grant in grants],
        [chance.uniform(grant.low_kw, grant.high_kw) for grant in grants],
    ]
    for power in drawn:
        for place, one in enumerate((room.total, *room.phases)):
            flows = [kw * part(request, place, len(room.phases)) for kw, request in zip(power, asked, strict=True)]
            assert math.fsum(flows) <= max(one.high_kw, 0.0) + 1e-6
            assert math.fsum(flows) >= min(one.low_kw, 0.0) - 1e-6
    for grant, request in zip(grants, asked, strict=True):
        assert request.least_kw - 1e-9 <= grant.low_kw <= grant.high_kw <= request.most_kw + 1e-9
        for kw in (grant.low_kw, grant.high_kw):
            assert kw <= 0 or kw >= request.smallest_kw


def part(request: Request, place: int, phases: int) -> float:
    if place == 0:
        return 1.0
    if not request.phase_shares:
        return 1.0 / phases
    return request.phase_shares[place - 1] if place - 1 < len(request.phase_shares) else 0.0


@given(st.floats(-12, 12), st.tuples(st.floats(-5, 5), st.floats(-5, 5)), st.floats(0, 15), st.floats(0, 15))
def test_measured_step_after_step_the_connection_point_stays_inside(
    house_kw: float, wishes: tuple[float, float], most_import_kw: float, most_export_kw: float
) -> None:
    envelope = Envelope(-most_export_kw, most_import_kw)
    own = [0.0, 0.0]
    for _ in range(3):
        room = headroom(envelope, house_kw + sum(own), [OwnPower(kw) for kw in own])
        own = powers(share(room, [fixed("a", wishes[0]), fixed("b", wishes[1])]))
        grid_kw = house_kw + sum(own)
        assert grid_kw <= max(most_import_kw, house_kw) + 1e-6
        assert grid_kw >= min(-most_export_kw, house_kw) - 1e-6
        if max(house_kw - most_import_kw, -most_export_kw - house_kw) <= 10.0:
            assert -most_export_kw - 1e-6 <= grid_kw <= most_import_kw + 1e-6, "they can help and did not"
