"""What answers may be anything: however it behaves, a command ends in time, in bounds and in words."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from heg.runtime.secrets import Secret
from heg.web.client.address import Address
from heg.web.client.faults import GatewayError, LaterError, LoginError, RefusedError, StrangerError, UnreachableError
from heg.web.client.gateway import Gateway, Key
from heg.web.client.line import LARGEST_ANSWER_BYTES, Line, Request
from heg.web.messages import Answer
from heg.web.state_messages import Health
from hil.ports import free_port

CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
Talk = Callable[[socket.socket, threading.Event], None]


@contextmanager
def answering(talk: Talk | bytes) -> Iterator[Gateway]:
    """A peer that talks like this to each who comes."""
    over = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connected, _ = listener.accept()
            except OSError:
                return
            with connected:
                connected.settimeout(5)
                try:
                    connected.recv(65_536)
                    if isinstance(talk, bytes):
                        connected.sendall(talk)
                    else:
                        talk(connected, over)
                except OSError:
                    continue

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield Gateway(Line(Address("127.0.0.1", listener.getsockname()[1], tls=False)), Key(Secret("heg_t_secret")))
    finally:
        over.set()
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(10)
        listener.close()


def response(body: bytes, *, status: str = "200 OK", kind: str = "application/json", more: str = "") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n{more}\r\n"
    return head.encode() + body


def problem(status: str, more: str = "", **members: object) -> bytes:
    body = json.dumps({"reason": "because", "expected": "this", **members}).encode()
    return response(body, status=status, kind="application/problem+json", more=more)


def refusal_of(talk: Talk | bytes) -> GatewayError:
    with answering(talk) as gateway, pytest.raises(GatewayError) as raised:
        gateway.get("/api/v1/health", Health)
    assert "heg_t_secret" not in str(raised.value)
    return raised.value


def endless(connected: socket.socket, over: threading.Event) -> None:
    connected.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
    while not over.is_set():
        connected.sendall(b"[" * 1_000_000)


def endless_headers(connected: socket.socket, over: threading.Event) -> None:
    connected.sendall(b"HTTP/1.1 200 OK\r\n")
    while not over.is_set():
        connected.sendall(b"X-Fill: " + b"x" * 10_000 + b"\r\n")


def dripping_head(connected: socket.socket, over: threading.Event) -> None:
    for byte in b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n" + b"X: " + b"x" * 1000:
        connected.sendall(bytes((byte,)))
        if over.wait(0.05):
            return


def dripping_body(connected: socket.socket, over: threading.Event) -> None:
    connected.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n")
    while not over.wait(0.05):
        connected.sendall(b" ")


@pytest.mark.parametrize("talk", [dripping_head, dripping_body], ids=lambda one: one.__name__)
def test_a_byte_now_and_then_is_not_in_time(talk: Talk) -> None:
    def ask(gateway: Gateway) -> None:
        with gateway.line.asked(Request("GET", "/", {}, within_s=0.4)) as came:
            came.whole()

    with answering(talk) as gateway, pytest.raises(UnreachableError, match="in time"):
        ask(gateway)


def test_an_endless_body_is_not_kept() -> None:
    refused = refusal_of(endless)
    assert isinstance(refused, StrangerError)
    assert str(LARGEST_ANSWER_BYTES) in str(refused)


@pytest.mark.parametrize(
    ("talk", "type_"),
    [
        (endless_headers, StrangerError),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n", StrangerError),
        (b"SSH-2.0-OpenSSH_9.2\r\n", StrangerError),
        (b"", UnreachableError),
        (response(b"<html>", kind="text/html"), StrangerError),
        (response(b"{}"), StrangerError),
        (response(b"[" * 100_000), StrangerError),
        (response(b'{"healthy": "\xff"}'), StrangerError),
        (response(b"{}", status="500 No", kind="text/plain"), StrangerError),
        (response(b"nothing", status="400 No", kind="application/problem+json"), StrangerError),
        (b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{", UnreachableError),
        (
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{",
            UnreachableError,
        ),
        (
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            UnreachableError,
        ),
    ],
)
def test_what_is_no_gateway_or_breaks_off_is_said(talk: Talk | bytes, type_: type[GatewayError]) -> None:
    assert isinstance(refusal_of(talk), type_)


def test_no_redirect_is_followed() -> None:
    with answering(response(b"{}")) as elsewhere:
        target = f"http://{elsewhere.line.address.written}/"
        refused = refusal_of(response(b"", status="307 Elsewhere", more=f"Location: {target}\r\n"))
    assert isinstance(refused, StrangerError)
    assert "sends elsewhere, to http://127.0.0.1" in str(refused)


@pytest.mark.parametrize(
    ("status", "type_", "words"),
    [
        ("401 No", LoginError, "does not know this login"),
        ("403 No", LoginError, "does not allow that: expected this"),
        ("429 No", LaterError, "asked too often: expected this"),
        ("503 No", LaterError, "cannot do that now: expected this"),
        ("409 No", RefusedError, "refused /api/v1/health: expected this"),
    ],
)
def test_each_refusal_is_a_sentence(status: str, type_: type[RefusedError], words: str) -> None:
    refused = refusal_of(problem(status))
    assert isinstance(refused, type_)
    assert words in str(refused)


def test_waiting_is_told_and_nothing_steers_the_terminal() -> None:
    refused = refusal_of(problem("429 No", "Retry-After: 12\r\n", expected="\x1b]0;owned\x07 \x9b31m patience"))
    assert "again in 12 s" in str(refused)
    assert str(refused).isprintable()


def test_a_sessions_new_key_is_kept_and_used() -> None:
    said = response(
        b'{"outcome": "done", "text": ""}', more="Set-Cookie: __Host-heg-session=heg_s_new; Secure; Path=/\r\n"
    )
    kept: list[Secret] = []
    with answering(said) as gateway:
        by_session = Gateway(gateway.line, Key(Secret("heg_s_old"), is_session=True), kept.append)
        by_session.post("/api/v1/commands/scan", Answer)
        by_token = Gateway(gateway.line, Key(Secret("heg_t_token")), kept.append)
        by_token.post("/api/v1/commands/scan", Answer)
    assert [one.reveal() for one in kept] == ["heg_s_new"]
    assert by_session.key is not None
    assert by_session.key.secret.reveal() == "heg_s_new"


def test_a_refused_order_is_an_answer() -> None:
    body = b'{"outcome": "refused", "text": "no"}'
    with answering(response(body, status="409 No")) as gateway:
        assert gateway.post("/api/v1/commands/scan", Answer).message.outcome == "refused"


def test_a_stream_with_an_event_that_has_no_end_is_left() -> None:
    def talk(connected: socket.socket, over: threading.Event) -> None:
        connected.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: ")
        while not over.is_set():
            connected.sendall(b"x" * 100_000)

    with answering(talk) as gateway, pytest.raises(StrangerError, match="at most"):
        list(gateway.events("/api/v1/events", Health))


def test_a_stream_of_what_is_no_message_is_left() -> None:
    said = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\nevent: state\ndata: {}\n\n"
    with answering(said) as gateway, pytest.raises(StrangerError, match="no gateway of this version"):
        list(gateway.events("/api/v1/events", Health))


def test_nobody_there_is_said_with_what_to_do() -> None:
    with pytest.raises(UnreachableError, match="heg run"):
        Gateway(Line(Address("127.0.0.1", free_port(), tls=False))).get("/api/v1/health", Health)
