"""What people of the machine may ask of the appliance, and what it answers."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

from appliance.config import ApplianceConfig
from appliance.cycles import Cycle
from appliance.desk import ApplianceDesk
from appliance.faults import Fault
from appliance.gateway import GatewayError, Gateways
from appliance.talk import TalkError
from appliance.upnp.device import UpnpAppliance
from heg.model.appliances import PowerState
from heg.model.local_times import next_occurrence, time_of_day
from heg.runtime.clock import Clock


class Orders:
    """Answers by name; each is a method of the same words."""

    def __init__(
        self, config: ApplianceConfig, clock: Clock, desk: ApplianceDesk, upnp: UpnpAppliance, gateways: Gateways
    ) -> None:
        self._config = config
        self._clock = clock
        self._desk = desk
        self._upnp = upnp
        self._gateways = gateways
        self._known: Mapping[str, Callable[[Mapping[str, str]], Awaitable[Mapping[str, Any]]]] = {
            "status": self._status,
            "load": self._load,
            "unload": self._unload,
            "start": self._start,
            "gateway": self._gateway,
            "wake-me": self._wake_me,
            "keep-awake": self._keep_awake,
            "asked": self._asked,
            "withdraw": self._withdraw,
        }

    async def answer(self, do: str, more: Mapping[str, str]) -> Mapping[str, Any]:
        """Do what was asked. Raises `TalkError`."""
        if (known := self._known.get(do)) is None:
            raise TalkError(f"expected one of {', '.join(self._known)}; came {do[:40]!r}")
        try:
            return await known(more)
        except GatewayError as error:
            raise TalkError(str(error)) from error

    async def _status(self, _: Mapping[str, str]) -> Mapping[str, Any]:
        model = self._desk.model
        cycle = model.cycle
        return {
            "name": self._desk.name,
            "uuid": self._upnp.identity.uuid,
            "state": model.state,
            "location": self._upnp.location if self._upnp.running else "",
            "subscribers": self._upnp.subscribers,
            "executed": self._desk.executed,
            "refused": dict(self._upnp.refused),
            "zone": self._zone.key,
            "periods": [
                {"id": one.id, "owner": one.owner, "start": one.start, "stop": one.stop, "state": one.state}
                for one in model.registrations.open()
            ],
            "cycle": None if cycle is None else _told(cycle),
            "gateways": [one.address for one in self._gateways.there()],
        }

    async def _load(self, more: Mapping[str, str]) -> Mapping[str, Any]:
        name = more.get("name", "")
        if (programme := self._config.cycle.get(name)) is None:
            known = ", ".join(sorted(self._config.cycle)) or "none; write one as [cycle.NAME] in appliance.toml"
            raise TalkError(f"expected a programme of {known}; came {name[:40]!r}")
        now = self._clock.utc()
        earliest = self._moment(more.get("not_before", ""), now)
        latest = self._moment(more.get("ready_by", ""), earliest or now)
        length = programme.length()
        if latest is not None and latest - (earliest or now) < length:
            latest += timedelta(days=1)  # "by seven" said at half past six with two hours to wash means tomorrow
        cycle = Cycle(str(uuid4()), name, programme.curve(), earliest, latest)
        if isinstance(busy := await self._desk.offer(cycle), Fault):
            raise TalkError(busy.text)
        return {**_told(cycle), "zone": self._zone.key}

    async def _unload(self, _: Mapping[str, str]) -> Mapping[str, Any]:
        if isinstance(refused := await self._desk.offer(None), Fault):
            raise TalkError(refused.text)
        return {}

    async def _start(self, _: Mapping[str, str]) -> Mapping[str, Any]:
        """Begin the cycle that waits at once, whatever the gateway would like."""
        if self._desk.model.offered is None:
            raise TalkError("no cycle waits")
        if isinstance(refused := await self._desk.order(PowerState.ON), Fault):
            raise TalkError(refused.text)
        return {}

    async def _gateway(self, _: Mapping[str, str]) -> Mapping[str, Any]:
        found = await self._gateways.find(self._upnp)
        return {"uuid": found.uuid, "address": found.address}

    async def _wake_me(self, more: Mapping[str, str]) -> Mapping[str, Any]:
        return await self._gateways.ask(self._upnp, "WakeUpTime", {"Time": _clock(more, "at")})

    async def _keep_awake(self, more: Mapping[str, str]) -> Mapping[str, Any]:
        times = {"StartTime": _clock(more, "start"), "StopTime": _clock(more, "stop")}
        return await self._gateways.ask(self._upnp, "NoStandbyPeriod", times)

    async def _asked(self, _: Mapping[str, str]) -> Mapping[str, Any]:
        listed = (await self._gateways.ask(self._upnp, "X_ListRegistrations", {})).get("X_RegIDs", "")
        return {"numbers": [one for one in listed.split(",") if one.isascii() and one.isdigit()]}

    async def _withdraw(self, more: Mapping[str, str]) -> Mapping[str, Any]:
        number = more.get("id", "")
        if not (number.isascii() and number.isdigit() and len(number) < 11):
            raise TalkError(f"id: expected the number that the gateway gave; came {number[:40]!r}")
        return await self._gateways.ask(self._upnp, "Withdraw", {"RegID": number})

    @property
    def _zone(self) -> ZoneInfo:
        return self._desk.model.kind.judge.zone

    def _moment(self, text: str, after: datetime) -> datetime | None:
        if not text:
            return None
        whole = text if text.count(":") == 2 else f"{text}:00"
        if (clock := time_of_day(whole)) is None:
            raise TalkError(f"expected a time of day such as 18:30; came {text[:40]!r}")
        return next_occurrence(clock, after, self._zone)


def _clock(more: Mapping[str, str], name: str) -> str:
    text = more.get(name, "")
    if time_of_day(text) is None:
        raise TalkError(f"{name}: expected a time as HH:MM:SS, such as 06:30:00; came {text[:40]!r}")
    return text


def _told(cycle: Cycle) -> dict[str, Any]:
    return {
        "id": cycle.id,
        "name": cycle.name,
        "state": "running" if cycle.running else "paused" if cycle.begun else "waiting",
        "minutes": round(cycle.curve.length.total_seconds() / 60),
        "earliest": cycle.earliest,
        "latest": cycle.latest,
        "end": cycle.end(),
    }
