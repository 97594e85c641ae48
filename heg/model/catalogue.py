"""The catalogue: every variable that may pass the data interface, declared once with unit, kind, sign and range.

Variables are predefined; an unknown one is refused (spec data-interface.md, Operations).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from heg.model.appliances import CycleOffer, LoadReduction, Registration, StandbyPeriod, UtilityOrder
from heg.model.books import BillingRecord, OpenBooks
from heg.model.cycles import CycleRecord
from heg.model.envelope import Envelope
from heg.model.instance import Kind
from heg.model.leases import Claim, LeaseRecord
from heg.model.plan import Plan, Week
from heg.model.records import (
    AlarmRecord,
    BooksRecord,
    CertificateRecord,
    ConfigurationDraft,
    ConfigurationRecord,
    DeviceRecord,
    ErasureRecord,
    EvidenceRecord,
    HealthRecord,
    PlannedSlot,
    RecentBooks,
    VehicleRecord,
)
from heg.model.rights import ContractBook, PolicyBook
from heg.model.slots import Profile
from heg.model.tariff import TariffTerms


class Durability(StrEnum):
    """How an instance reaches the disk: with the next flush, at once, or not at all.

    What is flushed expires with the raw values; `KEPT` is flushed too, and outlives them as what is committed at once
    does.
    """

    FLUSHED = "flushed"
    KEPT = "kept"
    AT_ONCE = "at_once"
    MEMORY = "memory"


@dataclass(frozen=True, slots=True)
class Variable:
    """One catalogued variable. `low` and `high` bound what is plausible; outside it a value is refused, not clipped."""

    id: str
    kind: Kind
    unit: str
    description: str
    low: float = float("-inf")
    high: float = float("inf")
    states: frozenset[str] = frozenset()
    record_type: type | None = None
    durability: Durability = Durability.FLUSHED


def _scalar(id_: str, unit: str, description: str, low: float, high: float) -> Variable:
    return Variable(id_, Kind.SCALAR, unit, description, low, high)


def _counter(id_: str, unit: str, description: str) -> Variable:
    return Variable(id_, Kind.COUNTER, unit, description, 0.0, 1e12)


def _state(id_: str, description: str, *states: str) -> Variable:
    return Variable(id_, Kind.STATE, "", description, states=frozenset(states))


def _record(id_: str, description: str, type_: type, durability: Durability = Durability.AT_ONCE) -> Variable:
    return Variable(id_, Kind.RECORD, "", description, record_type=type_, durability=durability)


def _command(id_: str, description: str) -> Variable:
    return Variable(id_, Kind.COMMAND, "", description, durability=Durability.AT_ONCE)


def _profile(id_: str, unit: str, description: str) -> Variable:
    return Variable(id_, Kind.PROFILE, unit, description, record_type=Profile)


_MEASURED = (
    _scalar(
        "power.active", "kW", "active power: house + importing, storage + charging, producer + producing", -1e3, 1e3
    ),
    _scalar(
        "power.reactive", "kvar", "reactive power, + lagging (inductive) in the direction of power.active", -1e3, 1e3
    ),
    _scalar("power.apparent", "kVA", "apparent power", 0.0, 1e3),
    _scalar("power.factor", "1", "power factor, -1 to 1", -1.0, 1.0),
    _counter("energy.import", "kWh", "energy taken from the grid (meter) or charged (storage)"),
    _counter("energy.export", "kWh", "energy given to the grid (meter) or discharged (storage)"),
    _counter("energy.production", "kWh", "energy produced"),
    _scalar("energy.session", "kWh", "energy charged since the vehicle was plugged", 0.0, 1e4),
    _scalar("voltage", "V", "voltage, part phase.a, phase.b, phase.c (to neutral) or phase.ab ...", 0.0, 1500.0),
    _scalar("current", "A", "current, part phase.a, phase.b, phase.c; + importing, charging, producing", -5e3, 5e3),
    _scalar("frequency", "Hz", "grid frequency", 0.0, 100.0),
    _scalar("voltage.dc", "V", "DC voltage, part string.1 ...", -2e3, 2e3),
    _scalar("current.dc", "A", "DC current, part string.1 ...", -5e3, 5e3),
    _scalar("power.dc", "kW", "DC power, part string.1 ...", -1e3, 1e3),
    _scalar("temperature", "degC", "temperature of a device or its part", -60.0, 250.0),
    _scalar("soc", "1", "state of charge as a share of the capacity, 0 to 1", 0.0, 1.0),
    _scalar("soh", "1", "state of health as a share, 0 to 1", 0.0, 1.0),
    _scalar("energy.capacity", "kWh", "usable capacity of a storage", 0.0, 1e4),
    _scalar("energy.stored", "kWh", "energy now in a storage", 0.0, 1e4),
)
_MARKET_AND_WEATHER = (
    _scalar("price.import", "EUR/kWh", "price of energy taken from the grid", -20.0, 20.0),
    _scalar("price.export", "EUR/kWh", "price paid for energy given to the grid", -20.0, 20.0),
    _scalar("co2.intensity", "kg/kWh", "CO2 of grid energy", 0.0, 5.0),
    _scalar("price.co2", "EUR/kWh", "cost of the CO2 of grid energy", -20.0, 20.0),
    _scalar("slot.demand", "kW", "mean demand of a slot without storages and vehicles, time = its start", 0.0, 1e3),
    _scalar("slot.production", "kW", "mean production of a slot, time = its start", 0.0, 1e3),
    _scalar("weather.temperature", "degC", "outdoor temperature", -80.0, 70.0),
    _scalar("weather.irradiance", "W/m2", "global horizontal irradiance", 0.0, 1600.0),
    _scalar("weather.cloud", "1", "cloud cover as a share", 0.0, 1.0),
    _scalar("weather.wind", "m/s", "wind speed", 0.0, 120.0),
)
_SETPOINTS_AND_LIMITS = (
    _scalar("setpoint.power", "kW", "power commanded to a device, sign as its power.active", -1e3, 1e3),
    _scalar("setpoint.reactive", "kvar", "reactive power commanded", -1e3, 1e3),
    _scalar("setpoint.voltage", "V", "voltage reference commanded", 0.0, 1500.0),
    _scalar("setpoint.power_factor", "1", "power factor commanded", -1.0, 1.0),
    _scalar("limit.charge", "kW", "largest charging power now possible", 0.0, 1e3),
    _scalar("limit.discharge", "kW", "largest discharging power now possible (magnitude)", 0.0, 1e3),
    _scalar("limit.production", "kW", "largest producing power allowed", 0.0, 1e3),
    _scalar("limit.import", "kW", "largest import the envelope allows", -1e3, 1e3),
    _scalar("limit.export", "kW", "largest export the envelope allows (magnitude)", -1e3, 1e3),
)
_STATES = (
    _state(
        "state.operating",
        "what a device is doing",
        *("off", "sleeping", "starting", "running", "throttled", "stopping", "fault", "standby", "test", "other"),
    ),
    _state(
        "state.storage",
        "what a storage is doing",
        *("off", "empty", "discharging", "charging", "full", "holding", "testing", "initializing", "fault", "other"),
    ),
    _state("state.power", "whether an appliance works, waits or is off", "on", "standby", "off"),
    _state("state.connection", "whether a vehicle is plugged", "unplugged", "plugged", "charging"),
    _state("state.events", "a device's raw event bits as names, comma separated"),
    _state(
        "regime",
        "the regime an actuator follows",
        *("hold", "balance", "cover", "absorb", "charge", "discharge", "limit"),
    ),
    _state("hands_off", "the owner's switch that releases everything but a configured DSO limit", "on", "off"),
)
_PROFILES = (
    _profile("profile.demand", "kW", "forecast demand"),
    _profile("profile.production", "kW", "forecast production"),
    _profile("profile.plan", "kW", "planned grid power"),
    _profile("profile.plan.storage", "kW", "planned power of the storages, + charging"),
    _profile("profile.plan.vehicle", "kW", "planned power of the vehicle, + charging"),
    _profile("profile.plan.soc", "1", "planned state of charge of the storages at each slot's start"),
    _profile("profile.demand.low", "kW", "lower edge of the band of forecast demand"),
    _profile("profile.demand.high", "kW", "upper edge of the band of forecast demand"),
    _profile("profile.production.low", "kW", "lower edge of the band of forecast production"),
    _profile("profile.production.high", "kW", "upper edge of the band of forecast production"),
    _profile("profile.desired", "kW", "profile desired by the parent unit"),
    _profile("profile.price.import", "EUR/kWh", "coming import prices"),
    _profile("profile.price.export", "EUR/kWh", "coming export prices"),
    _profile("profile.price.co2", "EUR/kWh", "coming cost of the CO2 of grid energy"),
    _profile("profile.price.day_ahead", "EUR/kWh", "coming prices of the day-ahead market, both ways and before fees"),
    _profile("profile.weather.ghi", "W/m2", "forecast global light on the horizontal, mean of each slot"),
    _profile("profile.weather.dni", "W/m2", "forecast beam of the sun across its direction, mean of each slot"),
    _profile("profile.weather.dhi", "W/m2", "forecast diffuse light on the horizontal, mean of each slot"),
    _profile("profile.weather.temperature", "degC", "forecast temperature of the outdoor air"),
    _profile("profile.tube.low", "kW", "lower edge of the profile tube"),
    _profile("profile.tube.high", "kW", "upper edge of the profile tube"),
)
_RECORDS = (
    _record("device", "an attached device", DeviceRecord),
    _record("alarm", "a condition somebody should know of", AlarmRecord),
    _record("health", "a supervised task", HealthRecord, Durability.MEMORY),
    _record("claim", "a wish about an actuator", Claim),
    _record("lease", "what an actuator does, and why", LeaseRecord, Durability.FLUSHED),
    _record("envelope", "the interval left to the connection point", Envelope),
    _record("tariff", "what the supply contract asks beyond its prices: blocks and a peak charge", TariffTerms),
    _record("plan", "the plan in force, whole", Plan, Durability.MEMORY),
    _record("week", "what the days ahead will need and produce, for people", Week, Durability.MEMORY),
    _record("plan.slot", "what was planned for a slot when it began", PlannedSlot, Durability.FLUSHED),
    _record("cycle.offer", "a cycle that waits in an appliance", CycleOffer),
    _record("registration", "what an appliance asked the gateway to do at a time", Registration),
    _record("standby_period", "when an appliance was asked to put itself to standby", StandbyPeriod),
    _record("reduction", "a request to draw at most so much from the grid for a while", LoadReduction),
    _record("utility.order", "the state that the utility wants an appliance in for a while", UtilityOrder),
    _record("cycle", "an appliance's cycle that was asked for, and when it is planned", CycleRecord),
    _record("vehicle", "what is known of a plugged vehicle", VehicleRecord),
    _record(
        "books.slot", "energy, cost and CO2 of a slot, and what they would have been", BooksRecord, Durability.KEPT
    ),
    _record("books.day", "the same of a local day that is over", BooksRecord, Durability.KEPT),
    _record("books.month", "the same of a local month that is over", BooksRecord, Durability.KEPT),
    _record("books.today", "the same of the local day so far", BooksRecord, Durability.MEMORY),
    _record("books.this_month", "the same of the local month so far", BooksRecord, Durability.MEMORY),
    _record("books.recent", "the last months' books by day, the last years' by month", RecentBooks, Durability.FLUSHED),
    _record("books.open", "what the books need to go on after a restart", OpenBooks, Durability.FLUSHED),
    _record("books.billing", "how far billing periods and their peaks have got", BillingRecord, Durability.FLUSHED),
    _record("evidence", "a change of envelope or lease with the meter before and after", EvidenceRecord),
    _record("configuration", "the configuration that came into force", ConfigurationRecord),
    _record("configuration.draft", "a configuration that is proposed", ConfigurationDraft, Durability.MEMORY),
    _record("certificate", "the certificate that the home network is shown", CertificateRecord),
    _record("policy", "the owner's standing rules: which others may read or write what, and how often", PolicyBook),
    _record("erasure", "data that the owner had erased", ErasureRecord),
    _record("contract.rights", "the least rights that contracts with DSO and supplier ask for", ContractBook),
)
_SELF = (
    _scalar("self.loop_lag", "s", "how late the event loop wakes (real seconds)", 0.0, 1e6),
    _scalar("self.cycle_time", "s", "duration of a control cycle (real seconds)", 0.0, 1e6),
    _counter("self.refusals", "1", "inputs refused, part is the reason"),
    _scalar("self.bytes_written", "B", "bytes this process has written to disk", 0.0, 1e18),
    _scalar("self.memory", "MiB", "resident memory", 0.0, 1e6),
)
_COMMANDS = (
    _command("command.try", "commissioning step test of an actuator"),
    _command("command.scan", "look for devices now"),
    _command("command.test_write", "write a device's register and read it back"),
    _command("command.profile_read", "read a meter's own load profile"),
    _command("command.hands_off", "release everything (on) or take control again (off)"),
    _command("command.manual", "the owner's manual order for an actuator"),
    _command("command.plug_in", "what a person says of a plugged vehicle: departure, target, state of charge"),
    _command("command.cycle", "an appliance's cycle is wanted within a window, or not any more"),
    _command("command.register", "an appliance asks to be woken at a time, or not to be put to sleep for a while"),
    _command("command.withdraw", "an appliance asks no more for what it registered"),
    _command("command.standby_period", "have an appliance put itself to standby for a while, or not any more"),
    _command("command.appliance", "the utility's order for an appliance, within the owner's strategy"),
    _command(
        "command.reduce", "the utility's request to draw at most so much for a while, within the owner's strategy"
    ),
    _command("command.plan", "plan again now"),
    _command("command.otherwise", "what every other way in the running slot would cost"),
    _command("command.backup", "write a consistent copy of the store"),
    _command("command.configuration.check", "say what is wrong with a proposed configuration, and what it would do"),
    _command("command.configuration.apply", "put a proposed configuration into force"),
    _command("command.configuration.rollback", "put an earlier configuration into force again"),
    _command("command.configuration.reload", "look at the configuration's file now"),
    _command("command.device.add", "configure a device by protocol and address"),
    _command("command.device.rename", "give a device another name; its history goes with it"),
    _command("command.device.remove", "configure a device no more; its history stays"),
    _command("command.device.test", "see that a device answers, and what"),
    _command("command.erase", "erase data of the owner: asked first what would go, then confirmed"),
    _command("command.permit_join", "open a network for joining for a bounded time"),
)


def _index(variables: Iterable[Variable]) -> Mapping[str, Variable]:
    return MappingProxyType({variable.id: variable for variable in variables})


CATALOGUE: Mapping[str, Variable] = _index(
    (*_MEASURED, *_MARKET_AND_WEATHER, *_SETPOINTS_AND_LIMITS, *_STATES, *_PROFILES, *_RECORDS, *_SELF, *_COMMANDS)
)


def page() -> str:
    """Return docs/integrators/variables.md: every variable with unit, range and meaning."""
    lines = [_HEAD]
    for kind in Kind:
        lines += [
            f"\n## {kind.value.capitalize()}s\n",
            "| variable | unit | range | meaning |",
            "| --- | --- | --- | --- |",
        ]
        lines += [
            f"| `{one.id}` | {one.unit or '-'} | {_range(one)} | {one.description} |"
            for one in CATALOGUE.values()
            if one.kind is kind
        ]
    return "\n".join(lines) + "\n"


_HEAD = """# Variables

Everything that passes the data interface is an instance of one of these. Printed from `heg/model/catalogue.py`; do not
edit. A value outside its range is refused and counted, never clipped."""


def _range(variable: Variable) -> str:
    if variable.states:
        return ", ".join(sorted(variable.states))
    if variable.record_type is not None:
        return f"`{variable.record_type.__name__}`"
    return f"{variable.low:g} to {variable.high:g}" if variable.kind in (Kind.SCALAR, Kind.COUNTER) else "-"
