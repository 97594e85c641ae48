"""Who is an appliance by the address it comes from: at its home, or elsewhere with the same network card."""

from collections.abc import Mapping

import pytest

from drivers.upnp.appliance import Appliance
from drivers.upnp.orders import Place
from drivers.upnp.parts import Caller, Described, Link
from drivers.upnp.whereabouts import Whereabouts

UUID = "0f5c1d1e-0000-4000-8000-00000000000a"
OURS, OTHER, STRANGERS = "02:00:00:00:00:0a", "02:00:00:00:00:0b", ""
HOME, SIX, SECOND = Link("eth0", "10.0.0.1"), Link("eth0", "fe80::1"), Link("eth1", "10.0.0.2")
GUESTS, GUESTS_FOUR = Link("wlan0", "fe80::1"), Link("wlan0", "10.99.0.1")
CARDS = {
    "10.0.0.9": OURS,
    "fe80::9": OURS,
    "fd00::9": OURS,
    "10.99.0.9": OURS,
    "10.0.0.8": OTHER,
    "fe80::8": OTHER,
}


def at_home(*besides: Place, cards: Mapping[str, str] = CARDS) -> tuple[Whereabouts, Appliance]:
    appliance = Appliance(UUID)
    appliance.arrived(Described(UUID, HOME, "10.0.0.9", "", "", "", "", "", "", ""))
    return Whereabouts(
        {UUID: besides}.__getitem__, lambda address, _link: cards.get(address.partition("%")[0], STRANGERS)
    ), appliance


@pytest.mark.parametrize(
    ("address", "interface", "is_it"),
    [
        ("10.0.0.9", "eth0", True),
        ("10.0.0.9", "", True),
        ("10.0.0.9", "wlan0", False),  # the same number in another network
        ("fe80::9", "eth0", True),  # announced there, by the same card
        ("fe80::9", "wlan0", False),  # announced there, but every link has such a number, and may have its card's
        ("10.99.0.9", "wlan0", False),
        ("10.0.0.9", "eth1", True),  # a second interface of ours in its network
        ("fd00::9", "eth0", False),  # the same card, but not announced there
        ("fe80::8", "eth0", False),  # announced there by somebody else
        ("fe80::7", "eth0", False),  # announced there by somebody whom the kernel does not know
        ("None", "eth0", False),
    ],
)
def test_who_calls_is_it_from_home_and_where_its_own_card_announces_it(
    address: str, interface: str, *, is_it: bool
) -> None:
    besides = tuple(Place(SIX, f"{host}%eth0") for host in ("fe80::9", "fe80::8", "fe80::7"))
    whereabouts, appliance = at_home(
        *besides, Place(GUESTS, "fe80::9%wlan0"), Place(GUESTS_FOUR, "10.99.0.9"), Place(SECOND, "10.0.0.9")
    )
    assert whereabouts.is_at(appliance, Caller(address, interface)) is is_it


def test_where_its_own_card_is_unknown_only_its_home_counts() -> None:
    whereabouts, appliance = at_home(Place(SIX, "fe80::9%eth0"), cards={})
    assert whereabouts.is_at(appliance, Caller("10.0.0.9", "eth0"))
    assert not whereabouts.is_at(appliance, Caller("fe80::9", "eth0"))
    appliance.card = OURS  # learned earlier, and the kernel's table has lost it since
    assert not whereabouts.is_at(appliance, Caller("fe80::9", "eth0"))


def test_a_card_that_was_learned_earlier_counts() -> None:
    whereabouts, appliance = at_home(Place(SIX, "fe80::9%eth0"), cards={"fe80::9": OURS})
    assert not whereabouts.is_at(appliance, Caller("fe80::9", "eth0"))
    appliance.card = OURS
    assert whereabouts.is_at(appliance, Caller("fe80::9", "eth0"))


def test_its_own_card_is_told_wherever_it_is_announced() -> None:
    whereabouts, appliance = at_home()
    assert whereabouts.owns(appliance, Place(SIX, "fe80::9%eth0"))
    assert not whereabouts.owns(appliance, Place(SIX, "fe80::8%eth0"))
    assert not whereabouts.owns(Appliance(UUID), Place(SIX, "fe80::9%eth0"))


def test_one_that_is_not_discovered_is_nowhere() -> None:
    whereabouts, _ = at_home()
    assert not whereabouts.is_at(Appliance(UUID), Caller("10.0.0.9", "eth0"))
