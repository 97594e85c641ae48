"""The page as one supervised task: its port is opened, tried again while another program has it, and served.

Without a page control goes on (loss row port-in-use).
"""

import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

from heg.data.door import Door
from heg.runtime.clock import Clock
from heg.web.gate import Gate
from heg.web.house import Home
from heg.web.listen import page_address, place_of
from heg.web.patience import Patience
from heg.web.server import WebServer
from heg.web.settings import WebSettings

if TYPE_CHECKING:  # a page on this machine alone needs no certificate and nothing of TLS
    from heg.web.lan import Lan


class Page:
    """Serves the page. `on_open` is told its address once it can be visited; `file` names the configuration in errors.

    A `listener` that is handed in belongs to the caller.
    """

    def __init__(
        self,
        door: Door,
        clock: Clock,
        home: Home,
        settings: WebSettings,
        *,
        listener: socket.socket | None = None,
        on_open: Callable[[str], None] | None = None,
        file: str = "heg.toml",
        gate: Gate | None = None,
    ) -> None:
        self._door = door
        self._clock = clock
        self._home = home
        self._settings = settings
        self._listener = listener
        self._on_open = on_open
        self._file = file
        self._gate = gate

    async def run(self) -> None:
        """Open and serve until cancelled."""
        if self._listener is not None:
            await self._serve(self._listener)
            return
        patience = Patience(self._door, self._clock, self._home.unit, self._file)
        with await patience.opened(place_of(self._settings, self._file)) as listener:
            await self._serve(listener)

    async def _serve(self, listener: socket.socket) -> None:
        if self._on_open is not None:
            self._on_open(page_address(listener))
        await WebServer(
            self._door, self._clock, self._home, self._settings, listener, self._gate, lan=self._lan()
        ).run()

    def _lan(self) -> "Lan | None":
        settings = self._settings.lan
        if settings is None:
            return None
        if self._gate is None:
            raise ValueError("the home network is let in with a login only")
        from heg.web.lan import Lan

        return Lan(self._door, self._clock, self._home.unit, settings, file=self._file)
