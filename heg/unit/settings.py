"""What a configuration says to each room: typed sections in, the rooms' own settings out."""

from dataclasses import fields, replace
from datetime import time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import heg
from heg.config.schema import ApplianceRuleSection, DeviceSection, HegConfig
from heg.control.settings import ControlSettings, boot_id, settings_for
from heg.data.store.settings import Retention, StoreSettings
from heg.devices.contract import OwnerSettings
from heg.model.appliances import PowerState
from heg.model.cycles import CycleCurve
from heg.model.leases import Claimant
from heg.model.plan import Objective
from heg.model.plan import Site as PlannedSite
from heg.model.tariff import Viewpoint
from heg.model.timings import Timings
from heg.services.accounting.settings import AccountingSettings
from heg.services.automation.settings import ApplianceRule, AutomationSettings, Limits, Strategy, Window
from heg.services.cycle_words import CycleSettings
from heg.services.cycles import CyclesSettings
from heg.services.planning.settings import PlanningSettings
from heg.web.house import Home
from heg.web.settings import LanSettings, WebSettings

PLANNING = "planning"
"""The slot loop's name as a task and as a service: it speaks for the plan."""
VEHICLE = "vehicle"
"""The service that charges a car as its person said."""
AUTOMATION = "automation"
"""The service that speaks for appliances: what they asked, what the utility may, the owner's rules, planned cycles."""


def timings_of(unit: HegConfig) -> Timings:
    """Return the times that follow from the control cycle."""
    return Timings.for_cycle(unit.control.cycle_s)


def control_settings(unit: HegConfig) -> ControlSettings:
    """Return the control room's settings; without a contract it measures and commands nothing."""
    contract, cycle_s = unit.contract, unit.control.cycle_s
    if contract is None:
        settings = ControlSettings(unit.unit.id, Timings.for_cycle(cycle_s), boot=boot_id())
    else:
        settings = settings_for(
            unit.unit.id,
            cycle_s,
            max_import_kw=contract.max_import_kw,
            max_export_kw=contract.max_export_kw,
            max_a_per_phase=contract.max_a_per_phase,
            phases=contract.phases,
            boot=boot_id(),
        )
    speaks = frozenset({AUTOMATION})
    claimants = {
        Claimant.PLAN: frozenset({PLANNING, AUTOMATION}),
        Claimant.APPLIANCE: speaks,
        Claimant.UTILITY: speaks,
        Claimant.AUTOMATION: speaks | {VEHICLE},
    }
    return replace(settings, claimants=claimants, time_zone=unit.unit.time_zone)


def store_settings(unit: HegConfig, state_dir: Path) -> StoreSettings:
    """Return where and how the past is kept."""
    store, kept = unit.store, unit.store.retention
    return StoreSettings(
        state_dir / "store.sqlite",
        flush_s=store.flush_s,
        retention=Retention(
            raw=timedelta(days=kept.raw_days),
            minute=timedelta(days=kept.minute_days),
            quarter=timedelta(days=kept.quarter_days),
            hour=timedelta(days=kept.hour_days),
            day=timedelta(days=kept.day_days),
        ),
        max_file_bytes=store.max_size_mb * 1_000_000,
    )


def owners_in(unit: HegConfig) -> tuple[OwnerSettings, ...]:
    """Return what the owner says of each device."""
    return tuple(_owner(name, section) for name, section in unit.device.items())


def _owner(name: str, section: DeviceSection) -> OwnerSettings:
    said = {field.name: getattr(section, field.name) for field in fields(OwnerSettings) if field.name != "name"}
    return OwnerSettings(name=name, **said)


def accounting_settings(unit: HegConfig) -> AccountingSettings:
    """Return how the books are kept."""
    return AccountingSettings(
        unit=unit.unit.id,
        timings=timings_of(unit),
        slot_minutes=unit.planning.slot_minutes,
        time_zone=unit.unit.time_zone,
        viewpoint=Viewpoint(unit.planning.viewpoint),
    )


def cycles_settings(unit: HegConfig) -> CyclesSettings:
    """Return what a configuration says of appliances' cycles."""
    return CyclesSettings(
        unit=unit.unit.id,
        timings=timings_of(unit),
        zone=ZoneInfo(unit.unit.time_zone),
        slot_minutes=unit.planning.slot_minutes,
        cycles=tuple(
            CycleSettings(
                name=name,
                curve=CycleCurve(one.power_kw, one.step_minutes, one.interruptible),
                earliest=None if one.earliest is None else time.fromisoformat(one.earliest),
                latest=None if one.latest is None else time.fromisoformat(one.latest),
                daily=one.daily,
            )
            for name, one in unit.cycle.items()
        ),
    )


def automation_settings(unit: HegConfig) -> AutomationSettings:
    """Return what a configuration says of appliances and of those who may ask for them."""
    said = unit.automation
    return AutomationSettings(
        unit=unit.unit.id,
        timings=timings_of(unit),
        zone=ZoneInfo(unit.unit.time_zone),
        strategy=Strategy(said.utility),
        who=frozenset(said.who),
        limits=Limits(
            open_each=said.requests_each,
            longest=timedelta(hours=said.longest_no_standby_hours),
            late=timedelta(minutes=said.late_minutes),
        ),
        slot=timedelta(minutes=unit.planning.slot_minutes),
        rules=tuple(_rule(name, rule) for name, rule in said.appliance.items()),
    )


def _rule(name: str, said: ApplianceRuleSection) -> ApplianceRule:
    ends = (window.split("-") for window in said.windows)
    return ApplianceRule(
        name=name,
        windows=tuple(Window(time.fromisoformat(start), time.fromisoformat(stop)) for start, stop in ends),
        rest=PowerState(said.rest),
        runs=said.runs,
        max_price=said.max_price_eur_per_kwh,
        max_co2=said.max_co2_kg_per_kwh,
        hysteresis=said.hysteresis,
    )


def planning_settings(unit: HegConfig) -> PlanningSettings:
    """Return what a configuration says to the slot loop."""
    planning, site = unit.planning, unit.site
    return PlanningSettings(
        unit=unit.unit.id,
        timings=timings_of(unit),
        slot_minutes=planning.slot_minutes,
        slots=max(1, round(planning.horizon_hours * 60 / planning.slot_minutes)),
        objective=None if planning.objective is None else Objective(planning.objective),
        viewpoint=Viewpoint(planning.viewpoint),
        wear_eur_per_kwh=planning.wear_eur_per_kwh,
        end_value_eur_per_kwh=planning.end_value_eur_per_kwh,
        outside_tube_eur_per_kwh=planning.outside_tube_eur_per_kwh,
        site=PlannedSite(
            time_zone=unit.unit.time_zone,
            latitude=site.latitude,
            longitude=site.longitude,
            tilt=site.tilt,
            azimuth=site.azimuth,
            peak_kw=site.panels_kw,
        ),
        phases=3 if unit.contract is None else unit.contract.phases,
    )


def web_settings(unit: HegConfig, state_dir: Path) -> WebSettings:
    """Return where the page listens."""
    web = unit.web
    lan = LanSettings(web.host, str(state_dir), web.tls_port, web.redirect_port, web.names)
    return WebSettings(host=web.loopback, port=web.port, lan=lan if web.on_lan else None)


def page_port(unit: HegConfig) -> int:
    """Return where the home network finds the page; 0 where it is not let in."""
    return unit.web.tls_port if unit.web.on_lan else 0


def home_of(unit: HegConfig) -> Home:
    """Return what the page must know of the unit that it shows."""
    step_test_s = timings_of(unit).step_test_s
    return Home(unit.unit.id, unit.unit.time_zone, heg.__version__, step_test_s, planning=unit.planning.enabled)
