"""The web's parts: the page, and with `[web] login` the accounts and the audit log behind it."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from heg.config.schema import HegConfig
from heg.data.door import Door
from heg.data.interface import DataInterface
from heg.model.instance import Location
from heg.model.policy import CUSTOMER
from heg.runtime.clock import Clock
from heg.unit.parts import Part
from heg.unit.settings import home_of, web_settings
from heg.unit.site import Site
from heg.web.accounts.principals import Doors
from heg.web.gate import Gate
from heg.web.page import Page

if TYPE_CHECKING:  # loaded where somebody logs in: without a login they are 0.6 MiB of nothing
    from heg.web.accounts.desk import AccountsDesk


class WebParts:
    """Makes the parts. The accounts are made once and stay while the unit runs, whoever else comes and goes."""

    def __init__(self, data: DataInterface, clock: Clock, site: Site, here: Location, file: str) -> None:
        self._data, self._clock, self._site, self._here, self._file = data, clock, site, here, file
        self._accounts: AccountsDesk | None = None
        self._doors = Doors(data.admit)

    def of(self, unit: HegConfig) -> Iterator[Part]:
        """Give the parts that a configuration wants, those that others stand on first."""
        settings = (web_settings(unit, self._site.state_dir), home_of(unit), unit.web)
        if not unit.web.asks_login:
            yield Part("web", settings, lambda: self._page(unit, None).run(), answers=True)
            return
        yield Part("accounts", (), lambda: self._desk().run(), answers=True)
        yield Part("audit", (), self._record, answers=True)
        yield Part("web", settings, lambda: self._behind_login(unit), answers=True)

    async def close(self) -> None:
        """Close the accounts, when the parts have ended."""
        if self._accounts is not None:
            await self._accounts.close()

    async def _behind_login(self, unit: HegConfig) -> None:
        desk = self._desk()
        await desk.opened()
        await self._page(unit, Gate(desk, self._doors)).run()

    async def _record(self) -> None:
        from heg.web.recorder import Recorder

        await Recorder(self._door("audit"), self._desk(), self._here).run()

    def _desk(self) -> "AccountsDesk":
        if self._accounts is None:
            from heg.web.accounts.desk import AccountsDesk

            place, door = Location(self._here.unit, "", "accounts-locked"), self._door("accounts")
            self._accounts = AccountsDesk(
                self._clock, self._site.state_dir, alarm=lambda record: door.write("alarm", place, record)
            )
        return self._accounts

    def _page(self, unit: HegConfig, gate: Gate | None) -> Page:
        return Page(
            self._door("web"),
            self._clock,
            home_of(unit),
            web_settings(unit, self._site.state_dir),
            listener=self._site.listener,
            on_open=self._site.on_page,
            file=self._file,
            gate=gate,
        )

    def _door(self, service: str) -> Door:
        return self._data.admit(CUSTOMER, service)
