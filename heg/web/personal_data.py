"""The owner's data over HTTP: handed out whole as a zip, and erased in two steps."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from datetime import datetime
from typing import TYPE_CHECKING, Any

from heg.data.door import CommandAnswer, Outcome
from heg.model.records import ErasureRecord
from heg.model.refusals import Refusal, RefusalCode, RefusedError
from heg.runtime.clock import Clock
from heg.web.accounts.chain import Kind, Note
from heg.web.accounts.records import DeskError
from heg.web.accounts.roles import Permission
from heg.web.endpoint import Answered, Call, Download, Endpoint, Nowhere, ordering, reading
from heg.web.endpoint import Nothing as NoBody
from heg.web.house import Home
from heg.web.personal_messages import Confirmation, Erased, Erasure, ErasureOffer, ExportWanted
from heg.web.rights_messages import changed_by

if TYPE_CHECKING:  # without a login nothing of accounts is loaded
    from heg.web.accounts.desk import AccountsDesk

ZIP = "application/zip"
_ERASING_S = 30.0


class PersonalDataApi:
    """Handlers of export and erasure, through the door of whoever calls."""

    def __init__(self, clock: Clock, home: Home, desk: "AccountsDesk | None") -> None:
        self._clock = clock
        self._home = home
        self._desk = desk
        self._exporting = False

    def endpoints(self) -> tuple[Endpoint, ...]:
        """Return the rows."""
        needs, path = Permission.PERSONAL_DATA, "/api/v1/erasure"
        return (
            reading("/api/v1/export", needs, "everything of the owner as a zip", self._export, ZIP, ExportWanted),
            ordering(path, needs, "ask what would be erased", self._ask, ErasureOffer, Nowhere, Erasure, noted=True),
            ordering(
                f"{path}/confirm", needs, "erase it for good", self._confirm, Erased, Nowhere, Confirmation, noted=True
            ),
        )

    async def _export(self, call: Call[ExportWanted, NoBody]) -> Answered:
        if self._exporting:
            # Each reads the whole store; two would only be slower, and ten hold up its flushes.
            raise RefusedError(Refusal(RefusalCode.NOT_READY, "one export at a time", "another", "ask again later"))
        wanted = call.wanted
        name = f"heg-{self._home.unit}-{self._clock.utc():%Y%m%dT%H%MZ}.zip"
        if call.request.method == "HEAD":
            return Download(_nothing(), ZIP, name)
        pieces = call.door.export(device=wanted.device, since=wanted.since, until=wanted.until)
        self._exporting = True
        try:
            # The first piece before the headers: what refuses it is told as a refusal.
            first = await anext(pieces)
            await self._note(call)
        except BaseException:
            self._exporting = False
            raise
        return Download(self._sent(first, pieces), ZIP, name)

    async def _sent(self, first: bytes, pieces: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
        try:
            async with aclosing(pieces):
                yield first
                async for piece in pieces:
                    yield piece
        finally:
            self._exporting = False

    async def _note(self, call: Call[ExportWanted, NoBody]) -> None:
        """Into the audit log before it begins: who breaks it off near its end has the data all the same."""
        if self._desk is None:
            return
        who, address = changed_by(call)
        what = ErasureRecord(who, address, call.wanted.device, call.wanted.since, call.wanted.until).what
        refused = await self._desk.record(
            Note(Kind.PERSONAL_DATA, who, address, "begun", f"export: {what}"), sparingly=False
        )
        if refused is not None:
            raise DeskError(refused)

    async def _ask(self, call: Call[Nowhere, Erasure]) -> Answered:
        asked = call.body
        arguments = {"device": asked.device, "since": _iso(asked.since), "until": _iso(asked.until)}
        detail = (await self._command(call, arguments)).detail or {}
        return ErasureOffer(
            confirm=str(detail.get("confirm", "")),
            valid_s=_number(detail, "valid_s"),
            what=str(detail.get("what", "")),
            rows_at_most=round(_number(detail, "rows_at_most")),
            rollups_at_most=round(_number(detail, "rollups_at_most")),
            series=round(_number(detail, "series")),
            first=_text(detail.get("first")),
            last=_text(detail.get("last")),
        )

    async def _confirm(self, call: Call[Nowhere, Confirmation]) -> Answered:
        answer = await self._command(call, {"confirm": call.body.confirm})
        rows = (answer.detail or {}).get("rows")
        done = answer.outcome is Outcome.DONE
        return Erased(done=done, rows=rows if isinstance(rows, int) else None, text=answer.text)

    async def _command(self, call: Call[Any, Any], arguments: Mapping[str, object]) -> CommandAnswer:
        by, address = changed_by(call)
        said = {name: value for name, value in arguments.items() if value is not None}
        answer = await call.door.command(
            "command.erase", self._home.here, {**said, "by": by, "address": address}, timeout_s=_ERASING_S
        )
        if answer.refusal is not None:
            raise RefusedError(answer.refusal)
        return answer


async def _nothing() -> AsyncGenerator[bytes, None]:
    return
    yield b""


def _iso(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat()


def _number(detail: Mapping[str, object], name: str) -> float:
    value = detail.get(name)
    return value if isinstance(value, int | float) else 0.0


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
