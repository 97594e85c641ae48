"""What a gateway needs of `requirements.lock`: the packages of some extras and all that these bring along."""

import re
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import distribution

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

EXTRAS = ("modbus", "planner")
"""Those of drivers and services that exist; not what is for drawing, for tests or for the rig."""


def stanzas(lock: str) -> dict[str, str]:
    """Return each package's pin with its hashes, by canonical name."""
    found: dict[str, str] = {}
    for block in re.split(r"\n(?=[a-z0-9])", lock):
        lines = [line for line in block.splitlines() if not line.lstrip().startswith("#")]
        if lines and (name := re.match(r"[a-z0-9][a-z0-9._-]*", lines[0])):
            found[canonicalize_name(name[0])] = "\n".join(lines) + "\n"
    return found


def needed(project: Mapping[str, object], environment: Mapping[str, str]) -> tuple[str, ...]:
    """Name what a gateway needs on a target; packages' own needs are read from this environment, which has them all."""
    asked = [Requirement(text) for text in _asked(project)]
    found: dict[str, None] = {}
    while asked:
        one = asked.pop(0)
        name = canonicalize_name(one.name)
        if name in found or (one.marker is not None and not one.marker.evaluate({**environment, "extra": ""})):
            continue
        found[name] = None
        asked += [Requirement(text) for text in distribution(name).requires or ()]
    return tuple(sorted(found))


def subset(lock: str, names: Iterable[str]) -> str:
    """Return the lock of these packages alone. Raises `KeyError` for one that is not locked."""
    pins = stanzas(lock)
    return "".join(pins[name] for name in names)


def _asked(project: Mapping[str, object]) -> Iterator[str]:
    core, extras = project["dependencies"], project["optional-dependencies"]
    if not isinstance(core, list) or not isinstance(extras, dict):
        raise TypeError("pyproject.toml: expected dependencies and optional-dependencies")
    yield from core
    for extra in EXTRAS:
        yield from extras[extra]
