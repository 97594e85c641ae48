"""The gateway's UUID: the same after every start, without a file of its own, and of no use to find out whose it is."""

import re
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

_NAMESPACE = uuid5(NAMESPACE_URL, "urn:heg-energy:device:EnergyGateway")
_MACHINE_ID = re.compile(r"[0-9a-f]{32}")
_PLACES = (Path("/etc/machine-id"), Path("/var/lib/dbus/machine-id"))
_CARDS = Path("/sys/class/net")


def gateway_uuid(machine: str, unit: str) -> str:
    """Return the UUID of a unit on a machine. Its id cannot be read from it (SHA-1 of 128 random bits)."""
    return str(uuid5(_NAMESPACE, f"{machine}/{unit}"))


def machine_id(places: tuple[Path, ...] = _PLACES, cards: Path = _CARDS) -> str:
    """Return what tells this machine from others: its id, or where it has none the least address of its cards.

    Where there is neither, the empty text: then two gateways of one name on one network would be taken for one.
    """
    for place in places:
        if _MACHINE_ID.fullmatch(text := _text(place)):
            return text
    addresses = (_text(one) for one in sorted(cards.glob("*/address")))
    return min((one for one in addresses if one.strip("0:")), default="")


def _text(place: Path) -> str:
    try:
        return place.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""
