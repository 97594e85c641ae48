"""The home network's certificate over HTTP: what is shown, and an owner's own in its place."""

from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any, TypeVar

from msgspec.structs import replace

from heg.model.records import CertificateRecord
from heg.model.refusals import Refusal, RefusalCode, RefusedError
from heg.runtime.clock import Clock
from heg.web.accounts.chain import Kind, Note
from heg.web.accounts.roles import Permission
from heg.web.asking import DeniedError
from heg.web.certificate_messages import CertificateInfo, CertificateNow, Install, Renew
from heg.web.endpoint import Answered, Call, Endpoint, Nothing, Nowhere, Open, ordering, reading
from heg.web.gate import denied_for
from heg.web.messages import iso
from heg.web.tls.fingerprints import pinned, shown
from heg.web.tls.requests import LARGEST_BUNDLE_BYTES, BundleError
from heg.web.tls.vault import VaultError
from heg.web.tls.workshop import WorkshopError

if TYPE_CHECKING:  # without a login nothing of accounts is loaded, without a home network nothing of it
    from heg.web.accounts.desk import AccountsDesk
    from heg.web.lan import Lan

_T = TypeVar("_T")


class CertificateApi:
    """Handlers; without a `lan` there is nothing to show and nothing to change. Keys are written nowhere but in the
    unit's folder: the audit log has fingerprints.
    """

    def __init__(self, clock: Clock, lan: "Lan | None", desk: "AccountsDesk | None") -> None:
        self._clock = clock
        self._lan = lan
        self._desk = desk

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Return the rows."""
        # Whoever exchanges it can stand between the gateway and its people: not for an installer, not for a token.
        path, needs = "/api/v1/certificate", Permission.ACCOUNTS
        install, renew, remove = "show one of yours in its place", "make the unit's own anew", "show the unit's own"
        return (
            reading(path, Open.TO_ANYBODY, "the home network's certificate", self._now, CertificateNow, Nowhere),
            ordering(
                *(path, needs, install, self._install, CertificateNow, Nowhere, Install),
                largest_body_bytes=3 * LARGEST_BUNDLE_BYTES,
            ),
            ordering(f"{path}/renew", needs, renew, self._renew, CertificateNow, Nowhere, Renew),
            ordering(f"{path}/remove", needs, remove, self._remove, CertificateNow, Nowhere, Nothing),
        )

    async def _now(self, call: Call[Nowhere, Nothing]) -> Answered:
        told = self._told()
        # What is wrong names files of the unit, which are no stranger's business.
        return told if call.who is not None else replace(told, trouble="", mend="")

    async def _install(self, call: Call[Nowhere, Install]) -> Answered:
        lan, asked = self._some(), call.body
        certificates, key = asked.certificates.encode(), asked.key.encode()
        installed = await _tried(lan.certificates.install(certificates, key, self._clock.utc()))
        await self._note(call, "installed", installed.record)
        await lan.look()
        return self._told(installed.warnings)

    async def _renew(self, call: Call[Nowhere, Renew]) -> Answered:
        lan = self._some()
        make = lan.certificates.make if call.body.new_key else lan.certificates.renew
        record = await _tried(make(self._clock.utc()))
        await self._note(call, "new key" if call.body.new_key else "renewed", record)
        await lan.look()
        return self._told()

    async def _remove(self, call: Call[Nowhere, Nothing]) -> Answered:
        lan = self._some()
        before = lan.record
        if not await _tried(lan.certificates.remove()):
            raise RefusedError(Refusal(RefusalCode.CONFLICT, "an installed certificate", "the unit's own is shown"))
        await self._note(call, "removed", before)
        await lan.look()
        return self._told()

    def _some(self) -> "Lan":
        if self._lan is None:
            expected, mend = "a page for the home network", 'set [web] host, such as "0.0.0.0"'
            raise RefusedError(Refusal(RefusalCode.CONFLICT, expected, "loopback only", mend))
        return self._lan

    def _told(self, notes: tuple[str, ...] = ()) -> CertificateNow:
        lan = self._lan
        if lan is None:
            return CertificateNow(certificate=None)
        trouble = lan.trouble
        return CertificateNow(
            certificate=None if lan.record is None else _info(lan.record),
            addresses=lan.addresses(),
            trouble="" if trouble is None else trouble.text,
            mend="" if trouble is None else trouble.mend,
            notes=notes,
        )

    async def _note(self, call: Call[Nowhere, Any], outcome: str, record: CertificateRecord | None) -> None:
        if self._desk is None:
            return
        detail = "certificate" if record is None else f"certificate {shown(record.fingerprint)}"
        note = Note(Kind.KEY, call.name, call.client.address, outcome, detail)
        if (refused := await self._desk.record(note, sparingly=False)) is not None:
            raise DeniedError(denied_for(refused))


async def _tried(work: Awaitable[_T]) -> _T:
    try:
        return await work
    except BundleError as error:
        raise RefusedError(Refusal(RefusalCode.WRONG_TYPE, "a pair of key and certificate", str(error))) from error
    except VaultError as error:
        raise RefusedError(Refusal(RefusalCode.CONFLICT, "a whole certificate", str(error), error.mend)) from error
    except (WorkshopError, OSError) as error:
        raise RefusedError(Refusal(RefusalCode.NOT_READY, "a disk with room", str(error), "try again")) from error


def _info(record: CertificateRecord) -> CertificateInfo:
    return CertificateInfo(
        sha256=shown(record.fingerprint),
        pin=pinned(record.key_fingerprint),
        names=record.names,
        issuer=record.issuer,
        begin_utc=iso(record.begin),
        end_utc=iso(record.end),
        own=record.own,
    )
