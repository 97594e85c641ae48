"""Which drivers are installed: every package that registers a `DriverSpec` under entry point `heg.drivers`.

Only the import-light specification is loaded here, never a protocol stack. What packages register is read from where
they register it (PyPA's specifications "Recording installed projects" and "Entry points"): the library that also does
it brings readers of archives and of messages along, 0.6 MiB for three lines of text.
"""

import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path

from heg.devices.contract import DriverSpec

GROUP = "heg.drivers"


@dataclass(frozen=True, slots=True)
class DriverPoint:
    """What a package registers: the name of a driver, and where its specification is, as `package.module:NAME`."""

    name: str
    value: str

    def load(self) -> object:
        """Return what it names. Raises what the package raises at its import."""
        module, _, names = self.value.partition("[")[0].partition(":")
        found: object = import_module(module.strip())
        for name in filter(None, names.strip().split(".")):
            found = getattr(found, name)
        return found


@dataclass(frozen=True, slots=True)
class InstalledDrivers:
    """Specifications by name, and what is wrong with those that could not be loaded."""

    specs: Mapping[str, DriverSpec] = field(default_factory=dict)
    faults: Mapping[str, str] = field(default_factory=dict)

    def config_types(self) -> dict[str, type]:
        """The type of each driver's section of heg.toml."""
        return {name: spec.config_type for name, spec in self.specs.items()}


def installed_drivers(points: Iterable[DriverPoint] | None = None) -> InstalledDrivers:
    """Load the specifications; a driver that cannot be loaded is a named fault and harms no other."""
    specs: dict[str, DriverSpec] = {}
    faults: dict[str, str] = {}
    for point in sorted(registered(sys.path) if points is None else points, key=lambda one: one.name):
        try:
            spec = point.load()
        except Exception as error:  # noqa: BLE001 - whatever a foreign package does at import
            why = f"{type(error).__name__}: {error}"
            faults[point.name] = f"driver {point.name}: {point.value} cannot be imported: {why}"
            continue
        if isinstance(spec, DriverSpec) and spec.name == point.name:
            specs[point.name] = spec
        else:
            faults[point.name] = f"driver {point.name}: expected {point.value} to be a DriverSpec named {point.name!r}"
    return InstalledDrivers(specs, faults)


def registered(path: Iterable[str]) -> Iterator[DriverPoint]:
    """Give what the packages in these folders register; of a package that is there twice, what is found first.

    A folder that cannot be looked into is passed over, as Python's own imports do.
    """
    seen = set()
    for folder in path:
        for kind in ("dist-info", "egg-info"):
            for file in _files(Path(folder or "."), f"*.{kind}/entry_points.txt"):
                package = file.parent.name.partition("-")[0].removesuffix(".egg-info").lower()
                if package not in seen:
                    seen.add(package)
                    yield from _points(file.read_text(encoding="utf-8", errors="replace"))


def _files(folder: Path, pattern: str) -> list[Path]:
    try:
        return sorted(folder.glob(pattern))
    except OSError:
        return []


def _points(text: str) -> Iterator[DriverPoint]:
    group = ""
    for line in map(str.strip, text.splitlines()):
        if line.startswith("[") and line.endswith("]"):
            group = line[1:-1].strip()
        elif group == GROUP and "=" in line and not line.startswith(("#", ";")):
            name, _, value = line.partition("=")
            yield DriverPoint(name.strip(), value.strip())
