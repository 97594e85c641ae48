"""Keeps the certificate: made on first start, renewed with the same key, exchanged as soon as its file changes.

A certificate that was lost or damaged is never replaced by itself, because people have noted its fingerprint: then
nothing is shown to the home network, and an alarm says how to mend it (loss row certificate-unusable).
"""

import asyncio
import math
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from heg.model.records import CertificateRecord
from heg.runtime.clock import Clock, real_span
from heg.web.tls.certificates import Certificates
from heg.web.tls.context import context_for, following
from heg.web.tls.lifetime import WARNED_BEFORE, believable, due, is_early
from heg.web.tls.vault import OWNERS_ENDS, Stamp, VaultError
from heg.web.tls.workshop import WorkshopError

_LOOK_EVERY_S = 5.0
"""Real seconds until a change by a command at the console is seen."""
_AGAIN_S = 60.0
"""Real seconds after which what failed for a passing reason (a full disk) is tried again."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is wrong with the certificate, how to mend it, and whether one is shown all the same."""

    text: str
    mend: str
    shows: bool = True


@dataclass(frozen=True, slots=True)
class _Identity:
    record: CertificateRecord
    context: ssl.SSLContext


class CertificateKeeper:
    """`run()` keeps it until cancelled. `on_change` is told a certificate that is shown from now on, `on_trouble` each
    change of what is wrong and, at the first look, how it is (None: nothing is).
    """

    def __init__(
        self,
        clock: Clock,
        certificates: Certificates,
        *,
        on_change: Callable[[CertificateRecord], None],
        on_trouble: Callable[[Trouble | None], None],
    ) -> None:
        self._clock = clock
        self._certificates = certificates
        self._on_change = on_change
        self._on_trouble = on_trouble
        self._identity: _Identity | None = None
        self._shown: ssl.SSLContext | None = None
        self._there = asyncio.Event()
        self._seen: Stamp | None = None
        self._again_s = math.inf
        self._failed: Trouble | None = None
        self._told: Trouble | None = None
        self._is_told = False
        self._turn = asyncio.Lock()
        self._early_since_s: float | None = None

    @property
    def record(self) -> CertificateRecord | None:
        """What is shown; None before there is anything to show."""
        return None if self._identity is None else self._identity.record

    @property
    def trouble(self) -> Trouble | None:
        """What is wrong, if anything is."""
        return self._told

    async def context(self) -> ssl.SSLContext:
        """Wait for something to show, and return a context whose every handshake shows the newest."""
        await self._there.wait()
        assert self._shown is not None
        return self._shown

    async def run(self) -> None:
        """Keep it until cancelled."""
        while True:
            await self.look()
            await self._clock.sleep(real_span(self._clock, _LOOK_EVERY_S))

    async def look(self) -> None:
        """See whether there is something to make, to load or to renew, and do it."""
        async with self._turn:
            await self._look()

    async def _look(self) -> None:
        stamp = self._certificates.vault.stamp()
        if stamp != self._seen or self._clock.real_s() >= self._again_s:
            self._seen = stamp
            await self._try(self._load)
        if self._failed is None and self._is_due():
            await self._try(self._renew)
        trouble = self._failed or self._near_its_end()
        if trouble != self._told or not self._is_told:
            self._told, self._is_told = trouble, True
            self._on_trouble(trouble)

    async def _try(self, step: Callable[[], Awaitable[None]]) -> None:
        self._failed, self._again_s = None, math.inf
        try:
            await step()
        except VaultError as error:
            self._failed = Trouble(str(error), error.mend, shows=self._identity is not None)
        except (WorkshopError, OSError) as error:
            mend = f"it is tried again every {_AGAIN_S:.0f} s"
            self._failed = Trouble(str(error), mend, shows=self._identity is not None)
            self._again_s = self._clock.real_s() + _AGAIN_S

    async def _load(self) -> None:
        vault = self._certificates.vault
        if vault.lacks:
            await self._certificates.make(self._clock.utc())
        self._seen = vault.stamp()
        record = await self._certificates.shown()
        self._show(_Identity(record, context_for(vault.shown)))

    def _show(self, identity: _Identity) -> None:
        changed = self.record != identity.record
        self._identity = identity
        if self._shown is None:
            self._shown = following(self._newest, identity.context)
        self._there.set()
        if changed:
            self._early_since_s = None
            self._on_change(identity.record)

    def _newest(self) -> ssl.SSLContext:
        assert self._identity is not None
        return self._identity.context

    async def _renew(self) -> None:
        await self._certificates.renew(self._clock.utc())
        await self._load()

    def _is_due(self) -> bool:
        if self.record is None or self.record.own:
            return False
        now, since_s = self._clock.utc(), self._clock.monotonic_s()
        if not is_early(self.record, now):
            self._early_since_s = None
        elif self._early_since_s is None:
            self._early_since_s = since_s
        doubted_s = 0.0 if self._early_since_s is None else since_s - self._early_since_s
        return due(self.record, now, doubted_s)

    def _near_its_end(self) -> Trouble | None:
        if self.record is None or not self.record.own:
            return None
        now, end = believable(self._clock.utc()), self.record.end
        if now < end - WARNED_BEFORE:
            return None
        ends = "ended" if now >= end else "ends"
        return Trouble(f"the installed certificate {ends} on {end:%Y-%m-%d %H:%M} UTC", OWNERS_ENDS)
