"""A house on paper: writes through real doors what drivers and control would, so that the web has something to show."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from heg.data.door import CommandAnswer, Door, Outcome
from heg.data.interface import DataInterface
from heg.model.capabilities import MeterCapability, ProducerCapability, StorageCapability, VehicleCapability
from heg.model.envelope import Envelope, EnvelopeLimit, EnvelopeSource
from heg.model.instance import ANYWHERE, Location, Quality
from heg.model.leases import Claimant, LeaseRecord, LeaseState, Reason, ReasonCode
from heg.model.policy import CUSTOMER
from heg.model.records import AlarmRecord, DeviceRecord, DeviceStatus, HealthRecord, Severity, VehicleRecord
from heg.model.refusals import Refusal, RefusalCode
from heg.model.regimes import Regime, RegimeOrder, StorageNow, power_kw
from heg.runtime.clock import Clock
from heg.web.house import Home

HOME = Home(unit="home", zone="Europe/Rome", version="0.1.0")
CAPACITY_KWH = 10.0

METER = DeviceRecord(
    name="meter",
    maker="Kilowatt Works",
    model="KW-3P",
    serial="M-1001",
    version="2.4",
    protocol="modbus",
    address="127.0.0.1:5021 unit 1",
    status=DeviceStatus.ATTACHED,
    capabilities=(MeterCapability(phases=3, at_connection_point=True),),
)
PV = replace(
    METER,
    name="pv",
    maker="Sunrise",
    model="S6",
    serial="P-2002",
    address="127.0.0.1:5022 unit 1",
    capabilities=(ProducerCapability(rated_kw=6.0),),
)
BATTERY = replace(
    METER,
    name="battery",
    maker="Accu",
    model="B10",
    serial="B-3003",
    address="127.0.0.1:5023 unit 1",
    capabilities=(StorageCapability(capacity_kwh=CAPACITY_KWH, min_rate_kw=-5.0, max_rate_kw=5.0),),
    actuator=True,
)
CHARGER = replace(
    METER,
    name="charger",
    maker="Ladegut",
    model="L11",
    serial="C-4004",
    address="127.0.0.1:5024 unit 1",
    capabilities=(VehicleCapability(min_rate_kw=0.0, max_rate_kw=11.0, smallest_charge_kw=4.14, step_a=1.0),),
    actuator=True,
)
LEASE = LeaseRecord(
    held=True,
    owner=Claimant.IDLE,
    regime=Regime.BALANCE,
    set_kw=0.0,
    reason=Reason(ReasonCode.SELF_CONSUMPTION, "Stores spare sun and gives it back, so that little is bought."),
    expires_in_s=45.0,
    state=LeaseState.CONFIRMED,
    read_back_kw=0.0,
    writes_today=12,
    writes_left=188,
)
PV_LEASE = replace(
    LEASE,
    held=False,
    regime=Regime.HOLD,
    set_kw=None,
    reason=Reason(ReasonCode.RELEASED, "Nobody asks anything of it."),
    expires_in_s=0.0,
    read_back_kw=None,
)
ENVELOPE = Envelope(
    min_kw=-10.0,
    max_kw=17.3,
    max_a_per_phase=25.0,
    min_source=EnvelopeSource.PRODUCTION,
    max_source=EnvelopeSource.CONTRACT,
    limits=(EnvelopeLimit(EnvelopeSource.CONTRACT, max_kw=17.3, max_a_per_phase=25.0, text="supply contract"),),
)
OTHERS = [
    {
        "storage": "ess",
        "kind": "nothing",
        "power_kw": 0.0,
        "cost_eur": 1.2,
        "more_eur": 0.12,
        "beyond_kwh": 0.0,
        "text": "Doing nothing now (0.00 kW) would cost 0.120 EUR more.",
    },
    {
        "storage": "ess",
        "kind": "follow",
        "power_kw": -0.4,
        "cost_eur": 1.08,
        "more_eur": 0.0,
        "beyond_kwh": 0.0,
        "text": "Following the house now (-0.40 kW) would cost the same.",
    },
]


@dataclass(frozen=True, slots=True)
class Moment:
    """Power of the house at one time in kW, in the signs of the vocabulary."""

    house_kw: float
    pv_kw: float
    battery_kw: float
    soc: float

    @property
    def grid_kw(self) -> float:
        return self.house_kw + self.battery_kw - self.pv_kw


class PaperHouse:
    """Sun by day, appliances at meal times, and a battery that balances."""

    def __init__(self, data: DataInterface, clock: Clock) -> None:
        self._door: Door = data.admit(CUSTOMER, "paper")
        self._clock = clock
        self._soc = 0.35
        self._charger = False
        self.hands_off = False
        self.follow: Callable[[datetime], tuple[RegimeOrder, str] | None] = lambda _time: None
        """What a plan would have the battery do at a time, and why; without one it balances."""
        self.orders: list[tuple[str, Location, dict[str, object]]] = []

    @property
    def soc(self) -> float:
        return self._soc

    @property
    def door(self) -> Door:
        return self._door

    def attach(self) -> None:
        for record in (METER, PV, BATTERY):
            self._door.write("device", Location("home", record.name), record)
        self._door.write("envelope", Location("home"), ENVELOPE)
        self._door.write("hands_off", Location("home"), "off")
        self._door.write("health", Location("home", "", "control"), HealthRecord("control", running=True, restarts=0))
        switching = ("manual", "standby_period", "reduce", "appliance")
        for order in ("hands_off", *switching, "try", "scan", "plug_in", "otherwise"):
            self._door.answer(f"command.{order}", ANYWHERE, self._obey(f"command.{order}"))

    def remember(self, hours: int = 48) -> None:
        """Write the past, one value a minute."""
        now = self._clock.utc().replace(second=0, microsecond=0)
        for minute in range(hours * 60, 0, -1):
            self._report(now - timedelta(minutes=minute), self._moment(now - timedelta(minutes=minute), 60.0))

    def tick(self, seconds: float = 1.0) -> Moment:
        """Write what is measured and decided now."""
        now = self._clock.utc()
        moment = self._moment(now, seconds)
        self._report(now, moment)
        for phase, share in (("a", 0.36), ("b", 0.33), ("c", 0.31)):
            part = f"phase.{phase}"
            self._door.write("voltage", Location("home", "meter", part), 230.0 + share)
            self._door.write("current", Location("home", "meter", part), moment.grid_kw * share / 0.23)
        self._door.write("frequency", Location("home", "meter"), 50.01)
        self._door.write("energy.capacity", Location("home", "battery"), CAPACITY_KWH)
        lease = replace(LEASE, set_kw=moment.battery_kw, read_back_kw=moment.battery_kw)
        if (planned := self.follow(now)) is not None:
            order, why = planned
            lease = replace(lease, owner=Claimant.PLAN, regime=order.regime, reason=Reason(ReasonCode.PLAN, why))
        self.lease(lease)
        self._door.write("lease", Location("home", "pv"), PV_LEASE)
        self._door.write("self.cycle_time", Location("home"), 0.0021)
        self._door.write("self.loop_lag", Location("home"), 0.0004)
        self._door.write("self.memory", Location("home"), 48.5)
        return moment

    def lease(self, record: LeaseRecord, device: str = "battery") -> None:
        if self.hands_off:
            reason = Reason(ReasonCode.HANDS_OFF, "You switched to hands off: the battery follows its own rules.")
            record = replace(record, held=False, reason=reason, set_kw=None, owner=Claimant.MANUAL, expires_in_s=0.0)
        self._door.write("lease", Location("home", device), record)

    def alarm(self, name: str, severity: Severity, text: str, mend: str, *, active: bool = True) -> None:
        self._door.write("alarm", Location("home", "pv", name), AlarmRecord(active, severity, text, mend))

    def install_charger(self) -> None:
        self._charger = True
        self._door.write("device", Location("home", "charger"), CHARGER)

    def plug(self, now: datetime) -> None:
        """A car comes, and its person says when it leaves."""
        self.install_charger()
        car = VehicleRecord(
            plugged=True,
            since=now.isoformat(),
            soc=0.42,
            soc_uncertainty=0.03,
            capacity_kwh=52.0,
            charged_kwh=3.1,
            departure_utc=(now + timedelta(hours=20)).replace(minute=30, second=0, microsecond=0).isoformat(),
            target_soc=0.8,
            stated=True,
        )
        self._door.write("vehicle", Location("home", "charger"), car)

    def lose(self, record: DeviceRecord) -> None:
        lost = replace(record, status=DeviceStatus.LOST, detail="no answer for 30 s")
        self._door.write("device", Location("home", record.name), lost)
        newest = self._door.latest("power.active", Location("home", record.name))
        if newest is not None:
            self._door.write("power.active", newest.location, newest.value, quality=Quality.STALE)

    def report(self, variable: str, device: str, value: object, *, time: datetime | None = None) -> None:
        self._door.write(variable, Location("home", device), value, time=time)

    def task(self, record: HealthRecord) -> None:
        self._door.write("health", Location("home", "", record.task), record)

    def _report(self, time: datetime, moment: Moment) -> None:
        for device, value in (("meter", moment.grid_kw), ("pv", moment.pv_kw), ("battery", moment.battery_kw)):
            self._door.write("power.active", Location("home", device), round(value, 3), time=time)
        self._door.write("soc", Location("home", "battery"), moment.soc, time=time)
        if self._charger:
            self._door.write("power.active", Location("home", "charger"), 0.0, time=time)

    def _moment(self, time: datetime, seconds: float) -> Moment:
        house_kw, pv_kw = load_kw(time), sun_kw(time)
        planned = self.follow(time)
        order = RegimeOrder(Regime.BALANCE) if planned is None else planned[0]
        storage = StorageNow(-5.0, 5.0, self._soc, CAPACITY_KWH, reserve_share=0.1, round_trip_efficiency=1.0)
        battery_kw = power_kw(order, house_kw - pv_kw, storage, max(seconds, 1e-3))
        self._soc = min(1.0, max(0.1, self._soc + battery_kw * seconds / 3600.0 / CAPACITY_KWH))
        return Moment(house_kw, pv_kw, battery_kw, round(self._soc, 4))

    def _obey(self, variable: str):
        async def obey(place: Location, arguments) -> CommandAnswer:
            self.orders.append((variable, place, dict(arguments)))
            if variable == "command.hands_off":
                self.hands_off = bool(arguments["on"])
                self._door.write("hands_off", Location("home"), "on" if self.hands_off else "off")
                return CommandAnswer(Outcome.DONE, "released" if self.hands_off else "in control again")
            if variable == "command.try":
                refusal = Refusal(RefusalCode.CONFLICT, "an actuator at rest", "a test under way", "wait for its end")
                return CommandAnswer(Outcome.REFUSED, "a test is under way already", refusal)
            if variable == "command.otherwise":
                return CommandAnswer(Outcome.DONE, "Two other ways.", detail={"alternatives": OTHERS})
            return CommandAnswer(Outcome.DONE, "done", detail={"devices": 3})

        return obey


def sun_kw(time: datetime) -> float:
    hour = time.hour + time.minute / 60.0 + time.second / 3600.0
    height = math.sin((hour - 4.0) / 14.5 * math.pi) if 4.0 < hour < 18.5 else 0.0
    clouds = 0.86 + 0.14 * math.sin(hour * 9.1 + time.day) * math.sin(hour * 2.3)
    return 5.2 * max(0.0, height) ** 1.4 * clouds


def load_kw(time: datetime) -> float:
    hour = time.hour + time.minute / 60.0 + time.second / 3600.0
    base = 0.32 + 0.06 * math.sin(hour * 31.0)
    breakfast = 1.4 * math.exp(-(((hour - 6.0) / 0.7) ** 2))
    lunch = 2.1 * math.exp(-(((hour - 11.2) / 0.6) ** 2))
    evening = 2.6 * math.exp(-(((hour - 18.2) / 1.4) ** 2))
    kettle = 1.1 if int(hour * 12) % 37 == 0 else 0.0
    return base + breakfast + lunch + evening + kettle
