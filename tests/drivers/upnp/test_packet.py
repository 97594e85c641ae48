from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from drivers.upnp.ssdp.packet import MOST_BYTES, Announcement, Kind, parse, search_request, uuid_of
from heg.model.refusals import Refusal, RefusalCode
from tests.drivers.upnp.documents import DEVICE, SERVICE, notify, response, uuid_number

ONE = uuid_number(1)
WHERE = "http://192.168.1.9:8000/d.xml"


def test_an_announcement_is_read_whole() -> None:
    assert parse(notify("alive", ONE, WHERE, max_age=100, boot=7)) == Announcement(Kind.ALIVE, ONE, WHERE, 100, 7, 1)
    assert parse(response(ONE, WHERE)) == Announcement(Kind.RESPONSE, ONE, WHERE, 1800, 1, 1)
    assert parse(notify("byebye", ONE)) == Announcement(Kind.BYEBYE, ONE)


def test_the_next_boot_id_is_an_updates_boot_id() -> None:
    said = parse(notify("update", ONE, WHERE, boot=7, more="NEXTBOOTID.UPNP.ORG: 8"))
    assert isinstance(said, Announcement)
    assert (said.kind, said.boot_id) == (Kind.UPDATE, 8)


def test_a_later_version_of_the_service_and_the_device_type_speak_of_appliances_too() -> None:
    later = notify("alive", ONE, WHERE).replace(SERVICE.encode(), SERVICE[:-1].encode() + b"2")
    assert isinstance(parse(later), Announcement)
    assert isinstance(parse(response(ONE, WHERE, target=DEVICE)), Announcement)


def test_what_is_not_about_appliances_is_nothing() -> None:
    assert parse(response(ONE, WHERE, target="upnp:rootdevice")) is None
    assert parse(response(ONE, WHERE, target="urn:heg-energy:device:EnergyGateway:1")) is None
    assert parse(b"") is None


def test_max_age_is_kept_within_sense_and_has_a_usual_value() -> None:
    def age(text: str) -> int:
        said = parse(response(ONE, WHERE).replace(b"max-age=1800", text.encode()))
        assert isinstance(said, Announcement)
        return said.max_age_s

    told = ("max-age=0", "max-age = 60", "max-age=99999999", "max-age=-1", "no-cache", 'x=1, max-age="70"')
    assert [age(text) for text in told] == [5, 60, 86400, 1800, 1800, 70]


def test_what_claims_to_be_an_appliance_and_is_wrong_is_refused_in_words() -> None:
    for wrong in (
        response(ONE, ""),
        response("not-a-uuid", WHERE),
        response(ONE, "http://192.168.1.9/" + "x" * 300),
        response(ONE, "http://192.168.1.9/\xe9"),
        response(ONE, WHERE).replace(b"HTTP/1.1 200 OK", b"HTTP/1.1 500 No"),
        notify("alive", ONE, WHERE).replace(b"ssdp:alive", b"ssdp:dead"),
    ):
        assert isinstance(parse(wrong), Refusal), wrong
    large = parse(notify("alive", ONE, WHERE) + b"x" * MOST_BYTES)
    assert isinstance(large, Refusal)
    assert large.code is RefusalCode.TOO_LARGE


def test_a_search_of_all_says_mx_and_one_of_a_single_host_does_not() -> None:
    to_all = search_request(SERVICE, host="239.255.255.250:1900", mx_s=2)
    assert to_all.startswith(b'M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: "ssdp:discover"\r\n')
    assert b"\r\nMX: 2\r\n" in to_all
    assert to_all.endswith(b"\r\n\r\n")
    assert b"MX:" not in search_request(SERVICE, host="127.0.0.1:1900", mx_s=None)


@given(st.text(max_size=80))
def test_a_uuid_is_one_or_nothing(text: str) -> None:
    found = uuid_of(text)
    assert found is None or (len(found) == 36 and found == found.lower())


headers = st.sampled_from(
    ["NT", "nts", "USN", "LOCATION", "ST", "CACHE-CONTROL", "BOOTID.UPNP.ORG", "NEXTBOOTID.UPNP.ORG", "X", ""]
)
values = st.one_of(
    st.text(max_size=40),
    st.sampled_from([SERVICE, DEVICE, f"uuid:{ONE}", f"uuid:{ONE}::{SERVICE}", WHERE, "ssdp:alive", "ssdp:byebye"]),
    st.integers().map(str),
    st.integers(-5, 10**12).map(lambda number: f"max-age={number}"),
)
firsts = st.sampled_from(["NOTIFY * HTTP/1.1", "HTTP/1.1 200 OK", "HTTP/1.1 404", "GET / HTTP/1.1", ""])


@given(firsts, st.lists(st.tuples(headers, values), max_size=12), st.binary(max_size=40))
def test_whatever_comes_is_an_announcement_a_refusal_or_nothing(
    first: str, lines: list[tuple[str, str]], tail: bytes
) -> None:
    text = "\r\n".join([first, *(f"{name}: {value}" for name, value in lines), "", ""])
    said = parse(text.encode("utf-8", "replace") + tail)
    if isinstance(said, Announcement):
        assert 5 <= said.max_age_s <= 86400
        assert (said.location == "") == (said.kind is Kind.BYEBYE)
        assert said.boot_id is None or 0 <= said.boot_id < 2**31
    else:
        assert said is None or isinstance(said, Refusal)
