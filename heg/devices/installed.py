"""Which drivers are installed: every package that registers a `DriverSpec` under entry point `heg.drivers`.

Only the import-light specification is loaded here, never a protocol stack.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points

from heg.devices.contract import DriverSpec

GROUP = "heg.drivers"


@dataclass(frozen=True, slots=True)
class InstalledDrivers:
    """Specifications by name, and what is wrong with those that could not be loaded."""

    specs: Mapping[str, DriverSpec] = field(default_factory=dict)
    faults: Mapping[str, str] = field(default_factory=dict)

    def config_types(self) -> dict[str, type]:
        """The type of each driver's section of heg.toml."""
        return {name: spec.config_type for name, spec in self.specs.items()}


def installed_drivers(points: Iterable[EntryPoint] | None = None) -> InstalledDrivers:
    """Load the specifications; a driver that cannot be loaded is a named fault and harms no other."""
    specs: dict[str, DriverSpec] = {}
    faults: dict[str, str] = {}
    for point in sorted(entry_points(group=GROUP) if points is None else points, key=lambda one: one.name):
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
