"""The page as one supervised task: its port is opened, tried again while another program has it, and served.

Without a page control goes on (loss row port-in-use).
"""

import logging
import socket
from collections.abc import Callable

from heg.data.door import Door
from heg.model.instance import Location
from heg.model.losses import loss
from heg.model.records import AlarmRecord, Severity
from heg.runtime.clock import Clock
from heg.web.gate import Gate
from heg.web.house import Home
from heg.web.listen import ListenError, open_listener, page_address
from heg.web.server import WebServer
from heg.web.settings import WebSettings
from heg.web.stream import real_span

logger = logging.getLogger(__name__)

_PORT_IN_USE = loss("port-in-use").id
_AGAIN_S = 5.0
"""Real seconds between two tries to open the port."""


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
        with await self._opened() as listener:
            await self._serve(listener)

    async def _serve(self, listener: socket.socket) -> None:
        if self._on_open is not None:
            self._on_open(page_address(listener))
        await WebServer(self._door, self._clock, self._home, self._settings, listener, self._gate).run()

    async def _opened(self) -> socket.socket:
        said = False
        while True:
            try:
                listener = open_listener(self._settings, file=self._file)
            except ListenError as error:
                if not said:
                    logger.error("%s; control goes on without the page, which comes when the port is free", error)
                    self._alarm(active=True, text=str(error))
                    said = True
                await self._clock.sleep(real_span(self._clock, _AGAIN_S))
            else:
                if said:
                    self._alarm(active=False, text="the page's port is free again")
                return listener

    def _alarm(self, *, active: bool, text: str) -> None:
        place = Location(self._home.unit, "", _PORT_IN_USE)
        self._door.write("alarm", place, AlarmRecord(active, Severity.WARNING, text))
