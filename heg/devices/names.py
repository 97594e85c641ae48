"""Names of devices in locations: the owner's, the one it had before, or one made from its role. Pure."""

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping

from heg.devices.contract import DeviceInfo, OwnerSettings
from heg.model.capabilities import (
    ApplianceCapability,
    Capability,
    MeterCapability,
    ProducerCapability,
    StorageCapability,
    VehicleCapability,
)

_LONGEST = 32
_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")
_ROLES = frozenset({"battery", "pv", "charger", "appliance", "meter", "submeter", "device", "grid", "home"})
_NOTHING_SAID = OwnerSettings()


def choose_name(
    info: DeviceInfo, owners: Iterable[OwnerSettings], before: Mapping[str, str], in_use: Collection[str]
) -> str:
    """Name a device that is attached for the first time in this process.

    `before` maps identities to the names of earlier runs, which stay kept for them unless the owner gives one away.
    """
    entries = tuple(owners)
    mine = settings_for(info.identity, info.serial, entries)
    if mine.name and mine.name not in in_use:
        return mine.name
    promised = {entry.name for entry in entries if entry.name and entry != mine}
    kept = {name for identity, name in before.items() if identity != info.identity}
    earlier = before.get(info.identity)
    if earlier is not None and earlier not in in_use and earlier not in promised:
        return earlier
    role = _role_name(info.capabilities)
    return _numbered(mine.name or name_asked(info.name, role), {*in_use, *kept, *promised})


def name_asked(called: str, role: str) -> str:
    """Make a name of what a device calls itself: small letters, digits and '-', at most 32; its role where nothing is.

    Whoever calls itself after another role (a washer that says `battery`) does not get that one's name.
    """
    if _NAME.fullmatch(called) and role != "appliance":
        return called  # its driver, or its owner, has chosen it
    # Only so much is looked at: compatibility forms of a few letters can be long.
    letters = unicodedata.normalize("NFKD", called[: 4 * _LONGEST].lower().replace("ß", "ss"))
    plain = "".join(letter for letter in letters if not unicodedata.combining(letter))
    words = re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")
    if not words:
        return role
    if not words[0].isalpha() or re.sub(r"-[0-9]+$", "", words) in _ROLES - {role}:
        words = f"{role}-{words}"
    return words[:_LONGEST].rstrip("-")


def renames(
    known: Iterable[tuple[str, str, str]], owners: Iterable[OwnerSettings], attached: Mapping[str, str]
) -> dict[str, str]:
    """Name the devices whose owner calls them otherwise now: old names and new ones.

    `known` are the identity, serial number and name of every device there ever was; `attached` the names in use now and
    by which identity. A name in use is given away only by one that gets another name itself.
    """
    entries = tuple(owners)
    wished: dict[str, str] = {}
    whose: dict[str, str] = {}
    for identity, serial, name in known:
        mine = settings_for(identity, serial, entries)
        if mine.name and mine.name != name:
            wished[name], whose[name] = mine.name, identity
    asked = list(wished.values())
    wished = {old: new for old, new in wished.items() if asked.count(new) == 1}
    while stuck := [old for old, new in wished.items() if _in_use(new, whose[old], attached) and new not in wished]:
        for old in stuck:
            del wished[old]
    return wished


def _in_use(name: str, identity: str, attached: Mapping[str, str]) -> bool:
    return attached.get(name, identity) != identity


def settings_for(identity: str, serial: str, owners: Iterable[OwnerSettings]) -> OwnerSettings:
    """The owner's word on a device: an entry with its identity wins over one with its serial number.

    A serial number alone means the device's first role; a further role (`...#pv`) is meant by `SERIAL#pv`.
    """
    role = identity.partition("#")[2]
    wanted_serial = f"{serial}#{role}" if role else serial
    entries = tuple(owners)
    for entry in entries:
        if entry.identity and entry.identity == identity:
            return entry
    for entry in entries:
        if serial and entry.serial == wanted_serial:
            return entry
    return _NOTHING_SAID


def check_names(owners: Iterable[OwnerSettings]) -> None:
    """Raise ValueError for a name that cannot stand in a location or stands twice."""
    seen: set[str] = set()
    for entry in owners:
        if not entry.name:
            continue
        if not _NAME.fullmatch(entry.name):
            raise ValueError(
                f"[device.{entry.name}]: expected a name of small letters, digits and '-', such as \"battery\""
            )
        if entry.name in seen:
            raise ValueError(f"[device.{entry.name}]: expected each name once")
        seen.add(entry.name)


def _numbered(base: str, taken: Collection[str]) -> str:
    if base not in taken:
        return base
    number = 2
    while (name := f"{base[: _LONGEST - 1 - len(str(number))].rstrip('-')}-{number}") in taken:
        number += 1
    return name


def _role_name(capabilities: tuple[Capability, ...]) -> str:
    for capability in capabilities:
        match capability:
            case StorageCapability():
                return "battery"
            case ProducerCapability():
                return "pv"
            case VehicleCapability():
                return "charger"
            case ApplianceCapability():
                return "appliance"
            case MeterCapability(at_connection_point=at_connection_point):
                return "meter" if at_connection_point else "submeter"
    return "device"
