"""The parts of a unit: each long-running task with the settings it stands on, so that a change is told by comparison.

A part is started anew when, and only when, its own settings differ: no table says which key touches which task.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from heg.runtime.supervisor import USUAL, Backoff, Factory, Supervisor


@dataclass(frozen=True, slots=True)
class Part:
    """One supervised task. `settings` are all that it takes from the configuration.

    `answers`: what is said to people passes through it, so that it is exchanged after its answer to whoever asked.
    `remembers`: it keeps devices in mind by their names, and begins anew when one is called otherwise.
    """

    name: str
    settings: object
    run: Factory
    restart: Backoff = USUAL
    critical: bool = False
    answers: bool = False
    remembers: bool = False

    def start(self, supervisor: Supervisor) -> None:
        """Have it supervised."""
        supervisor.start(self.name, self.run, restart=self.restart, critical=self.critical)


@dataclass(frozen=True, slots=True)
class Difference:
    """What becomes of parts, each by its name: ended for good, ended and begun anew, begun."""

    ended: tuple[str, ...] = ()
    renewed: tuple[str, ...] = ()
    begun: tuple[str, ...] = ()


def difference(running: Mapping[str, Part], wanted: Iterable[Part]) -> Difference:
    """Compare what runs with what is wanted."""
    named = {part.name: part for part in wanted}
    return Difference(
        ended=tuple(name for name in running if name not in named),
        renewed=tuple(
            name for name, part in named.items() if name in running and running[name].settings != part.settings
        ),
        begun=tuple(name for name in named if name not in running),
    )
