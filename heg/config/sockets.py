"""Where a configuration has the sockets of the one table."""

from heg.config.schema import HegConfig
from heg.model.sockets import REDIRECT, WEB, WEB_TLS, OpenSocket


def open_sockets(config: HegConfig) -> tuple[OpenSocket, ...]:
    """Return every socket that the unit itself listens on; drivers add their own (`DriverSpec.sockets`)."""
    web = config.web
    own = OpenSocket(WEB, web.loopback, web.port)
    if not web.on_lan:
        return (own,)
    return (own, OpenSocket(WEB_TLS, web.host, web.tls_port), OpenSocket(REDIRECT, web.host, web.redirect_port))
