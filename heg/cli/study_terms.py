"""Which battery, site and contract a study is about: as the options say, else as the house's configuration does."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from heg.cli.common import drivers, load_config
from heg.cli.ends import BAD_CONFIG, FAILED, CommandError
from heg.model.plan import Objective, Site, StorageInputs
from heg.model.tariff import Contract
from heg.studies.backtest import Study
from heg.studies.closed_loop import Recording, Terms

if TYPE_CHECKING:
    import argparse

    from heg.config.reader import LoadedConfig
    from heg.config.schema import DeviceSection, HegConfig
    from heg.devices.installed import InstalledDrivers
    from heg.studies.history import History

_HORIZON_HOURS = 24.0
_EFFICIENCY = 0.9


def study_of(options: argparse.Namespace, history: History, span: range) -> Study:
    """Return the study that these options ask for. Raises `CommandError`."""
    installed = drivers()
    loaded = None if options.config is None else load_config(options.config, installed)
    house = None if loaded is None else loaded.unit
    contract = Contract() if loaded is None else _contract(loaded, installed)
    recording = history.recording if history.priced else _priced(history.recording, contract, options)
    hours = options.horizon_hours or (_HORIZON_HOURS if house is None else house.planning.horizon_hours)
    return Study(
        recording=recording,
        battery=_battery(options, house),
        first=span.start,
        slots=len(span),
        horizon=max(1, round(hours * 60 / recording.slot_minutes)),
        site=_site(house),
        terms=replace(_terms(options.objective, house), tariff=contract.terms),
        noise_seed=options.pv_forecast,
    )


def _contract(loaded: LoadedConfig, installed: InstalledDrivers) -> Contract:
    """Return what the drivers' sections say of the supply contract."""
    zone = loaded.unit.unit.time_zone
    for name, section in loaded.drivers.items():
        ask = installed.specs[name].contract
        if ask is not None and (found := ask(section, zone)) is not None:
            return found
    return Contract()


def _priced(recording: Recording, contract: Contract, options: argparse.Namespace) -> Recording:
    """Return a recording whose file says no prices with the contract's. Raises `CommandError`."""
    if contract.bought is None:
        expected = "the column import_eur_per_kwh, or [feeds.tariff] in the configuration with eur_per_kwh or bands"
        raise CommandError(FAILED, f"{options.file}: expected {expected}")
    span = recording.start, recording.slot_minutes, recording.slots
    bought = contract.bought(*span)
    sold = contract.sold(*span) if contract.sold is not None else (0.0,) * recording.slots
    if None in bought:
        when = recording.at(bought.index(None))
        said = f"a price for every hour, otherwise_eur_per_kwh for one; none for {when:%Y-%m-%dT%H:%MZ}"
        raise CommandError(BAD_CONFIG, f"{options.config}: [feeds.tariff.import]: expected {said}")
    return replace(
        recording,
        import_eur_per_kwh=tuple(eur or 0.0 for eur in bought),
        export_eur_per_kwh=tuple(eur or 0.0 for eur in sold),
    )


def site_of(config: Path | None) -> Site:
    """Return where the house of a configuration stands; somewhere in UTC without one."""
    from heg.cli.common import drivers, load_config

    return _site(None if config is None else load_config(config, drivers()).unit)


def _battery(options: argparse.Namespace, house: HegConfig | None) -> StorageInputs:
    known = None if house is None else _storage(house, options.config)
    capacity_kwh = options.ess_kwh or (known and known.capacity_kwh)
    charge_kw = options.ess_kw or (known and known.max_charge_kw)
    discharge_kw = options.ess_kw or (known and known.max_discharge_kw) or charge_kw
    if not capacity_kwh or not charge_kw or not discharge_kw:
        wanted = "--ess-kwh and --ess-kw"
        if house is None:
            raise CommandError(2, f"heg backtest: expected {wanted}, or --config with a battery")
        missing = "[device.NAME] with role, capacity_kwh and max_charge_kw of the battery"
        raise CommandError(BAD_CONFIG, f"{options.config}: expected {missing}, or {wanted} beside it")
    planning = None if house is None else house.planning
    reserve = (known and known.reserve_share) or 0.0
    return StorageInputs(
        capacity_kwh=capacity_kwh,
        min_rate_kw=-discharge_kw,
        max_rate_kw=charge_kw,
        soc_kwh=0.0,
        round_trip_efficiency=options.efficiency or (known and known.round_trip_efficiency) or _EFFICIENCY,
        reserve_kwh=reserve * capacity_kwh,
        wear_eur_per_kwh=0.0 if planning is None else planning.wear_eur_per_kwh,
        end_value_eur_per_kwh=None if planning is None else planning.end_value_eur_per_kwh,
    )


def _storage(house: HegConfig, config: Path) -> DeviceSection | None:
    found = {
        name: device
        for name, device in house.device.items()
        if device.role == "storage" or (not device.role and device.capacity_kwh is not None)
    }
    if len(found) > 1:
        names = ", ".join(f"[device.{name}]" for name in found)
        raise CommandError(BAD_CONFIG, f"{config}: expected one battery, came {names}: say --ess-kwh and --ess-kw")
    return next(iter(found.values()), None)


def _site(house: HegConfig | None) -> Site:
    if house is None:
        return Site()
    site = house.site
    return Site(
        time_zone=house.unit.time_zone,
        latitude=site.latitude,
        longitude=site.longitude,
        tilt=site.tilt,
        azimuth=site.azimuth,
        peak_kw=site.panels_kw,
    )


def _terms(objective: str | None, house: HegConfig | None) -> Terms:
    contract = None if house is None else house.contract
    wanted = objective or (None if house is None else house.planning.objective) or "energy+co2"
    return Terms(
        counts_co2=wanted != "energy",
        objective=Objective.CO2 if wanted == "co2" else Objective.ENERGY_CO2,
        contract_min_kw=None if contract is None else -contract.max_export_kw,
        contract_max_kw=None if contract is None else contract.max_import_kw,
    )
