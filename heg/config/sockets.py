"""Where a configuration has the sockets of the one table."""

from heg.config.schema import HegConfig
from heg.model.sockets import WEB, OpenSocket


def open_sockets(config: HegConfig) -> tuple[OpenSocket, ...]:
    """Return every socket that a gateway of this configuration listens on."""
    return (OpenSocket(WEB, config.web.host, config.web.port),)
