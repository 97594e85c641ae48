"""What appliances ask of the gateway over SOAP: exact faults, and only who is discovered there is heard."""

from __future__ import annotations

import re

import pytest

from drivers.upnp.markup import Caps, read
from heg.model.appliances import ApplianceFault
from heg.model.refusals import Refusal, RefusalCode
from heg.runtime.clock import Clock
from tests.drivers.upnp.hosted import DRYER, GATEWAY_SERVICE, WASHER, hosted
from tests.support.stepped import stepped

STRANGER = "0f5c1d1e-0000-4000-8000-0000000000ff"


def fault_of(answer: tuple[int, dict[str, str], str]) -> int:
    status, headers, body = answer
    assert status == 500
    assert headers["content-type"] == 'text/xml; charset="utf-8"'
    assert headers["ext"] == ""
    root = read(body.encode(), Caps())
    fault = root.children[0].children[0]
    assert [one.name for one in fault.children] == ["faultcode", "faultstring", "detail"]
    assert fault.children[1].text == "UPnPError"
    assert fault.children[2].children[0].space == "urn:schemas-upnp-org:control-1-0"
    found = re.search(r"<errorCode>(\d+)</errorCode><errorDescription>[^<]+</errorDescription>", body)
    assert found is not None, body
    return int(found[1])


@stepped
async def test_an_appliance_registers_and_withdraws(clock: Clock) -> None:
    async with hosted(clock) as home:
        status, headers, body = await home.call("WakeUpTime", Time="06:30:00")
        assert status == 200
        assert headers["ext"] == ""
        assert f'<u:WakeUpTimeResponse xmlns:u="{GATEWAY_SERVICE}"><RegID>1</RegID></u:WakeUpTimeResponse>' in body
        _, _, body = await home.call("NoStandbyPeriod", StartTime="22:00:00", StopTime="05:00:00")
        assert "<RegID>2</RegID>" in body
        _, _, body = await home.call("X_ListRegistrations")
        assert "<X_RegIDs>1,2</X_RegIDs>" in body
        status, _, body = await home.call("Withdraw", RegID="1")
        assert status == 200
        assert "<u:WithdrawResponse " in body
        _, _, body = await home.call("X_ListRegistrations")
        assert "<X_RegIDs>2</X_RegIDs>" in body
        assert home.house.asked == [
            (WASHER, "command.register", {"kind": "wake_up", "start": "06:30:00"}),
            (WASHER, "command.register", {"kind": "no_standby", "start": "22:00:00", "stop": "05:00:00"}),
            (WASHER, "command.withdraw", {"id": 1}),
        ]
        assert not home.refused


@stepped
async def test_arguments_are_told_by_their_names_and_a_uuid_may_be_written_as_it_is_meant(clock: Clock) -> None:
    async with hosted(clock) as home:
        inner = f"<Time>06:30:00</Time><Address> 127.0.0.7 </Address><UUID>{WASHER.upper()}</UUID>"
        assert (await home.post("WakeUpTime", inner))[0] == 200


WRONG: dict[str, tuple[str, dict[str, str], int]] = {
    "no such action": ("GetPowerState", {}, 401),
    "an argument missing": ("WakeUpTime", {}, 402),
    "an argument too many": ("WakeUpTime", {"Time": "06:30:00", "More": "1"}, 402),
    "no number": ("Withdraw", {"RegID": "one"}, 402),
    "no time": ("WakeUpTime", {"Time": "6:30"}, 600),
    "no such hour": ("WakeUpTime", {"Time": "24:00:00"}, 600),
    "half a period": ("NoStandbyPeriod", {"StartTime": "22:00:00", "StopTime": ""}, 600),
    "no uuid": ("WakeUpTime", {"UUID": "washer", "Time": "06:30:00"}, 600),
    "no address": ("WakeUpTime", {"Address": "washer", "Time": "06:30:00"}, 600),
    "no registration is 0": ("Withdraw", {"RegID": "0"}, 601),
    "nor beyond ui4": ("Withdraw", {"RegID": str(2**32)}, 601),
    "too long": ("WakeUpTime", {"Time": "0" * 65}, 605),
    "an unknown appliance": ("WakeUpTime", {"UUID": STRANGER, "Time": "06:30:00"}, 803),
    "no such registration": ("Withdraw", {"RegID": "77"}, 803),
    "another's address": ("WakeUpTime", {"Address": "127.0.0.8", "Time": "06:30:00"}, 805),
    "another appliance": ("WakeUpTime", {"UUID": DRYER, "Address": "127.0.0.8", "Time": "06:30:00"}, 805),
    "another's list": ("X_ListRegistrations", {"UUID": DRYER, "Address": "127.0.0.8"}, 805),
}


@pytest.mark.parametrize("name", WRONG)
@stepped
async def test_what_is_wrong_has_its_fault(clock: Clock, name: str) -> None:
    action, arguments, code = WRONG[name]
    async with hosted(clock) as home:
        assert fault_of(await home.call(action, **arguments)) == code
        assert home.refused == {f"soap_{code}": 1}
        assert (await home.call("WakeUpTime", Time="06:30:00"))[0] == 200


@stepped
async def test_an_argument_twice_or_with_more_inside_is_none(clock: Clock) -> None:
    async with hosted(clock) as home:
        who = f"<UUID>{WASHER}</UUID><Address>127.0.0.7</Address>"
        assert fault_of(await home.post("WakeUpTime", f"{who}<Time>06:30:00</Time><Time>07:30:00</Time>")) == 402
        assert fault_of(await home.post("WakeUpTime", f"{who}<Time><b>06:30:00</b></Time>")) == 600


@stepped
async def test_who_asks_must_be_where_it_is_discovered_now(clock: Clock) -> None:
    async with hosted(clock) as home:
        home.house.where[WASHER] = "127.0.0.9"
        assert fault_of(await home.call("WakeUpTime", Time="06:30:00")) == 805
        assert (await home.call("WakeUpTime", source="127.0.0.9", Time="06:30:00"))[0] == 200
        del home.house.where[WASHER]
        assert fault_of(await home.call("WakeUpTime", source="127.0.0.9", Time="06:30:00")) == 803
        assert len(home.house.asked) == 1


REFUSED = {
    (RefusalCode.OUT_OF_RANGE, None): 601,
    (RefusalCode.WRONG_TYPE, None): 600,
    (RefusalCode.TOO_LARGE, None): 804,
    (RefusalCode.NOT_GRANTED, None): 805,
    (RefusalCode.NO_ONE_ANSWERS, None): 806,
    (RefusalCode.TIMEOUT, None): 501,
    (RefusalCode.CONFLICT, None): 802,
    (RefusalCode.OUT_OF_RANGE, ApplianceFault.UNSAFE): 801,
}


@pytest.mark.parametrize("why", REFUSED)
@stepped
async def test_the_houses_no_has_its_fault(clock: Clock, why: tuple[RefusalCode, ApplianceFault | None]) -> None:
    code, said = why
    async with hosted(clock) as home:
        detail: dict[str, object] = {} if said is None else {"fault": int(said)}
        home.house.refusal = Refusal(code, "a <span> & no more", mend="ask later"), detail
        answer = await home.call("WakeUpTime", Time="06:30:00")
        assert fault_of(answer) == REFUSED[why]
        assert "expected a &lt;span&gt; &amp; no more; ask later" in answer[2]


@stepped
async def test_who_asks_without_end_waits(clock: Clock) -> None:
    async with hosted(clock) as home:
        home.house.refusal = Refusal(RefusalCode.TOO_LARGE, "at most 8"), {}
        codes = [fault_of(await home.call("WakeUpTime", Time="06:30:00")) for _ in range(10)]
        assert codes == [804] * 8 + [806] * 2
        assert len(home.house.asked) == 8
        home.house.where[DRYER] = "127.0.0.8"
        home.house.refusal = None
        status, *_ = await home.call("WakeUpTime", source="127.0.0.8", UUID=DRYER, Time="06:30:00")
        assert status == 200
        await clock.sleep(5.0)
        assert (await home.call("WakeUpTime", Time="06:30:00"))[0] == 200


BOMB = (
    '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><x>&b;</x></s:Body></s:Envelope>'
)
MALFORMED = {
    "nothing": "",
    "no XML": "WakeUpTime",
    "a bomb": BOMB,
    "a file of ours": '<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/machine-id">]><x>&f;</x>',
    "no envelope": "<a/>",
    "another envelope": '<Envelope xmlns="http://www.w3.org/2003/05/soap-envelope"><Body><a/></Body></Envelope>',
    "an empty body": '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body/></s:Envelope>',
    "deep": "<a>" * 200 + "</a>" * 200,
    "wide": "<a>" + "<b/>" * 1000 + "</a>",
    "another coding": '<?xml version="1.0" encoding="nonsense"?><a/>',
}


@pytest.mark.parametrize("name", MALFORMED)
@stepped
async def test_what_is_no_order_is_counted_and_no_more(clock: Clock, name: str) -> None:
    async with hosted(clock) as home:
        headers = {"SOAPACTION": f'"{GATEWAY_SERVICE}#WakeUpTime"', "Content_Type": "text/xml"}
        status, _, body = await home.served.ask("POST", "/control", MALFORMED[name].encode(), "127.0.0.7", **headers)
        assert (status, body) == (400, b"")
        assert home.refused == {"soap_malformed": 1}


@stepped
async def test_header_and_body_must_mean_the_same(clock: Clock) -> None:
    async with hosted(clock) as home:
        body = (
            '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>'
            f'<u:Withdraw xmlns:u="{GATEWAY_SERVICE}"/></s:Body></s:Envelope>'
        ).encode()
        for header in ("", f'"{GATEWAY_SERVICE}#WakeUpTime"', '"urn:other:service:X:1#Withdraw"'):
            said = await home.served.ask("POST", "/control", body, SOAPACTION=header, Content_Type="text/xml")
            assert fault_of((said[0], said[1], said[2].decode())) == 401
        assert (await home.served.ask("POST", "/control", body, Content_Type="text/plain"))[0] == 415
        assert (await home.served.ask("POST", "/control", b" " * 9000, Content_Type="text/xml"))[0] == 413
