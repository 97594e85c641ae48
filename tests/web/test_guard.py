"""Who may ask: rules against strangers' pages, tried without a server."""

import pytest
from aiohttp import web  # noqa: F401 - multidict's case-insensitive headers come with it
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from heg.web.guard import HEADERS, LARGEST_BODY_BYTES, Fault, judge, names_loopback

HOST = "127.0.0.1:8462"
GOOD_ORDER = {
    "Host": HOST,
    "Origin": f"http://{HOST}",
    "Sec-Fetch-Site": "same-origin",
    "X-Heg-Request": "1",
    "Content-Type": "application/json",
    "Content-Length": "12",
}


def verdict(method: str, headers: dict[str, str], *, api: bool = True) -> Fault | None:
    denied = judge(method, CIMultiDict(headers), api=api)
    return denied.fault if denied is not None else None


@pytest.mark.parametrize("host", ["127.0.0.1:8462", "127.0.0.1", "localhost:9000", "[::1]:8462", "127.3.2.1:1"])
def test_names_of_this_machine_are_let_in(host: str) -> None:
    assert names_loopback(host)


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example:8462",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "192.168.1.7:8462",
        "[::2]",
        "0.0.0.0",
    ],
)
def test_a_rebound_name_is_refused(host: str) -> None:
    assert not names_loopback(host)
    assert verdict("GET", {"Host": host}) is Fault.HOST


@given(st.text(max_size=80))
def test_no_host_header_breaks_the_guard(host: str) -> None:
    names_loopback(host)


@given(st.from_regex(r"[a-z0-9.-]{1,40}", fullmatch=True).filter(lambda name: name != "localhost"))
def test_no_name_that_dns_could_give_is_taken_for_this_machine(name: str) -> None:
    if not name.startswith("127."):
        assert not names_loopback(f"{name}:8462")


def test_the_own_page_may_order() -> None:
    assert verdict("POST", GOOD_ORDER) is None


def test_a_script_without_a_browser_may_order() -> None:
    plain = {name: value for name, value in GOOD_ORDER.items() if name not in ("Origin", "Sec-Fetch-Site")}
    assert verdict("POST", plain) is None


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"Origin": "http://evil.example"}, Fault.ORIGIN),
        ({"Origin": "http://127.0.0.1:3000"}, Fault.ORIGIN),
        ({"Origin": f"https://{HOST}"}, Fault.ORIGIN),
        ({"Origin": "null"}, Fault.ORIGIN),
        ({"Sec-Fetch-Site": "cross-site"}, Fault.ORIGIN),
        ({"Sec-Fetch-Site": "same-site"}, Fault.ORIGIN),
        ({"X-Heg-Request": ""}, Fault.HEADER),
        ({"Content-Type": "text/plain"}, Fault.CONTENT_TYPE),
        ({"Content-Type": "application/x-www-form-urlencoded"}, Fault.CONTENT_TYPE),
        ({"Content-Length": str(LARGEST_BODY_BYTES + 1)}, Fault.TOO_LARGE),
        ({"Content-Length": "-1"}, Fault.TOO_LARGE),
        ({"Content-Length": "²"}, Fault.TOO_LARGE),
        ({"Content-Length": ""}, Fault.TOO_LARGE),
        ({"Host": "evil.example", "Origin": "http://evil.example"}, Fault.HOST),
    ],
)
def test_each_rule_alone_stops_an_order(change: dict[str, str], fault: Fault) -> None:
    assert verdict("POST", GOOD_ORDER | change) is fault


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT"])
def test_other_methods_are_refused(method: str) -> None:
    assert verdict(method, GOOD_ORDER) is Fault.METHOD


def test_a_strangers_page_may_link_to_the_page_but_not_read_the_api() -> None:
    headers = {"Host": HOST, "Sec-Fetch-Site": "cross-site"}
    assert verdict("GET", headers, api=False) is None
    assert verdict("GET", headers, api=True) is Fault.ORIGIN


def test_the_policy_allows_nothing_but_our_own() -> None:
    policy = HEADERS["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy.replace("https", "http")
