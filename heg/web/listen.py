"""Listening sockets: bound where the configuration says, with words for people where that cannot be."""

import errno
import ipaddress
import socket
from dataclasses import dataclass

from heg.web.settings import WebSettings

_BACKLOG = 32


class ListenError(RuntimeError):
    """A socket cannot listen; the text names the key of heg.toml, what was expected and how to mend it."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where to listen: `key` of `[web]` moves the port, `without` says what holds as long as it is taken."""

    host: str
    port: int
    key: str = "port"
    without: str = "control goes on without the page, which comes when the port is free"


def open_listener(settings: WebSettings, *, file: str = "heg.toml") -> socket.socket:
    """Bind and listen for this machine alone: what is not encrypted is spoken on loopback only.

    The caller owns the socket. Raises `ListenError`.
    """
    return open_at(place_of(settings, file), file=file)


def open_at(place: Place, *, file: str = "heg.toml") -> socket.socket:
    """Bind and listen at a place. The caller owns the socket. Raises `ListenError`."""
    listener = socket.socket(socket.AF_INET6 if ":" in place.host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        # Not REUSEPORT: two gateways on one port would share the visitors by chance.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if place.host == "::":
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listener.bind((place.host, place.port))
        listener.listen(_BACKLOG)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise ListenError(_why(place, file, error)) from error
    return listener


def page_address(listener: socket.socket) -> str:
    """Return the address a person types, such as http://127.0.0.1:8462."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def place_of(settings: WebSettings, file: str = "heg.toml") -> Place:
    """Return where this machine's own page is. Raises `ListenError` where that is no loopback address."""
    text = "127.0.0.1" if settings.host == "localhost" else settings.host
    try:
        if ipaddress.ip_address(text).is_loopback:
            return Place(text, settings.port)
    except ValueError:
        pass
    raise ListenError(f'{file}: [web] host = "{settings.host}": expected a loopback address where there is no TLS')


def _why(place: Place, file: str, error: OSError) -> str:
    where = f"{file}: [web] {place.key} = {place.port}"
    if error.errno == errno.EADDRINUSE:
        return (
            f"{where}: expected a free port on {place.host}, but another program listens there; "
            f"stop it (is a gateway already running?) or set another port, such as {_another(place.port)}"
        )
    if error.errno == errno.EACCES:
        return f"{where}: expected a port this user may open (1024 to 65535), such as 8462"
    if error.errno == errno.EADDRNOTAVAIL:
        expected = 'expected an address of this machine, or "0.0.0.0" for all it has'
        return f'{file}: [web] host = "{place.host}": {expected}'
    return f"{where}: cannot listen on {place.host}: {error.strerror}"


def _another(port: int) -> int:
    return port + 1 if port < 65535 else 8462
