"""Where an appliance is now: at its home, where it was described, and where else its own network card announces it.

Nobody verifies the other places (`seen.py`): strangers may announce an appliance where they are. One counts where the
kernel's table of neighbours names the same card as at its home, on the same interface: it is one machine, found by IPv4
and speaking by IPv6, say. Nothing of that is kept: it is looked up for whoever comes from elsewhere than a home.
"""

from collections.abc import Callable, Iterable

from drivers.upnp.appliance import Appliance
from drivers.upnp.orders import Place
from drivers.upnp.parts import Caller, Link

CardOf = Callable[[str, Link], str]
"""Tells the network card that answers at an address on a link; empty when unknown."""


class Whereabouts:
    """`besides` tells by UUID where an appliance is announced besides its home."""

    def __init__(self, besides: Callable[[str], Iterable[Place]], card_of: CardOf) -> None:
        self._besides = besides
        self._card_of = card_of

    def is_at(self, appliance: Appliance, caller: Caller) -> bool:
        """Tell whether who calls is this appliance, as far as addresses tell that."""
        described = appliance.described
        if described is None or not _by(described.link, caller.interface):
            return False
        if caller.address == described.host:
            return True
        announced = (
            place.host.partition("%")[0] == caller.address and place.link.name == described.link.name
            for place in self._besides(appliance.uuid)
        )
        if not any(announced):
            return False
        card = appliance.card or self._card_of(described.host, described.link)
        return bool(card) and card == self._card_of(caller.address, described.link)


def _by(link: Link, interface: str) -> bool:
    """Link-local addresses, and those of two networks numbered alike, mean something on one interface only."""
    return interface in ("", link.name)
