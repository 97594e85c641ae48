"""What may be done with the unit's certificates, by the gateway itself and by the commands of its console."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from heg.model.records import CertificateRecord
from heg.web.tls import workshop
from heg.web.tls.lifetime import LONGEST, believable, span
from heg.web.tls.names import OwnNames
from heg.web.tls.requests import Answer, Ask, BundleError, Describe, Join, Make
from heg.web.tls.vault import LOST, OWNERS_LOST, Vault, VaultError


@dataclass(frozen=True, slots=True)
class Installed:
    """What was installed, and what will not be as its owner may expect."""

    record: CertificateRecord
    warnings: tuple[str, ...] = ()


class Certificates:
    """Over a vault. Where another process has it just now, `wait` for it or raise OSError.

    All raise `workshop.WorkshopError` and OSError for what may pass, and `VaultError` for what does not pass by itself.
    """

    def __init__(
        self,
        vault: Vault,
        names: Callable[[], OwnNames],
        ask: Callable[[Ask], Awaitable[Answer]] = workshop.ask,
        *,
        wait: bool = False,
    ) -> None:
        self.vault = vault
        self._names = names
        self._ask = ask
        self._wait = wait

    async def shown(self) -> CertificateRecord:
        """Say what is shown to the home network, having seen that it is whole and that its key is the one expected."""
        path = self.vault.shown
        own = path == self.vault.owner
        answer = await self._ask(Describe(self.vault.read(path), own))
        if answer.record is None:
            raise VaultError(f"{path}: {answer.fault}", OWNERS_LOST if own else LOST)
        if not own:
            self.vault.demand_own(answer.record.key_fingerprint)
        return answer.record

    async def make(self, now: datetime) -> CertificateRecord:
        """Make the unit's own with a new key: its identity begins here."""
        with self.vault.alone(wait=self._wait):
            return await self._made(now, b"")

    async def renew(self, now: datetime) -> CertificateRecord:
        """Make the unit's own anew with the key it has."""
        with self.vault.alone(wait=self._wait):
            bundle = self.vault.read(self.vault.device)
            answer = await self._ask(Describe(bundle))
            if answer.record is None:
                raise VaultError(f"{self.vault.device}: {answer.fault}", LOST)
            self.vault.demand_own(answer.record.key_fingerprint)
            return await self._made(now, bundle)

    async def install(self, certificates: bytes, key: bytes, now: datetime) -> Installed:
        """Show what the owner brings in place of the unit's own. Raises `BundleError` where it can't be shown."""
        answer = await self._ask(Join(certificates, key, believable(now)))
        if answer.record is None:
            raise BundleError(answer.fault)
        with self.vault.alone(wait=self._wait):
            self.vault.keep_owners(answer.bundle)
        return Installed(answer.record, tuple(_warnings(answer.record, self._names())))

    async def remove(self) -> bool:
        """Show the unit's own again; False where nothing was installed."""
        with self.vault.alone(wait=self._wait):
            return self.vault.drop_owners()

    async def _made(self, now: datetime, renews: bytes) -> CertificateRecord:
        begin, end = span(now)
        answer = await self._ask(Make(self._names().on_a_certificate, begin, end, renews))
        if answer.record is None:
            raise VaultError(f"{self.vault.device}: {answer.fault}", LOST)
        self.vault.keep_device(answer.bundle, answer.record.key_fingerprint)
        return answer.record


def bears(record: CertificateRecord, host: str) -> bool:
    """Tell whether a certificate is for a host name or an address, as a browser would judge."""
    _, _, parent = host.partition(".")
    return host in record.names or bool(parent and f"*.{parent}" in record.names)


def _warnings(record: CertificateRecord, own: OwnNames) -> list[str]:
    found = []
    if not any(bears(record, name) for name in own.on_a_certificate if name not in ("localhost", "127.0.0.1", "::1")):
        found.append(f"none of this machine's own names is on it: ask for {', '.join(record.names) or 'no name'}")
    if record.end - record.begin > LONGEST + timedelta(days=1):
        found.append("it is good for more than 825 days: Apple's devices refuse it")
    return found
