"""What an appliance tells of its waiting cycle is an offer or a refusal in words."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.upnp import cycles
from drivers.upnp.actions import GET_CYCLE
from drivers.upnp.cycles import NO_CYCLE, offer_of
from drivers.upnp.markup import escaped
from drivers.upnp.soap import decode
from heg.model.appliances import CycleOffer
from heg.model.cycles import CycleCurve
from heg.model.refusals import Refusal
from tests.drivers.upnp.peer import CYCLES, a_cycle, soap_answer

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def told(**more: str) -> CycleOffer | Refusal:
    inner = "".join(f"<{name}>{escaped(text)}</{name}>" for name, text in a_cycle(**more).items())
    answer = decode(GET_CYCLE, 200, soap_answer("GetCycle", inner, CYCLES))
    return offer_of(answer, NOW) if isinstance(answer, dict) else answer  # type: ignore[return-value]


def test_an_offer_is_read_whole() -> None:
    assert told() == CycleOffer(
        "c1",
        "eco",
        CycleCurve((2.0, 0.3005, 1.5), 15),
        datetime(2026, 3, 1, 17, tzinfo=UTC),
        datetime(2026, 3, 2, 6, tzinfo=UTC),
    )
    assert told(CycleId=" ", PowerCurve="", StepMinutes="0") == NO_CYCLE
    anytime = told(EarliestStart="", LatestEnd="", Interruptible="1", StepMinutes="60")
    assert isinstance(anytime, CycleOffer)
    assert (anytime.earliest, anytime.latest) == (None, None)
    assert anytime.curve == CycleCurve((2.0, 0.3005, 1.5), 60, interruptible=True)


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"StepMinutes": "7"}, "StepMinutes of GetCycle among 5, 15, 30, 60"),
        ({"PowerCurve": ""}, "PowerCurve of GetCycle in W"),
        ({"PowerCurve": "1,,2"}, "PowerCurve of GetCycle in W"),
        ({"PowerCurve": "0,100"}, "above 0"),
        ({"PowerCurve": "nan"}, "above 0"),
        ({"PowerCurve": "1e999"}, "above 0"),
        ({"PowerCurve": "50001"}, "at most 50000 W"),
        ({"PowerCurve": ",".join(["1"] * 289)}, "at most 288 steps"),
        ({"LatestEnd": "2026-03-01T17:30:00Z"}, "that 0:45:00 fit into"),
        ({"LatestEnd": "2026-04-01T17:30:00Z"}, "a cycle within 8 days"),
        ({"EarliestStart": "2026-03-01T18:00:00"}, "a date and time with its zone"),
        ({"EarliestStart": f"2026-03-01T18:00:00.{14 * '0'}+01:00, or later"}, "a date and time with its zone"),
        ({"EarliestStart": "0001-01-01T00:00:00+14:00"}, "a date and time with its zone"),
        ({"Interruptible": "perhaps"}, "a boolean"),
        ({"CycleId": "x" * 65}, "at most 64 letters"),
        ({"RatedPower": "60000"}, "a whole number of 0 to 50000"),
    ],
)
def test_what_cannot_be_is_refused_in_words(changed: dict, expected: str) -> None:
    refusal = told(**changed)
    assert isinstance(refusal, Refusal)
    assert expected in refusal.expected


def test_what_it_draws_is_told_with_it() -> None:
    assert cycles.rated_kw({"RatedPower": 2100}) == 2.1


@given(st.dictionaries(st.sampled_from(tuple(a_cycle())), st.text(alphabet="0123456789,.-+:TZe éx", max_size=40)))
def test_any_answer_is_an_offer_or_a_refusal(changed: dict) -> None:
    offer = told(**changed)
    if isinstance(offer, CycleOffer) and offer is not NO_CYCLE:
        assert offer.curve is not None
        assert all(0.0 < kw <= 50.0 for kw in offer.curve.power_kw)
