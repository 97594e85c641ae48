"""Reading `appliance.toml`: every fault is found in one go, and said with what came and what was expected."""

import difflib
import re
import tomllib
import types
from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Union, get_args, get_origin
from zoneinfo import ZoneInfo

import msgspec

from appliance.config import LONGEST_NAME, READABLE, ApplianceConfig

LARGEST_FILE_BYTES = 128_000
_NAMED, _LISTED = "[{}.NAME]", "[[{}]]"


class ConfigError(Exception):
    """The file cannot be used; `faults` are sentences, one for each thing that is wrong."""

    def __init__(self, file: str, faults: list[str]) -> None:
        super().__init__("\n".join(f"{file}: {fault}" for fault in faults))
        self.faults = tuple(faults)


def load(path: Path) -> ApplianceConfig:
    """Read and validate the file. Raises `ConfigError` with all faults."""
    try:
        if (size := path.stat().st_size) > LARGEST_FILE_BYTES:
            raise ConfigError(path.name, [f"expected at most {LARGEST_FILE_BYTES} bytes, came {size}"])
        raw = tomllib.loads(path.read_bytes().decode())
    except FileNotFoundError as error:
        raise ConfigError(path.name, [f"expected {path} to exist; name another with --config FILE"]) from error
    except OSError as error:
        raise ConfigError(path.name, [f"expected a readable file: {error.strerror}"]) from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(path.name, [f"expected valid TOML: {error}"]) from error
    return parse(raw, path.name)


def parse(raw: Mapping[str, Any], file: str = "appliance.toml") -> ApplianceConfig:
    """Validate what a file says. Raises `ConfigError` with all faults."""
    faults = list(_faults(raw, ApplianceConfig, ""))
    if not faults:
        try:
            config = msgspec.convert(raw, ApplianceConfig)
        except msgspec.ValidationError as error:
            faults = [str(error)]
        else:
            faults = list(_misfits(config))
            if not faults:
                return config
    raise ConfigError(file, faults)


def zone_of(name: str) -> ZoneInfo | None:
    """Return a time zone; with an empty name the machine's, else UTC; None for one that nobody knows."""
    if not name:
        link = Path("/etc/localtime")
        name = str(link.resolve()).rpartition("/zoneinfo/")[2] if link.exists() else "UTC"
    try:
        return ZoneInfo(name)
    except (KeyError, OSError, ValueError):
        return None


def _faults(raw: object, type_: Any, where: str) -> Iterator[str]:
    """Check field by field, so that one fault hides no other."""
    struct, heading = _struct_in(type_)
    if struct is None:
        yield from _fault(raw, type_, where)
    elif heading == _LISTED and isinstance(raw, list):
        for number, value in enumerate(raw, 1):
            yield from _faults(value, struct, f"{where} (number {number})")
    elif heading == _LISTED or not isinstance(raw, dict):
        yield f"{where} = {_shown(raw)}: expected {heading.format(where)} with keys below it"
    elif heading == _NAMED:
        for key, value in raw.items():
            yield from _faults(value, struct, f"{where}.{key}")
    else:
        yield from _struct_faults(raw, struct, where)


def _struct_faults(raw: dict[str, Any], struct: type[msgspec.Struct], where: str) -> Iterator[str]:
    fields = {field.encode_name: field for field in msgspec.structs.fields(struct)}
    before = None
    for key, value in raw.items():
        name = f"[{where}] {key}" if where else (f"[{key}]" if isinstance(value, dict | list) else key)
        if key not in fields:
            near = difflib.get_close_matches(key, fields, 1)
            yield f"{name}: unknown; {f'did you mean {near[0]}?' if near else 'expected ' + ', '.join(sorted(fields))}"
            before = key
            continue
        for fault in _faults(value, fields[key].type, name if where else key):
            before = key
            yield fault
    for name, field in fields.items():
        if field.required and name not in raw:
            before = name
            yield f"[{where}] {name}: required; expected {_described(field.type)}" if where else f"[{name}]: required"
    if before is None and where:
        try:
            msgspec.convert(raw, struct)
        except msgspec.ValidationError as error:  # keys that do not fit together
            yield f"[{where}] {str(error).split(' - at ')[0]}"


def _fault(raw: object, type_: Any, where: str) -> Iterator[str]:
    try:
        msgspec.convert(raw, type_)
    except msgspec.ValidationError:
        yield f"{where} = {_shown(raw)}: expected {_described(type_)}"


def _shown(raw: object) -> str:
    text = f'"{raw}"' if isinstance(raw, str) else str(raw)
    return text[:60].replace("\n", " ")


def _struct_in(type_: Any) -> tuple[type[msgspec.Struct] | None, str]:
    """Find the section that a type stands for, and how its heading is written."""
    if isinstance(type_, type) and issubclass(type_, msgspec.Struct):
        return type_, "[{}]"
    origin, args = get_origin(type_), get_args(type_)
    if origin in (Union, types.UnionType):
        return next((found for part in args if (found := _struct_in(part))[0] is not None), (None, ""))
    if origin is dict:
        return _struct_in(args[1])[0], _NAMED
    if origin is tuple and args:
        return _struct_in(args[0])[0], _LISTED
    return None, ""


def _described(type_: Any) -> str:
    if get_origin(type_) is Annotated:
        said = next((one.description for one in type_.__metadata__ if isinstance(one, msgspec.Meta)), None)
        return said or _described(get_args(type_)[0])
    if get_origin(type_) in (Union, types.UnionType):
        return _described(get_args(type_)[0])
    plain = {bool: "true or false", str: "a text", int: "a whole number", float: "a number"}
    return plain.get(type_, "a [section] with keys below it")


def _misfits(config: ApplianceConfig) -> Iterator[str]:
    bodies = [name for name in ("logind", "command", "gpio") if getattr(config, name) is not None]
    if len(bodies) != 1:
        came = ", ".join(f"[{name}]" for name in bodies) or "none"
        yield f"expected one of [logind], [command], [gpio], which says what is switched; came {came}"
    if zone_of(config.appliance.timezone) is None:
        yield f"[appliance] timezone = {config.appliance.timezone!r}: expected a time zone, such as Europe/Berlin"
    for number, rule in enumerate(config.rule, 1):
        if rule.condition and rule.condition not in config.condition:
            yield f"[rule (number {number})] while = {rule.condition!r}: expected the NAME of a [condition.NAME]"
    yield from _network_misfits(config.network.address)
    for name in config.cycle:
        if re.search(READABLE, name) is None or not 0 < len(name) <= LONGEST_NAME:
            yield f"[cycle.{_shown(name)}]: expected a name of 1 to {LONGEST_NAME} characters that can be read"
    for program in config.programs():
        if not Path(program).is_absolute():
            yield f"{program!r}: expected a program by its whole path, such as /usr/local/bin/{Path(program).name}"


def _network_misfits(address: str) -> Iterator[str]:
    if address and not _is_address(address):
        yield f"[network] address = {address!r}: expected an IP address of this machine"
    elif address.lower().startswith("fe80:") and "%" not in address:
        yield f"[network] address = {address!r}: expected its interface with it, such as {address}%eth0"


def _is_address(text: str) -> bool:
    try:
        ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return True
