"""Where a configuration has the sockets of the one table, and that no two of them are in one place."""

from collections.abc import Iterable, Iterator

from heg.config.faults import ConfigFault
from heg.config.schema import HegConfig
from heg.model.sockets import REDIRECT, WEB, WEB_TLS, OpenSocket


def open_sockets(config: HegConfig) -> tuple[OpenSocket, ...]:
    """Return every socket that the unit itself listens on; drivers add their own (`DriverSpec.sockets`)."""
    web = config.web
    own = OpenSocket(WEB, web.loopback, web.port)
    if not web.on_lan:
        return (own,)
    return (own, OpenSocket(WEB_TLS, web.host, web.tls_port), OpenSocket(REDIRECT, web.host, web.redirect_port))


def shared_ports(opened: Iterable[OpenSocket]) -> Iterator[ConfigFault]:
    """Give a fault for each socket at a port that another one has; of both it is the one that was moved there.

    Whether their addresses differ today does not count: a driver's come and go with its interfaces.
    """
    owners: dict[tuple[str, int], OpenSocket] = {}
    for one in sorted(opened, key=_is_moved):
        other = owners.setdefault((one.listening.protocol, one.port), one)
        if other is not one:
            expected = f"a port of its own; {other.listening.name} ({other.listening.key}) has this one"
            yield ConfigFault(one.listening.key, str(one.port), expected)


def _is_moved(one: OpenSocket) -> bool:
    return one.port != one.listening.default_port
