"""What a unit finds on its machine."""

import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from heg.config.schema import LogSection
from heg.devices.contract import DriverSpec
from heg.runtime.notify import ServiceManager
from heg.services.planning.planner import Planner


@dataclass(frozen=True, slots=True)
class Site:
    """What the unit finds on its machine: its folder, the installed drivers, the service manager.

    `on_page` is told the page's address once it can be visited, `on_log` how loud to be from now on. A `listener` that
    is handed in is used instead of the configured port. Folder and listener belong to the caller. `planner` makes what
    answers the slot loop in place of the planner's own process. Every `look_every_s` somebody looks whether the
    configuration's file was changed by hand.
    """

    state_dir: Path
    drivers: Mapping[str, DriverSpec]
    service_manager: ServiceManager
    on_page: Callable[[str], None] | None = None
    listener: socket.socket | None = None
    planner: Callable[[], Planner] | None = None
    on_log: Callable[[LogSection], None] | None = None
    look_every_s: float = 2.0
