"""The configuration in force: what runs of it, and how another one takes its place without touching the rest."""

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from heg.config.reader import LoadedConfig
from heg.control.room import ControlRoom
from heg.devices.contract import OwnerSettings
from heg.devices.manager import DeviceManager
from heg.runtime.health import TaskHealth
from heg.runtime.supervisor import Supervisor
from heg.unit.driver_parts import driver_of
from heg.unit.effects import Effects, effects, settled, waiting
from heg.unit.parts import Difference, Part, difference
from heg.unit.settings import control_settings, owners_in, page_port
from heg.unit.site import Site

logger = logging.getLogger(__name__)

CHANGES = ("device-desk", "configuration")
"""The tasks that change the configuration, the one that stands on the other first."""


class InForce:
    """Starts the parts and exchanges them. `parts` gives what a configuration wants, in the order of starting."""

    def __init__(
        self,
        config: LoadedConfig,
        parts: Callable[[LoadedConfig], Iterable[Part]],
        supervisor: Supervisor,
        devices: DeviceManager,
        control: ControlRoom,
        site: Site,
    ) -> None:
        self._started = config.unit
        self._config = config
        self._parts, self._supervisor = parts, supervisor
        self._devices, self._control, self._site = devices, control, site
        self._running: dict[str, Part] = {}
        self._later: tuple[Part, ...] = ()

    def start(self) -> None:
        """Start every part."""
        for part in self._parts(self._config):
            self._begin(part)

    def effects(self, wanted: LoadedConfig) -> Effects:
        """Tell what another configuration would do."""
        fixed = settled(wanted, self._started)
        exchanged = self._difference(fixed, tuple(self._parts(fixed)))
        renames = self._devices.renames(owners_in(fixed.unit))
        return effects(exchanged, tuple(self._in_place(fixed)), renames, waiting(wanted.unit, self._started))

    async def put(self, wanted: LoadedConfig) -> Effects:
        """Put another configuration into force. What an answer passes through waits for `finish`."""
        said = self.effects(wanted)
        fixed = settled(wanted, self._started)
        parts = {part.name: part for part in self._parts(fixed)}
        exchanged = self._difference(fixed, parts.values())
        now = [name for name in (*exchanged.renewed, *exchanged.ended) if not self._running[name].answers]
        touched = self._devices.driven_by(driver for name in now if (driver := driver_of(name)))
        # Given back while their driver still runs: afterwards nobody could.
        if not await self._control.let_go(touched):
            logger.warning("not every device could be given back before its driver restarts")
        for name in reversed(now):
            await self._end(name)
        self._change_in_place(fixed)
        for name in exchanged.ended:
            if driver := driver_of(name):
                self._devices.driver_ended(driver)
        for name in (*exchanged.renewed, *exchanged.begun):
            if not parts[name].answers:
                self._begin(parts[name])
        self._control.take_up(touched)
        self._config = fixed
        self._later = tuple(part for part in parts.values() if part.answers)
        return said

    async def finish(self) -> None:
        """Exchange what answers pass through, once the answer is on its way."""
        wanted, self._later = {part.name: part for part in self._later}, ()
        if not wanted:
            return
        running = {name: part for name, part in self._running.items() if part.answers}
        exchanged = difference(running, wanted.values())
        for name in reversed((*exchanged.renewed, *exchanged.ended)):
            await self._end(name)
        for name in (*exchanged.renewed, *exchanged.begun):
            self._begin(wanted[name])

    async def close(self) -> None:
        """Change nothing any more: a change that is being made is made to its end."""
        for name in CHANGES:
            if name in self._running:
                await self._end(name)

    def health(self, tasks: Iterable[str]) -> Iterator[TaskHealth]:
        """Tell how some tasks are."""
        wanted = frozenset(tasks)
        return (one for one in self._supervisor.health() if one.name in wanted)

    def _begin(self, part: Part) -> None:
        self._running[part.name] = part
        part.start(self._supervisor)

    async def _end(self, name: str) -> None:
        self._running.pop(name)
        await self._supervisor.stop(name)

    def _difference(self, fixed: LoadedConfig, parts: Iterable[Part]) -> Difference:
        """A driver restarts as well when the owner says something else of one of its devices, and who knows names."""
        exchanged = difference(self._running, parts)
        drivers = self._drivers_of_changed_owners(fixed)
        renames = self._devices.renames(owners_in(fixed.unit))
        more = tuple(
            name
            for name, part in self._running.items()
            if (driver_of(name) in drivers or (renames and part.remembers)) and name not in exchanged.ended
        )
        renewed = tuple(name for name in self._running if name in {*exchanged.renewed, *more})
        return replace(exchanged, renewed=renewed)

    def _drivers_of_changed_owners(self, fixed: LoadedConfig) -> frozenset[str]:
        """Whose device is not known may be of any driver that searches; a name alone is no matter of the driver."""
        before, after = (frozenset(map(_to_driver, owners_in(config.unit))) for config in (self._config, fixed))
        found: set[str] = set()
        for entry in before ^ after:
            if entry != _only_known(entry):
                found |= self._devices.drivers_of(entry) or self._devices.searching()
        return frozenset(found - {""})

    def _in_place(self, fixed: LoadedConfig) -> Iterator[str]:
        if control_settings(fixed.unit) != control_settings(self._config.unit):
            yield "control"
        if owners_in(fixed.unit) != owners_in(self._config.unit):
            yield "devices"
        if fixed.unit.log != self._config.unit.log:
            yield "log"

    def _change_in_place(self, fixed: LoadedConfig) -> None:
        self._devices.reconfigure(owners_in(fixed.unit), fixed.unit.unit.time_zone, page_port(fixed.unit))
        if "control" in (changed := tuple(self._in_place(fixed))):
            self._control.reconfigure(control_settings(fixed.unit))
        if "log" in changed and self._site.on_log is not None:
            self._site.on_log(fixed.unit.log)


def _to_driver(entry: OwnerSettings) -> OwnerSettings:
    """What of an entry is a driver's matter: not the name, nor how much an appliance matters and may be switched."""
    return replace(entry, name="", importance=None, min_on_minutes=None, min_off_minutes=None)


def _only_known(entry: OwnerSettings) -> OwnerSettings:
    """An entry that says nothing but by what a device is known."""
    return OwnerSettings(serial=entry.serial, identity=entry.identity)
