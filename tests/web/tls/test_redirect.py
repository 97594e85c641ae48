"""Plain HTTP on the home network: browsers are sent on, everything else is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heg.web.tls.names import own_names
from heg.web.tls.redirect import LARGEST_HEAD_BYTES, answer

OWN = own_names("gateway", "home", [], [])


def said(request: str, port: int = 8463) -> tuple[int, str, str]:
    """Status, Location and body of an answer."""
    head, _, body = answer(request.encode("latin-1"), OWN.cover, port).decode("latin-1").partition("\r\n\r\n")
    first, *lines = head.split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    assert headers["Connection"] == "close"
    assert int(headers["Content-Length"]) == len(body)
    return int(first.split(" ")[1]), headers.get("Location", ""), body


def test_a_browser_is_sent_to_https_by_the_name_it_asked_for() -> None:
    assert said("GET /plan?x=1 HTTP/1.1\r\nHost: gateway.local:8464\r\n\r\n")[:2] == (
        308,
        "https://gateway.local:8463/plan?x=1",
    )
    assert said("HEAD / HTTP/1.0\r\nHost: 127.0.0.1:8464\r\n\r\n")[:2] == (308, "https://127.0.0.1:8463/")
    assert said("GET / HTTP/1.1\r\nhost: [::1]:8464\r\n\r\n")[:2] == (308, "https://[::1]:8463/")


def test_who_came_by_port_80_finds_443() -> None:
    assert said("GET / HTTP/1.1\r\nHost: gateway.local\r\n\r\n")[:2] == (308, "https://gateway.local/")
    assert said("GET / HTTP/1.1\r\nHost: gateway.local:80\r\n\r\n")[:2] == (308, "https://gateway.local/")


def test_nobody_is_sent_elsewhere() -> None:
    for host in ("evil.example", "gateway.evil.example", "gateway.local@evil.example", "", "gateway.local/x", "[::2]"):
        status, location, _ = said(f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n")
        assert (status, location) == (421, ""), host
    assert said("GET //evil.example/ HTTP/1.1\r\nHost: gateway:80\r\n\r\n")[1] == "https://gateway//evil.example/"


@pytest.mark.parametrize(
    "request_",
    [
        "POST / HTTP/1.1\r\nHost: gateway\r\nContent-Length: 3\r\n\r\nabc",
        "GET / HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer heg_t_x\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: gateway\r\nCookie: a=b\r\n\r\n",
        "DELETE / HTTP/1.1\r\nHost: gateway\r\n\r\n",
    ],
)
def test_secrets_and_orders_in_clear_are_refused_aloud(request_: str) -> None:
    status, location, body = said(request_)
    assert (status, location) == (403, "")
    assert "https://" in body
    assert "heg_t_x" not in body


@pytest.mark.parametrize(
    "request_",
    [
        "GET / HTTP/1.1\r\nHost: gateway\r\nHost: evil.example\r\n\r\n",
        "GET http://gateway/ HTTP/1.1\r\nHost: gateway\r\n\r\n",
        "GET /\x00 HTTP/1.1\r\nHost: gateway\r\n\r\n",
        "GET /\rLocation:x HTTP/1.1\r\nHost: gateway\r\n\r\n",
        "GET /a\nSet-Cookie:x HTTP/1.1\r\nHost: gateway\r\n\r\n",
        "GET / HTTP/2\r\nHost: gateway\r\n\r\n",
        "\x16\x03\x01\x02\r\n\r\n",
        "GET / HTTP/1.1\r\nHost gateway\r\n\r\n",
        "GET /" + "a" * LARGEST_HEAD_BYTES,
    ],
)
def test_what_is_no_plain_request_is_refused(request_: str) -> None:
    assert said(request_)[:2] == (400, "")


@given(st.binary(max_size=400))
def test_nothing_breaks_it_and_no_line_is_put_in(noise: bytes) -> None:
    for head in (noise, b"GET /" + noise + b" HTTP/1.1\r\nHost: gateway\r\n\r\n", noise + b"\r\n\r\n"):
        lines = answer(head, OWN.cover, 8463).split(b"\r\n\r\n")[0].split(b"\r\n")
        assert all(b"\r" not in line and b"\n" not in line for line in lines)
        assert len(lines) in (7, 8)
