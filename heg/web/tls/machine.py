"""The names of this machine as they are now: addresses come and go with the router's leases."""

import socket
from collections.abc import Callable, Iterable

from heg.web.tls.addresses import own_addresses
from heg.web.tls.names import Address, OwnNames, own_names

_LOOK_EVERY_S = 10.0
"""Real seconds: no faster is the kernel asked on account of strangers' requests."""


class Machine:
    """Knows what it is called; `said` are names of the owner's (`[web] names`)."""

    def __init__(
        self,
        real_s: Callable[[], float],
        unit: str,
        said: Iterable[str] = (),
        *,
        hostname: Callable[[], str] = socket.gethostname,
        addresses: Callable[[], Iterable[Address]] = own_addresses,
    ) -> None:
        self._real_s = real_s
        self._unit = unit
        self._said = tuple(said)
        self._hostname = hostname
        self._addresses = addresses
        self._looked_s = float("-inf")
        self._known = OwnNames(())

    def names(self) -> OwnNames:
        """Look, and return what it is called now."""
        self._looked_s = self._real_s()
        self._known = own_names(self._hostname(), self._unit, self._said, self._addresses())
        return self._known

    def covers(self, host: str) -> bool:
        """Tell whether a Host header names this machine; what is not known is looked up, seldom."""
        if self._known.cover(host):
            return True
        if self._real_s() - self._looked_s < _LOOK_EVERY_S:
            return False
        return self.names().cover(host)
