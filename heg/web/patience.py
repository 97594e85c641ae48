"""Ports that another program has are tried until they are free, with an alarm meanwhile (loss row port-in-use)."""

import logging
import socket

from heg.data.door import Door
from heg.model.instance import Location
from heg.model.losses import loss
from heg.model.records import AlarmRecord, Severity
from heg.runtime.clock import Clock, real_span
from heg.web.listen import ListenError, Place, open_at

logger = logging.getLogger(__name__)

_PORT_IN_USE = loss("port-in-use").id
_AGAIN_S = 5.0
"""Real seconds between two tries to open a port."""


class Patience:
    """Opens listening sockets for one unit; `file` names the configuration in errors."""

    def __init__(self, door: Door, clock: Clock, unit: str, file: str) -> None:
        self._door = door
        self._clock = clock
        self._unit = unit
        self._file = file

    async def opened(self, place: Place) -> socket.socket:
        """Wait until a place can be had, and listen there. The caller owns the socket."""
        said = False
        while True:
            try:
                listener = open_at(place, file=self._file)
            except ListenError as error:
                if not said:
                    logger.error("%s; %s", error, place.without)
                    self._alarm(place, active=True, text=str(error))
                    said = True
                await self._clock.sleep(real_span(self._clock, _AGAIN_S))
            else:
                self._end_alarm(place)
                return listener

    def _end_alarm(self, place: Place) -> None:
        # Perhaps one of a page before this one, whose port was another.
        old = self._door.latest("alarm", self._location(place))
        if old is not None and isinstance(old.value, AlarmRecord) and old.value.active:
            self._alarm(place, active=False, text=f"[web] {place.key} = {place.port} is free")

    def _location(self, place: Place) -> Location:
        part = _PORT_IN_USE if place.key == "port" else f"{_PORT_IN_USE}.{place.key}"
        return Location(self._unit, "", part)

    def _alarm(self, place: Place, *, active: bool, text: str) -> None:
        self._door.write("alarm", self._location(place), AlarmRecord(active, Severity.WARNING, text))
