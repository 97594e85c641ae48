"""The page for the home network: HTTPS with the unit's certificate, and plain HTTP that only sends browsers there.

The page on loopback goes on whatever happens here.
"""

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from aiohttp import web

from heg.data.door import Door
from heg.model.instance import Location
from heg.model.losses import loss
from heg.model.records import AlarmRecord, CertificateRecord, Severity
from heg.runtime.clock import Clock
from heg.web.guard import Site
from heg.web.listen import Place
from heg.web.patience import Patience
from heg.web.settings import LanSettings
from heg.web.tls.certificates import Certificates, bears
from heg.web.tls.door import TlsDoor
from heg.web.tls.fingerprints import shown
from heg.web.tls.keeper import CertificateKeeper, Trouble
from heg.web.tls.machine import Machine
from heg.web.tls.names import read_host
from heg.web.tls.redirect import Redirecting, answer, counting
from heg.web.tls.room import Room
from heg.web.tls.vault import Vault

logger = logging.getLogger(__name__)

_UNUSABLE = loss("certificate-unusable")
_ALARM = "certificate"
_HERE = frozenset({"localhost", "127.0.0.1", "::1"})


class Lan:
    """One face of the web server. `run()` ends by being cancelled, and leaves nothing listening.

    `refused` counts what was turned away before it became a request.
    """

    def __init__(
        self,
        door: Door,
        clock: Clock,
        unit: str,
        settings: LanSettings,
        *,
        file: str = "heg.toml",
    ) -> None:
        self._door = door
        self._clock = clock
        self._unit = unit
        self._settings = settings
        self._patience = Patience(door, clock, unit, file)
        self._machine = Machine(clock.real_s, unit, settings.names)
        self.certificates = Certificates(Vault(Path(settings.state_dir)), self._machine.names)
        self._keeper = CertificateKeeper(
            clock, self.certificates, on_change=self._tell_certificate, on_trouble=self._tell_trouble
        )
        self._way_in: TlsDoor | None = None
        self.refused: Counter[str] = Counter()
        expected = "a Host header that names this gateway (its host name, HOST.local or its address)"
        mend = "a name of your own: [web] names in heg.toml"
        self.site = Site("https", self.covers, expected, mend)

    @property
    def record(self) -> CertificateRecord | None:
        """What is shown; None before there is anything to show."""
        return self._keeper.record

    @property
    def trouble(self) -> Trouble | None:
        """What is wrong with the certificate, if anything is."""
        return self._keeper.trouble

    async def look(self) -> None:
        """See at once what was changed, and show it from the next handshake on."""
        await self._keeper.look()

    def covers(self, host: str) -> bool:
        """Tell whether a Host header names this gateway: by the machine's names or those its owner had certified."""
        if self._machine.covers(host):
            return True
        asked, record = read_host(host), self._keeper.record
        return asked is not None and record is not None and record.own and bears(record, asked.name)

    async def run(
        self, factory: Callable[[], web.RequestHandler], held: Callable[[], Iterable[asyncio.BaseProtocol]]
    ) -> None:
        """Serve; `factory` makes what speaks HTTP with whoever was let in, `held` are those still connected."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._keeper.run())
            tasks.create_task(self._serve(factory, held))
            tasks.create_task(self._redirect())

    async def let_go(self) -> None:
        """Close what still says goodbye, after `run` has ended and so has what the factory made."""
        if self._way_in is not None:
            self._way_in.let_go()
            await self._clock.sleep(0)  # closing takes a turn of the loop

    async def _serve(
        self, factory: Callable[[], web.RequestHandler], held: Callable[[], Iterable[asyncio.BaseProtocol]]
    ) -> None:
        context = await self._keeper.context()
        settings = self._settings
        place = Place(settings.host, settings.port, "tls_port", "the home network has no page")
        with await self._patience.opened(place) as listener:
            logger.info("the page for the home network: %s", " ".join(self.addresses()))
            room = Room(settings.connections, settings.connections_each)
            self._way_in = TlsDoor(self._clock, room, factory, held, self.refused)
            await self._way_in.run(listener, context)

    async def _redirect(self) -> None:
        settings = self._settings
        without = "browsers are not sent from http to https"
        place = Place(settings.host, settings.redirect_port, "redirect_port", without)
        say = counting(partial(answer, covers=self.covers, https_port=settings.port), self.refused)
        still: set[Redirecting] = set()
        loop = asyncio.get_running_loop()
        # Nobody is sent to a page that is not there.
        await self._keeper.context()
        with contextlib.ExitStack() as stack:
            listener = stack.enter_context(await self._patience.opened(place))
            server = await loop.create_server(lambda: Redirecting(self._clock, say, still), sock=listener.dup())
            stack.callback(_abort, still)
            stack.callback(server.close)
            await server.serve_forever()

    def addresses(self) -> tuple[str, ...]:
        """Return what a person can type, best first, such as https://gateway.local:8463."""
        record, own = self._keeper.record, self._machine.names()
        certified = record.names if record is not None and record.own else ()
        four_only = ":" not in self._settings.host
        # The unit's id is on the certificate for those who call the machine so; no network knows it by itself.
        called = (one for one in own.on_a_certificate if one != self._unit)
        typed = [one for one in (*certified, *called) if one not in _HERE and "*" not in one]
        typed = [one for one in typed if ":" not in one or not four_only]
        hosts = dict.fromkeys(f"[{one}]" if ":" in one else one for one in typed)
        return tuple(f"https://{one}:{self._settings.port}" for one in hosts)

    def _tell_certificate(self, record: CertificateRecord) -> None:
        logger.info(
            "certificate shown to the home network: SHA-256 %s, good until %s",
            shown(record.fingerprint),
            f"{record.end:%Y-%m-%d}",
        )
        known = self._door.latest("certificate", Location(self._unit))
        if known is None or known.value != record:
            self._door.write("certificate", Location(self._unit), record)

    def _tell_trouble(self, trouble: Trouble | None) -> None:
        place = Location(self._unit, "", _ALARM)
        if trouble is None:
            old = self._door.latest("alarm", place)
            if old is not None and isinstance(old.value, AlarmRecord) and old.value.active:
                self._door.write("alarm", place, _GOOD)
            return
        logger.error("certificate: %s; %s", trouble.text, trouble.mend)
        text = trouble.text if trouble.shows else f"{trouble.text}. {_UNUSABLE.in_force}"
        self._door.write("alarm", place, AlarmRecord(True, Severity.WARNING, text, trouble.mend))


def _abort(still: Iterable[Redirecting]) -> None:
    for one in tuple(still):
        one.abort()


_GOOD = AlarmRecord(active=False, severity=Severity.INFO, text="the certificate is good")
