"""Reading `heg.toml`: every fault of the file is found in one go and named by key, what came and what was expected."""

import tomllib
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, Protocol, TypeVar, Union, get_args, get_origin

import msgspec

from heg.config.checks import faults_in
from heg.config.faults import ConfigFault, shown
from heg.config.schema import HegConfig
from heg.config.sockets import open_sockets, shared_ports
from heg.model.sockets import OpenSocket

LARGEST_FILE_BYTES = 128_000
"""What the door takes as one record, however much of it JSON has to escape."""
_TABLE = "a table ([section] with keys below it)"
_REFERENCE = 'a reference, such as { file = "/path" }; a secret itself never stands in this file'
_STRUCT = TypeVar("_STRUCT", bound=msgspec.Struct)


class ConfigError(Exception):
    """The configuration can't be used; `faults` lists all that is wrong with it."""

    def __init__(self, file: str, faults: tuple[ConfigFault, ...]) -> None:
        super().__init__("\n".join(f"{file}: {fault}" for fault in faults))
        self.file = file
        self.faults = faults


class DriverSection(Protocol):
    """What the file's reader must know of a driver."""

    @property
    def config_type(self) -> type[Any]:
        """The type of its section."""

    @property
    def sockets(self) -> Callable[[Any], tuple[OpenSocket, ...]]:
        """Tell where such a section has it listen."""


@dataclass(frozen=True, slots=True)
class LoadedConfig:
    """The unit's sections, and each driver's section by driver name."""

    path: Path
    text: str
    unit: HegConfig
    drivers: Mapping[str, msgspec.Struct]


def load(path: Path, known: Mapping[str, DriverSection]) -> LoadedConfig:
    """Read and validate the file; `known` are the drivers by the names of their sections.

    Raises `ConfigError` with all faults.
    """
    return parse(read_text(path), known, path)


def parse(text: str, known: Mapping[str, DriverSection], path: Path) -> LoadedConfig:
    """Validate a text that is, or would be, the file's. Raises `ConfigError` with all faults."""
    if (size := len(text.encode("utf-8", "replace"))) > LARGEST_FILE_BYTES:
        raise ConfigError(path.name, (_too_large(size),))
    try:
        raw = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # a number of thousands of digits or brackets without end included
        raise ConfigError(path.name, (ConfigFault("file", "", f"valid TOML ({error})"),)) from error
    faults: list[ConfigFault] = []
    own_names = {field.name for field in msgspec.structs.fields(HegConfig)}
    sections = own_names | set(known)
    faults.extend(_unknown(key, sections, "a section") for key in raw if key not in sections)
    unit = _struct({key: value for key, value in raw.items() if key in own_names}, HegConfig, (), faults)
    drivers = {
        name: section
        for name, driver in known.items()
        if name in raw and (section := _struct(raw[name], driver.config_type, (name,), faults)) is not None
    }
    if unit is not None:
        faults.extend(faults_in(unit))
        driven = (known[name].sockets(section) for name, section in drivers.items())
        faults.extend(shared_ports((*open_sockets(unit), *chain.from_iterable(driven))))
    if faults or unit is None:
        raise ConfigError(path.name, tuple(faults))
    return LoadedConfig(path, text, unit, types.MappingProxyType(drivers))


def read_text(path: Path) -> str:
    """Read the file as it stands. Raises `ConfigError`."""
    try:
        if (size := path.stat().st_size) > LARGEST_FILE_BYTES:
            raise ConfigError(path.name, (_too_large(size),))
        # Not by read_text(), which makes every line end the same: the owner's text is kept as it is.
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError as error:
        fault = ConfigFault(str(path), "", "this file to exist; name another with --config FILE")
        raise ConfigError(path.name, (fault,)) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(path.name, (ConfigFault(str(path), "", f"a readable UTF-8 file ({error})"),)) from error


def inner_struct(type_: Any) -> type[msgspec.Struct] | None:
    """The section a type stands for, also an optional one."""
    for candidate in (type_, *(get_args(type_) if get_origin(type_) in (Union, types.UnionType) else ())):
        if isinstance(candidate, type) and issubclass(candidate, msgspec.Struct):
            return candidate
    return None


def described(type_: Any) -> str:
    """The phrase of the field's `Meta.description`, or a plain name of its type."""
    if get_origin(type_) is Annotated:
        for extra in type_.__metadata__:
            if isinstance(extra, msgspec.Meta) and extra.description:
                return extra.description
        return described(type_.__origin__)
    if get_origin(type_) in (Union, types.UnionType):
        return next((text for part in get_args(type_) if (text := described(part))), "")
    plain = {bool: "true or false", str: "a text in quotes", int: "a whole number", float: "a number"}
    return plain.get(type_, "") if isinstance(type_, type) else ""


def _too_large(size: int) -> ConfigFault:
    return ConfigFault("file", f"{size} bytes", f"at most {LARGEST_FILE_BYTES} bytes")


def _struct(raw: object, type_: type[_STRUCT], where: tuple[str, ...], faults: list[ConfigFault]) -> _STRUCT | None:
    """Convert a table field by field, so that one fault does not hide the next; None when anything was wrong."""
    if not isinstance(raw, dict):
        faults.append(_hidden(where) if _is_secret(type_) else ConfigFault(_key(where), shown(raw), _TABLE))
        return None
    fields = {field.encode_name: field for field in msgspec.structs.fields(type_)}
    before = len(faults)
    faults.extend(_unknown(_key((*where, key)), set(fields), "a key", key) for key in raw if key not in fields)
    values = {
        fields[key].name: _field(raw[key], fields[key].type, (*where, key), faults) for key in raw if key in fields
    }
    faults.extend(
        ConfigFault(_key((*where, name)), "", f"{described(field.type)}; this key is required")
        for name, field in fields.items()
        if field.required and name not in raw
    )
    if len(faults) > before:
        return None
    try:
        return type_(**values)
    except ValueError as error:  # keys that do not fit together; the text says what was expected
        faults.append(ConfigFault(_key(where), "", str(error).removeprefix("expected ")))
        return None


def _field(raw: object, type_: Any, where: tuple[str, ...], faults: list[ConfigFault]) -> Any:
    many = origin if (origin := get_origin(type_)) in (dict, list, tuple) else None
    inner = inner_struct(type_ if many is None else get_args(type_)[1 if many is dict else 0])
    if inner is not None and many is None and isinstance(raw, dict):
        return _struct(raw, inner, where, faults)
    if inner is not None and many is dict and isinstance(raw, dict):
        return {key: _struct(value, inner, (*where, key), faults) for key, value in raw.items()}
    if inner is not None and many in (list, tuple) and isinstance(raw, list):
        items = [_struct(value, inner, (*where, str(index)), faults) for index, value in enumerate(raw)]
        return tuple(items) if many is tuple else items
    try:
        return msgspec.convert(raw, type_)
    except msgspec.ValidationError as error:
        if _is_secret(inner):
            faults.append(_hidden(where))
        else:
            expected = described(type_) or (_TABLE if many is dict else str(error).removeprefix("Expected "))
            faults.append(ConfigFault(_key(where), shown(raw), expected))
        return None


def _is_secret(type_: type[msgspec.Struct] | None) -> bool:
    return type_ is not None and getattr(type_, "HIDDEN", False)


def _hidden(where: tuple[str, ...]) -> ConfigFault:
    """Somebody may have written the secret itself: what came is shown nowhere."""
    return ConfigFault(_key(where), "", _REFERENCE)


def _unknown(where: str, known: set[str], what: str, key: str | None = None) -> ConfigFault:
    import difflib  # a gateway that nobody misspells needs none

    close = difflib.get_close_matches(key or where, sorted(known), n=1)
    hint = f" (did you mean {close[0]!r}?)" if close else f"; known are {', '.join(sorted(known))}"
    return ConfigFault(where if key else f"[{where}]", "", f"{what} that heg knows{hint}")


def _key(where: tuple[str, ...]) -> str:
    *section, key = where
    return f"[{'.'.join(section)}] {key}" if section else f"[{key}]"
