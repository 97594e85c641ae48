"""SOAP with appliances as texts: what is sent is checked, what comes back is believed or refused in words."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.upnp import actions, soap
from drivers.upnp.actions import GET_CYCLE, GET_POWER_STATE, OPERATIONS, STANDBY_PERIOD, WITHDRAW, Action
from drivers.upnp.envelope import ENVELOPE
from drivers.upnp.markup import Caps, escaped, read
from drivers.upnp.soap import Fault, decode, encode
from heg.model.appliances import PowerState
from heg.model.refusals import Refusal, RefusalCode
from tests.drivers.upnp.peer import CYCLES, a_cycle, fault_body, soap_answer

WHO = {"UUID": "0a", "Address": "192.168.1.2"}
ALL = (
    GET_POWER_STATE,
    actions.WAKE_UP_METHOD,
    STANDBY_PERIOD,
    WITHDRAW,
    GET_CYCLE,
    *OPERATIONS.values(),
)
STATE = "<PowerState>Standby</PowerState>"


def test_a_request_is_as_the_architecture_says() -> None:
    body = encode(STANDBY_PERIOD, {**WHO, "StartTime": "22:00:00", "StopTime": "06:30:00"})
    assert isinstance(body, bytes)
    root = read(body, Caps())
    assert (root.name, root.space) == ("Envelope", ENVELOPE)
    called = root.children[0].children[0]
    assert (called.name, called.space) == ("StandbyPeriod", STANDBY_PERIOD.service)
    assert list(called.texts()) == [*WHO.items(), ("StartTime", "22:00:00"), ("StopTime", "06:30:00")]
    assert soap.header(STANDBY_PERIOD) == '"urn:heg-energy:service:PowerManagement:1#StandbyPeriod"'


@pytest.mark.parametrize(
    ("action", "values", "expected"),
    [
        (STANDBY_PERIOD, {**WHO, "StartTime": "24:00:00", "StopTime": "06:00:00"}, "StartTime of StandbyPeriod"),
        (STANDBY_PERIOD, WHO, "a time of day, HH:MM:SS"),
        (WITHDRAW, {**WHO, "RegID": -1}, "a whole number of 0 to 2147483647"),
        (WITHDRAW, {**WHO, "RegID": 2**31}, "a whole number of 0"),
        (GET_POWER_STATE, {**WHO, "UUID": "x" * 65}, "at most 64 letters"),
        (GET_POWER_STATE, {**WHO, "Address": "a\nb"}, "printable letters"),
        (GET_POWER_STATE, {**WHO, "Zeal": "1"}, "only the arguments of GetPowerState"),
    ],
)
def test_what_the_table_does_not_let_pass_is_not_sent(action: Action, values: dict, expected: str) -> None:
    refusal = encode(action, values)
    assert isinstance(refusal, Refusal)
    assert expected in refusal.expected


def test_an_answer_is_read() -> None:
    body = soap_answer("GetPowerState", f"\n {STATE}<RegID> 12 </RegID><More/>")
    assert decode(GET_POWER_STATE, 200, body) == {"PowerState": "Standby", "RegID": 12}
    cycle = "".join(f"<{name}>{value}</{name}>" for name, value in a_cycle(LatestEnd="", Interruptible="true").items())
    told = decode(GET_CYCLE, 200, soap_answer("GetCycle", cycle, CYCLES))
    assert isinstance(told, dict)
    assert told["EarliestStart"] == datetime(2026, 3, 1, 17, tzinfo=UTC)
    assert (told["LatestEnd"], told["Interruptible"], told["RatedPower"]) == (None, True, 2100)


@pytest.mark.parametrize(
    ("status", "body", "code", "came"),
    [
        (404, b"", RefusalCode.WRONG_TYPE, "HTTP status 404"),
        (302, b"", RefusalCode.WRONG_TYPE, "HTTP status 302"),
        (200, b"", RefusalCode.WRONG_TYPE, "no element found"),
        (200, b"<x/>", RefusalCode.WRONG_TYPE, "no SOAP envelope"),
        (200, b"\xff" * 9000, RefusalCode.WRONG_TYPE, "at most 8192 bytes"),
        (200, soap_answer("OperationOn", "<RegID>0</RegID>"), RefusalCode.WRONG_TYPE, "'OperationOnResponse' of"),
        (200, soap_answer("GetPowerState", STATE, "urn:other:1"), RefusalCode.WRONG_TYPE, "'urn:other:1'"),
        (200, soap_answer("GetPowerState", STATE), RefusalCode.WRONG_TYPE, "none without RegID"),
        (200, soap_answer("GetPowerState", STATE * 2), RefusalCode.WRONG_TYPE, "'PowerState' twice"),
        (200, soap_answer("GetPowerState", "<PowerState>on</PowerState>"), RefusalCode.OUT_OF_RANGE, "'on'"),
        (
            200,
            soap_answer("GetPowerState", f"{STATE}<RegID>99999999999</RegID>"),
            RefusalCode.OUT_OF_RANGE,
            "'99999999999'",
        ),
        (500, soap_answer("GetPowerState", f"{STATE}<RegID>0</RegID>"), RefusalCode.WRONG_TYPE, "HTTP status 500"),
        (
            500,
            fault_body(0, "").replace(b"errorCode>0", b"errorCode>a"),
            RefusalCode.WRONG_TYPE,
            "without a UPnP error",
        ),
    ],
)
def test_what_is_no_answer_is_refused(status: int, body: bytes, code: RefusalCode, came: str) -> None:
    refusal = decode(GET_POWER_STATE, status, body)
    assert isinstance(refusal, Refusal)
    assert refusal.code is code
    assert came in refusal.came


@pytest.mark.parametrize(
    ("code", "came", "own", "refusal"),
    [
        (401, "401 (no such action)", False, RefusalCode.UNSUPPORTED),
        (402, "402 (arguments refused)", False, RefusalCode.DEVICE_REFUSED),
        (501, "501 (failed)", False, RefusalCode.DEVICE_REFUSED),
        (801, "801 (unsafe)", True, RefusalCode.DEVICE_REFUSED),
        (802, "802 (busy)", True, RefusalCode.DEVICE_REFUSED),
        (805, "805 (not yours)", False, RefusalCode.DEVICE_REFUSED),
        (806, "806 (not now)", True, RefusalCode.DEVICE_REFUSED),
        (899, "899 (an error of its own)", False, RefusalCode.DEVICE_REFUSED),
    ],
)
def test_a_fault_keeps_its_code_and_its_words(code: int, came: str, own: bool, refusal: RefusalCode) -> None:
    fault = decode(OPERATIONS[PowerState.OFF], 500, fault_body(code, "door\topen " + "x" * 500))
    assert isinstance(fault, Fault)
    assert fault.own_judgement is own
    told = fault.refusal("OperationOff")
    assert told.code is refusal
    assert told.came.startswith(f"UPnP error {came}: door open x")
    assert len(told.came) < 200


@given(st.sampled_from(ALL), st.sampled_from((200, 500, 204, 0)), st.binary(max_size=600))
def test_any_answer_is_read_or_refused(action: Action, status: int, body: bytes) -> None:
    assert isinstance(decode(action, status, body), dict | Fault | Refusal)


@given(
    st.sampled_from(ALL),
    st.sampled_from((200, 500)),
    st.lists(
        st.tuples(
            st.sampled_from(("RegID", "PowerState", "WakeMethod", "PowerCurve", "EarliestStart", "Interruptible", "X")),
            st.text(alphabet="0123456789-+:TZ,. ONFStandbyWL&<é\u202e\u0661", max_size=30),
        ),
        max_size=12,
    ),
)
def test_answers_of_any_arguments_hold_only_what_the_table_allows(action: Action, status: int, parts: list) -> None:
    inner = "".join(f"<{name}>{escaped(text)}</{name}>" for name, text in parts)
    told = decode(action, status, soap_answer(action.name, inner, action.service))
    if isinstance(told, dict):
        assert set(told) == {one.name for one in action.outputs}
        for one in action.outputs:
            assert not one.allowed or told[one.name] in one.allowed
            assert one.kind is not actions.Kind.WHOLE or one.low <= told[one.name] <= one.high
