"""What a SunSpec device is: its roles, and what each role can do. From its own models and the owner's word. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from drivers.modbus.sunspec.image import ModelImage
from heg.devices.contract import OwnerSettings
from heg.model.capabilities import (
    Capability,
    MeterCapability,
    ProducerCapability,
    StorageCapability,
    WriteBudget,
)
from heg.model.regimes import Regime

Images = Mapping[int, ModelImage]

METERS = (201, 202, 203, 204, 211, 212, 213, 214)
INVERTERS = (701, 113, 112, 111, 103, 102, 101)
STORAGES = (713, 802, 124)
_PV_ONLY = 4
_PV_PORT, _STORAGE_PORT = 0, 1
_PHASES = {1: 1, 2: 2, 3: 3, 4: 3}
_AC_TYPE_PHASES = {0: 1, 1: 2, 2: 3}
_REVERT_S = 60.0


class Role(StrEnum):
    """What a device is for the house. The first role has the device's bare identity, a further one `#role`."""

    METER = "meter"
    STORAGE = "storage"
    PV = "pv"


@dataclass(frozen=True, slots=True)
class Ports:
    """Prefixes of the DC ports (model 714) or modules (160) of a hybrid, by what hangs on them."""

    model: int
    pv: tuple[str, ...]
    charging: tuple[str, ...]
    discharging: tuple[str, ...]


def roles_of(images: Images, owner: OwnerSettings) -> tuple[Role, ...]:
    """The roles of one device, first the one that names it. The owner's `role` leaves only that one."""
    found = _found_roles(images)
    said = {"meter": Role.METER, "producer": Role.PV, "storage": Role.STORAGE}.get(owner.role)
    return found if said is None else (said,)


def inverter_model(images: Images) -> ModelImage | None:
    """The model that measures the AC side of an inverter."""
    return next((images[model_id] for model_id in INVERTERS if model_id in images), None)


def meter_model(images: Images) -> ModelImage | None:
    """The meter's model."""
    return next((images[model_id] for model_id in METERS if model_id in images), None)


def ports_of(images: Images) -> Ports | None:
    """The DC ports of a hybrid inverter: None when nothing tells PV from storage."""
    if (ports := images.get(714)) is not None:
        prefixes = [f"Prt.{index}." for index in range(1, ports.repeats("Prt") + 1)]
        pv = tuple(prefix for prefix in prefixes if ports.raw(f"{prefix}PrtTyp") == _PV_PORT)
        storage = tuple(prefix for prefix in prefixes if ports.raw(f"{prefix}PrtTyp") == _STORAGE_PORT)
        return Ports(714, pv, (), storage)
    if (modules := images.get(160)) is not None:
        prefixes = [f"module.{index}." for index in range(1, modules.repeats("module") + 1)]
        names = {prefix: modules.text(f"{prefix}IDStr").lower() for prefix in prefixes}
        charging = tuple(prefix for prefix, name in names.items() if name.startswith("stcha"))
        discharging = tuple(prefix for prefix, name in names.items() if name.startswith("stdis"))
        pv = tuple(prefix for prefix in prefixes if prefix not in (*charging, *discharging))
        return Ports(160, pv, charging, discharging)
    return None


def capability_of(role: Role, images: Images, owner: OwnerSettings, *, at_connection_point: bool) -> Capability:
    """What the device can do in this role; the owner's figures win over the device's."""
    match role:
        case Role.METER:
            meter = meter_model(images)
            phases = _PHASES[meter.id % 10] if meter is not None else 1
            return MeterCapability(phases, at_connection_point)
        case Role.PV:
            curtailable = 123 in images or (704 in images and images[704].has("WMaxLimPctEna"))
            return ProducerCapability(rated_kw(images), phases_of(images), curtailable)
        case Role.STORAGE:
            return _storage(images, owner)


def phases_of(images: Images) -> int:
    """On how many phases an inverter works."""
    inverter = inverter_model(images)
    if inverter is None:
        return 1
    if inverter.id == 701:
        ac_type = inverter.raw("ACType")
        return _AC_TYPE_PHASES.get(ac_type, 3) if isinstance(ac_type, int) else 3
    return _PHASES[inverter.id % 10]


def rated_kw(images: Images) -> float:
    """The active power that 100 % means."""
    return _first_kilo(images, (702, "WMax"), (702, "WMaxRtg"), (121, "WMax"), (120, "WRtg")) or 0.0


def own_mode(owner: OwnerSettings) -> bool:
    """True when the owner says that the device follows its own self-consumption while nobody commands it."""
    return owner.own_mode == "self-consumption"


def _found_roles(images: Images) -> tuple[Role, ...]:
    roles: list[Role] = []
    ports = ports_of(images)
    if inverter_model(images) is not None or any(model in images for model in STORAGES):
        if _has_storage(images, ports):
            roles.append(Role.STORAGE)
            if ports is not None and ports.pv:
                roles.append(Role.PV)
        elif inverter_model(images) is not None:
            roles.append(Role.PV)
    if meter_model(images) is not None:
        roles.append(Role.METER)
    return tuple(roles)


def _has_storage(images: Images, ports: Ports | None) -> bool:
    """Some PV inverters carry an empty storage model: a battery must show a figure of its own."""
    if 120 in images and images[120].raw("DERTyp") == _PV_ONLY and not (713 in images or 802 in images):
        return False
    figures = ((713, "SoC"), (713, "WHRtg"), (802, "SoC"), (802, "WHRtg"), (124, "WChaMax"), (124, "ChaState"))
    if any(model in images and images[model].number(point) for model, point in figures):
        return True
    return ports is not None and bool(ports.charging or ports.discharging)


def _storage(images: Images, owner: OwnerSettings) -> StorageCapability:
    charge_kw = _first_kilo(
        images, (702, "WChaRteMax"), (702, "WChaRteMaxRtg"), (124, "WChaMax"), (120, "MaxChaRte"), (802, "WChaRteMax")
    )
    discharge_kw = _first_kilo(
        images, (702, "WDisChaRteMax"), (702, "WDisChaRteMaxRtg"), (120, "MaxDisChaRte"), (802, "WDisChaRteMax")
    )
    capacity_kwh = _first_kilo(images, (713, "WHRtg"), (802, "WHRtg"), (120, "WHRtg"))
    fallback_kw = rated_kw(images)
    most_kw = _said(owner.max_charge_kw, charge_kw, fallback_kw)
    least_kw = -_said(owner.max_discharge_kw, discharge_kw, charge_kw, fallback_kw)
    budget = WriteBudget(
        volatile=bool(owner.volatile),
        per_day=owner.writes_per_day if owner.writes_per_day is not None else WriteBudget().per_day,
    )
    return StorageCapability(
        capacity_kwh=_said(owner.capacity_kwh, capacity_kwh),
        min_rate_kw=least_kw,
        max_rate_kw=most_kw,
        round_trip_efficiency=_said(owner.round_trip_efficiency, 0.9),
        reserve_share=_said(owner.reserve_share, _reserve(images)),
        phases=phases_of(images),
        set_power=704 in images or 124 in images,
        native=native_regimes(images, own_mode=own_mode(owner)),
        writes=budget,
        revert_s=_REVERT_S if _reverts(images) else 0.0,
    )


def native_regimes(images: Images, *, own_mode: bool) -> frozenset[Regime]:
    """What the device does by itself once mode and limits are written.

    With 124 and an own mode both limits shape it; 704 can only let it go or cap its injection.
    """
    regimes = {Regime.HOLD} if 124 in images or 704 in images else set()
    if own_mode and uses_124(images, own_mode=own_mode):
        regimes |= {Regime.BALANCE, Regime.COVER, Regime.ABSORB}
    elif own_mode and 704 in images:
        regimes.add(Regime.BALANCE)
        if images[704].has("WMaxLimPctEna") and images[704].has("WMaxLimPct"):
            regimes.add(Regime.ABSORB)
    return frozenset(regimes)


def uses_124(images: Images, *, own_mode: bool) -> bool:
    """Where a storage has both controls: limits for one that follows its own mode, else the set-point."""
    if 124 not in images or not images[124].has("WChaMax"):
        return False
    return own_mode or 704 not in images


def _reverts(images: Images) -> bool:
    return (124 in images and images[124].has("InOutWRte_RvrtTms")) or (
        704 in images and images[704].has("WSetRvrtTms")
    )


def _reserve(images: Images) -> float:
    shares = [
        percent / 100
        for model, point in ((124, "MinRsvPct"), (802, "SoCRsvMin"))
        if model in images and (percent := images[model].number(point)) is not None and 0 <= percent <= 100
    ]
    return max(shares, default=0.0)


def _first_kilo(images: Images, *points: tuple[int, str]) -> float | None:
    """The first implemented figure above zero, in kW or kWh instead of W or Wh."""
    for model, point in points:
        if model in images and (value := images[model].number(point)) is not None and value > 0:
            return value / 1000
    return None


def _said(*figures: float | None) -> float:
    return next((figure for figure in figures if figure is not None), 0.0)
