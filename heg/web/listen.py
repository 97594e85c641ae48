"""The listening socket: opened before anything else starts, so that a port in use is said at once and clearly."""

import errno
import ipaddress
import socket

from heg.web.settings import WebSettings

_BACKLOG = 32


class ListenError(RuntimeError):
    """The page cannot listen; the text names the key of heg.toml, what was expected and how to mend it."""


def open_listener(settings: WebSettings, *, file: str = "heg.toml") -> socket.socket:
    """Bind and listen where the configuration says; loopback only, because there is no login yet.

    The caller owns the socket. Raises `ListenError`.
    """
    address = _loopback(settings, file)
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        # Not REUSEPORT: two gateways on one port would share the visitors by chance.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((str(address), settings.port))
        listener.listen(_BACKLOG)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise ListenError(_why(settings, file, error)) from error
    return listener


def page_address(listener: socket.socket) -> str:
    """Return the address a person types, such as http://127.0.0.1:8462."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _loopback(settings: WebSettings, file: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    expected = (
        f'{file}: [web] host = "{settings.host}": expected a loopback address (127.0.0.1 or ::1), because there is no '
        f"login yet; from another machine use: ssh -L {settings.port}:127.0.0.1:{settings.port} THIS-MACHINE"
    )
    text = "127.0.0.1" if settings.host == "localhost" else settings.host
    try:
        address = ipaddress.ip_address(text)
    except ValueError as error:
        raise ListenError(expected) from error
    if not address.is_loopback:
        raise ListenError(expected)
    return address


def _why(settings: WebSettings, file: str, error: OSError) -> str:
    where = f"{file}: [web] port = {settings.port}"
    if error.errno == errno.EADDRINUSE:
        return (
            f"{where}: expected a free port on {settings.host}, but another program listens there; "
            f"stop it (is a gateway already running?) or set another port, such as {_another(settings.port)}"
        )
    if error.errno == errno.EACCES:
        return f"{where}: expected a port this user may open (1024 to 65535), such as 8462"
    return f"{where}: cannot listen on {settings.host}: {error.strerror}"


def _another(port: int) -> int:
    return port + 1 if port < 65535 else 8462
