"""One request to a gateway over a line of its own: the peer verified first, everything that comes bounded.

Nothing is sent, not even the request, before the peer is known to be the one that was meant. No redirect is followed.
"""

import contextlib
import http.client
import io
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from heg.runtime.blocking import Deadline
from heg.web.client.address import Address
from heg.web.client.faults import StrangerError, UnreachableError, UntrustedError
from heg.web.client.trust import Fingerprints, Pin, fingerprints_of

LARGEST_ANSWER_BYTES = 32_000_000
_LONGEST_WAIT_S = 0.5
_CONNECT_S = 10.0
_CHUNK_BYTES = 65_536
_ADDRESS = "/?#[]@!$&'()*+,;=:%-._~"


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked, and how long the whole answer may take (real seconds). `secret`: it holds a password or key."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes | None = None
    within_s: float = 30.0
    secret: bool = False


class Response:
    """An answer whose head has come; the body is read once, in pieces."""

    def __init__(
        self,
        response: http.client.HTTPResponse,
        deadline: Deadline,
        understood: Callable[[], AbstractContextManager[None]],
    ) -> None:
        self._response = response
        self._deadline = deadline
        self._understood = understood
        self.status = response.status

    def header(self, name: str) -> str:
        """Return a header, "" where it is not there."""
        return self._response.getheader(name) or ""

    def headers(self, name: str) -> tuple[str, ...]:
        """Return every header of a name."""
        return tuple(self._response.headers.get_all(name) or ())

    @property
    def kind(self) -> str:
        """Content type without its parameters."""
        return self.header("Content-Type").partition(";")[0].strip().lower()

    def chunks(self, *, quiet_s: float | None = None) -> Iterator[bytes]:
        """Yield the body as it comes; with `quiet_s` it may take for ever, as long as something comes so often."""
        while chunk := self._next(quiet_s):
            yield chunk

    def whole(self) -> bytes:
        """Return the body. Raises `GatewayError`, also when it is too long."""
        body = bytearray()
        for chunk in self.chunks():
            body += chunk
            if len(body) > LARGEST_ANSWER_BYTES:
                raise StrangerError(f"expected an answer of at most {LARGEST_ANSWER_BYTES} bytes, came more")
        return bytes(body)

    def _next(self, quiet_s: float | None) -> bytes:
        if quiet_s is not None:
            self._deadline.renew(quiet_s)
        with self._understood():
            chunk = self._response.read1(_CHUNK_BYTES)
            if not chunk and self._response.length:  # what read1 does not say by itself
                raise http.client.IncompleteRead(b"", self._response.length)
            return chunk


class Line:
    """Asks one gateway. It is recognised by `pin`; without one over TLS, a certificate authority must vouch for it."""

    def __init__(self, address: Address, pin: Pin | None = None) -> None:
        self.address = address
        self.pin = pin

    def verify(self) -> Fingerprints | None:
        """Connect and recognise the peer; return what it shows, None without TLS. Raises `GatewayError`."""
        with self._understood("/"), _closing(self._connect(Deadline(_CONNECT_S))) as connected:
            return _fingerprints(connected) if isinstance(connected, ssl.SSLSocket) else None

    @contextmanager
    def asked(self, request: Request) -> Iterator[Response]:
        """Ask, and hold the line while the answer is read. Raises `GatewayError`, also while it is read."""
        deadline = Deadline(request.within_s)

        def understood() -> AbstractContextManager[None]:
            return self._understood(request.path)

        with contextlib.ExitStack() as held:
            with understood():
                connected = held.enter_context(_closing(self._connect(deadline)))
                if request.secret and not self.address.tls:
                    self._demand_no_stranger(connected)
                connection = http.client.HTTPConnection(self.address.host, self.address.port)
                # http.client asks a socket for no more than these.
                connection.sock = _Timed(connected, deadline)
                headers = {"Host": self.address.written, "Connection": "close", **request.headers}
                # As it was typed, but for what no address may hold.
                path = quote(request.path, safe=_ADDRESS)
                connection.request(request.method, path, body=request.body, headers=headers)
                response = connection.getresponse()
            held.callback(response.close)
            yield Response(response, deadline, understood)

    def _connect(self, deadline: Deadline) -> socket.socket:
        host, port = self.address.host, self.address.port
        connected = socket.create_connection((host, port), timeout=min(_CONNECT_S, deadline.left_s()))
        if not self.address.tls:
            return connected
        return _recognised(connected, host, self.pin, self._connect_unverified)

    def _demand_no_stranger(self, connected: socket.socket) -> None:
        from heg.web.client.listeners import stranger_at

        if (whose := stranger_at(connected)) is not None:
            expected = "root, the user heg or yourself; nothing secret was sent"
            raise StrangerError(f"{self.address} is held by {whose}: expected a gateway of {expected}")

    def _connect_unverified(self) -> Fingerprints:
        """Look at what a peer shows that nobody vouches for; nothing is sent to it."""
        host = self.address.host
        connected = socket.create_connection((host, self.address.port), timeout=_CONNECT_S)
        with _closing(connected), _unverifying().wrap_socket(connected, server_hostname=host) as shown:
            return _fingerprints(shown)

    @contextmanager
    def _understood(self, path: str) -> Iterator[None]:
        """Turn what goes wrong with lines into words."""
        try:
            yield
        except ConnectionRefusedError as error:
            raise UnreachableError(f"no gateway answers at {self.address}: {self._start()}") from error
        except ssl.SSLError as error:
            text = f"what answers at {self.address} speaks no TLS that can be used ({error.reason or error})"
            raise StrangerError(f"{text}: expected the gateway's TLS port, such as 8463 or 443") from error
        except TimeoutError as error:
            raise UnreachableError(f"the gateway at {self.address} did not answer {path} in time") from error
        except http.client.HTTPException as error:
            why = type(error).__name__
            if isinstance(error, http.client.IncompleteRead | http.client.RemoteDisconnected):
                raise UnreachableError(f"the answer of {self.address} to {path} broke off") from error
            raise StrangerError(f"what answers at {self.address} is no gateway ({why})") from error
        except socket.gaierror as error:
            expected = "a name that is known here, or an address such as 192.168.1.20"
            raise UnreachableError(f"{self.address.host}: expected {expected} ({error.strerror})") from error
        except OSError as error:
            why = error.strerror or type(error).__name__
            raise UnreachableError(f"the gateway at {self.address} cannot be reached: {why}") from error

    def _start(self) -> str:
        if self.address.tls:
            return "expected one with [web] host for the home network, and its TLS port"
        return "start it with heg run, or name its file with --config FILE, or another with --host ADDRESS"


def _recognised(
    connected: socket.socket, host: str, pin: Pin | None, look: Callable[[], Fingerprints]
) -> ssl.SSLSocket:
    """Speak TLS with whom the pin, or without one a certificate authority, recognises. Raises `StrangerError`."""
    try:
        if pin is None:
            return ssl.create_default_context().wrap_socket(connected, server_hostname=host)
        wrapped = _unverifying().wrap_socket(connected, server_hostname=host)
    except ssl.SSLCertVerificationError as error:
        raise _untrusted(host, error, look()) from None
    except BaseException:
        connected.close()
        raise
    try:
        came = _fingerprints(wrapped)
        if not pin.fits(came):
            raise _changed(host, came)
    except BaseException:
        wrapped.close()
        raise
    return wrapped


def _unverifying() -> ssl.SSLContext:
    """A context for what is recognised by its key in place of a certificate authority, right after the handshake."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _fingerprints(wrapped: ssl.SSLSocket) -> Fingerprints:
    der = wrapped.getpeercert(binary_form=True)
    if der is None:
        raise StrangerError("expected a peer that shows a certificate")
    try:
        return fingerprints_of(der)
    except ValueError as error:
        raise StrangerError(str(error)) from error


def _untrusted(host: str, error: ssl.SSLCertVerificationError, came: Fingerprints) -> UntrustedError:
    text = (
        f"no certificate authority that this machine trusts vouches for {host} ({error.verify_message}).\n"
        f"It shows the certificate {came.shown}.\n"
        "Compare it with what the gateway's console shows (heg fingerprint); if it is the same, name it once with "
        f"--fingerprint {came.shown}"
    )
    return UntrustedError(text, came)


def _changed(host: str, came: Fingerprints) -> StrangerError:
    return StrangerError(
        f"{host} IS NOT THE GATEWAY THAT WAS EXPECTED: it shows another key than the one that is known.\n"
        f"It shows the certificate {came.shown}.\n"
        "Somebody may be in between; nothing was sent. Or it got a new key (another card, heg certificate renew "
        "--new-key):\ncompare the fingerprint with what its console shows (heg fingerprint), and only if it is the "
        f"same name it once with\n--fingerprint {came.shown}"
    )


@contextmanager
def _closing(connected: socket.socket) -> Iterator[socket.socket]:
    try:
        yield connected
    finally:
        connected.close()


class _Timed:
    """What http.client needs of a socket, with one deadline over all its waits: a byte now and then is not enough."""

    def __init__(self, connected: socket.socket, deadline: Deadline) -> None:
        self._connected = connected
        self._deadline = deadline

    def sendall(self, data: bytes) -> None:
        self._connected.settimeout(self._deadline.left_s())
        self._connected.sendall(data)

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Incoming(self._connected, self._deadline), _CHUNK_BYTES)

    def close(self) -> None:
        """Whoever made the socket closes it."""


class _Incoming(io.RawIOBase):
    def __init__(self, connected: socket.socket, deadline: Deadline) -> None:
        super().__init__()
        self._connected = connected
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while True:
            # Ctrl-C that comes just before a wait begins is seen only when it ends: no wait is long.
            self._connected.settimeout(min(self._deadline.left_s(), _LONGEST_WAIT_S))
            with contextlib.suppress(TimeoutError):
                return self._connected.recv_into(buffer)
