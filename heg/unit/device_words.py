"""What a command about a device says. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from heg.model.refusals import Refusal, RefusalCode

_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")
_LONGEST = 400


@dataclass(frozen=True, slots=True)
class Said:
    """Who orders it, and why."""

    who: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class Addition:
    """A device to be added: by which driver, where, and what that must know; its name, and by which serial number."""

    protocol: str
    address: str
    settings: Mapping[str, object]
    name: str
    serial: str
    said: Said


@dataclass(frozen=True, slots=True)
class Naming:
    """The name a device is to have."""

    name: str
    said: Said


def said_of(arguments: Mapping[str, object]) -> Said | Refusal:
    """Read who orders it and why."""
    words = _texts(arguments, "by", "message")
    return words if isinstance(words, Refusal) else Said(words["by"], words["message"])


def naming_of(arguments: Mapping[str, object]) -> Naming | Refusal:
    """Read the name a device is to have."""
    words, said = _texts(arguments, "name"), said_of(arguments)
    if isinstance(words, Refusal):
        return words
    if isinstance(said, Refusal):
        return said
    return _name_refusal(words["name"]) or Naming(words["name"], said)


def addition_of(arguments: Mapping[str, object]) -> Addition | Refusal:
    """Read what is to be added."""
    words, said = _texts(arguments, "protocol", "address", "name", "serial"), said_of(arguments)
    if isinstance(words, Refusal):
        return words
    if isinstance(said, Refusal):
        return said
    if not words["protocol"] or not words["address"]:
        return Refusal(RefusalCode.WRONG_TYPE, "protocol and address, such as modbus and 192.168.1.50", "less")
    if words["name"] and (refusal := _name_refusal(words["name"])) is not None:
        return refusal
    settings = arguments.get("settings", {})
    if not isinstance(settings, Mapping):
        return Refusal(RefusalCode.WRONG_TYPE, "settings as a table", repr(settings)[:60])
    return Addition(words["protocol"], words["address"], settings, words["name"], words["serial"], said)


def _texts(arguments: Mapping[str, object], *names: str) -> dict[str, str] | Refusal:
    found: dict[str, str] = {}
    for name in names:
        value = arguments.get(name, "")
        if not isinstance(value, str):
            return Refusal(RefusalCode.WRONG_TYPE, f"{name} as a text", repr(value)[:60])
        if len(value) > _LONGEST or any(letter < " " or letter == "\x7f" for letter in value):
            return Refusal(RefusalCode.TOO_LARGE, f"{name} on one line of at most {_LONGEST} letters")
        found[name] = value
    return found


def _name_refusal(name: str) -> Refusal | None:
    if _NAME.fullmatch(name):
        return None
    return Refusal(RefusalCode.OUT_OF_RANGE, "a name of small letters, digits and '-', such as battery", name[:60])
