"""Where an appliance is now: at its home, where it was described, and where else its own network card announces it.

Nobody verifies the other places (`seen.py`): strangers may announce an appliance where they are. One counts where the
kernel's table of neighbours names the same card as at its home, in the same network: it is one machine, found by IPv4
and speaking by IPv6, say. Nothing of that is kept: it is looked up for whoever comes from elsewhere than a home.
"""

from collections.abc import Callable, Iterable

from drivers.upnp.appliance import Appliance
from drivers.upnp.orders import Place
from drivers.upnp.parts import Caller, Link

CardOf = Callable[[str, Link], str]
"""Tells the network card that answers at an address on a link; empty when unknown."""


class Whereabouts:
    """`besides` tells by UUID where an appliance is announced, besides where it is spoken to: at its home as well."""

    def __init__(self, besides: Callable[[str], Iterable[Place]], card_of: CardOf) -> None:
        self._besides = besides
        self._card_of = card_of

    def is_at(self, appliance: Appliance, caller: Caller) -> bool:
        """Tell whether who calls is this appliance, as far as addresses tell that."""
        described = appliance.described
        if described is None:
            return False
        if caller.address == described.host and _by(described.link, caller.interface):
            return True
        return any(
            place.host.partition("%")[0] == caller.address
            and _by(place.link, caller.interface)
            and self.owns(appliance, place)
            for place in self._besides(appliance.uuid)
        )

    def may_be_at(self, appliance: Appliance, caller: Caller) -> bool:
        """Tell whether who calls has its home's address, by whichever interface: two of ours may be in its network."""
        return appliance.described is not None and caller.address == appliance.described.host

    def owns(self, appliance: Appliance, place: Place) -> bool:
        """Tell whether its own card is there: at another address in its network, or at the same one where two of our
        interfaces are in its network.

        In any other network somebody may have its card's number, and every address of a link.
        """
        described = appliance.described
        if described is None:
            return False
        if place.link.name != described.link.name and place.host != described.host:
            return False
        card = appliance.card or self._card_of(described.host, described.link)
        return bool(card) and card == self._card_of(place.host, place.link)


def _by(link: Link, interface: str) -> bool:
    """Addresses mean something in one network only; on loopback there is but one."""
    return interface in ("", link.name)
