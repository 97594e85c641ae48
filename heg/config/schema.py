"""The sections of `heg.toml` that belong to the unit itself. Drivers bring their own (`DriverSpec.config_type`).

Each field's `Meta.description` is the phrase that an error shows after "expected".
"""

import ipaddress
from typing import Annotated

import msgspec
from msgspec import Meta

Share = Annotated[float, Meta(ge=0.0, le=1.0, description="a share between 0 and 1, such as 0.1")]
Efficiency = Annotated[float, Meta(ge=0.5, le=1.0, description="a share between 0.5 and 1, such as 0.9")]
Kilowatts = Annotated[float, Meta(ge=0.0, le=1000.0, description="kilowatts from 0 to 1000, such as 5.0")]
Days = Annotated[int, Meta(ge=1, le=36500, description="a number of days, at least 1")]
Name = Annotated[
    str,
    Meta(pattern=r"^[a-z][a-z0-9-]{0,31}$", description="a name of small letters, digits and '-', such as \"battery\""),
]
_CLOCK = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"
_WINDOW = r"^([01][0-9]|2[0-3]):[0-5][0-9]-([01][0-9]|2[0-3]):[0-5][0-9]$"
HostName = Annotated[
    str,
    Meta(
        pattern=r"^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z]([a-z0-9-]{0,61}[a-z0-9])?$",
        max_length=253,
        description='a host name in small letters, such as "energy.example.org"',
    ),
]
PortNumber = Annotated[int, Meta(ge=1, le=65535, description="a TCP port from 1 to 65535, such as 8462")]


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every section is: immutable, named fields only, nothing unknown."""


class UnitSection(Section, frozen=True):
    """`[unit]`: who this management unit is and where it keeps its files."""

    id: Name = "home"
    state_dir: Annotated[str, Meta(min_length=1, description="a folder that heg may write to")] = "/var/lib/heg"
    time_zone: Annotated[str, Meta(description='a time zone such as "Europe/Rome", used only where people read')] = (
        "UTC"
    )


class ClockSection(Section, frozen=True):
    """`[clock]`: only for demonstrations: house time = `house_utc` + (real time - `real_epoch_s`) * `speed`."""

    speed: Annotated[float, Meta(gt=0.0, le=600.0, description="a speed above 0 and at most 600, such as 60")] = 1.0
    house_utc: Annotated[str, Meta(description='a UTC time such as "2024-07-29T05:00:00Z"')] = ""
    real_epoch_s: Annotated[float, Meta(ge=0.0, description="seconds since 1970 (UTC)")] = 0.0


class ContractSection(Section, frozen=True):
    """`[contract]`: the supply contract at the connection point. Without it no power is steered."""

    max_import_kw: Kilowatts
    max_export_kw: Kilowatts
    phases: Annotated[int, Meta(ge=1, le=3, description="1 or 3 phases")] = 3
    max_a_per_phase: Annotated[float, Meta(gt=0.0, le=1000.0, description="amperes per phase, such as 25")] = 1000.0


class ControlSection(Section, frozen=True):
    """`[control]`: the control cycle. Age limits, lease expiry and revert times follow from it."""

    cycle_s: Annotated[float, Meta(ge=0.2, le=300.0, description="seconds from 0.2 to 300, such as 1.0")] = 1.0


SwitchMinutes = Annotated[float, Meta(ge=0.0, le=1440.0, description="minutes from 0 to 1440, such as 10")]


class DeviceSection(Section, frozen=True):
    """`[device.NAME]`: the owner's name for a device, found by serial number or identity, and what the owner knows."""

    serial: str = ""
    identity: str = ""
    role: Annotated[
        str, Meta(pattern=r"^(|meter|producer|storage|vehicle)$", description="meter, producer, storage or vehicle")
    ] = ""
    capacity_kwh: Annotated[float, Meta(gt=0.0, le=10000.0, description="kWh above 0, such as 10")] | None = None
    max_charge_kw: Kilowatts | None = None
    max_discharge_kw: Kilowatts | None = None
    round_trip_efficiency: Efficiency | None = None
    reserve_share: Share | None = None
    volatile: bool | None = None
    writes_per_day: Annotated[int, Meta(ge=1, le=100000, description="writes a day, such as 200")] | None = None
    own_mode: (
        Annotated[str, Meta(pattern=r"^(none|self-consumption)$", description='"none" or "self-consumption"')] | None
    ) = None
    charging: Annotated[str, Meta(pattern=r"^(at-once|surplus)$", description='"at-once" or "surplus"')] | None = None
    importance: (
        Annotated[
            str,
            Meta(pattern=r"^(must-run|flexible|optional)$", description='"must-run", "flexible" or "optional"'),
        ]
        | None
    ) = None
    rated_kw: Annotated[float, Meta(ge=0.0, le=100.0, description="kW that an appliance draws, such as 2")] | None = (
        None
    )
    min_on_minutes: SwitchMinutes | None = None
    min_off_minutes: SwitchMinutes | None = None


class PlanningSection(Section, frozen=True):
    """`[planning]`: the slot loop that plans; without it storages follow self-consumption.

    Without `objective` it is `energy+co2+distribution` while a profile tube is told, else `energy+co2`. With the
    retailer's `viewpoint` plans and books count the day-ahead market's price both ways.
    """

    enabled: bool = True
    slot_minutes: Annotated[int, Meta(description="5, 15, 30 or 60 minutes")] = 15
    horizon_hours: Annotated[float, Meta(ge=1.0, le=48.0, description="hours from 1 to 48, such as 24")] = 24.0
    objective: (
        Annotated[
            str,
            Meta(
                pattern=r"^(energy\+co2|co2|energy\+co2\+distribution)$",
                description='"energy+co2", "co2" or "energy+co2+distribution"',
            ),
        ]
        | None
    ) = None
    viewpoint: Annotated[str, Meta(pattern=r"^(household|retailer)$", description='"household" or "retailer"')] = (
        "household"
    )
    wear_eur_per_kwh: Annotated[float, Meta(ge=0.0, le=10.0, description="EUR per kWh discharged, such as 0.02")] = 0.0
    end_value_eur_per_kwh: (
        Annotated[float, Meta(ge=-10.0, le=10.0, description="EUR per kWh left, such as 0.2")] | None
    ) = None
    outside_tube_eur_per_kwh: Annotated[float, Meta(ge=0.0, le=100.0, description="EUR per kWh, such as 0.1")] = 0.1


class CycleSection(Section, frozen=True):
    """`[cycle.NAME]`: what an appliance's cycle draws, and when it usually may run; `heg cycle NAME` asks for one.

    Times are those of the house's clock; a `daily` one is asked for by itself, each day.
    """

    power_kw: Annotated[
        tuple[Annotated[float, Meta(gt=0.0, le=50.0, description="kW above 0 and at most 50")], ...],
        Meta(min_length=1, max_length=288, description="1 to 288 powers in kW, such as [2.0, 0.2, 1.5]"),
    ]
    step_minutes: Annotated[int, Meta(description="5, 15, 30 or 60 minutes")] = 15
    interruptible: bool = False
    earliest: Annotated[str, Meta(pattern=_CLOCK, description='a local time such as "10:00"')] | None = None
    latest: Annotated[str, Meta(pattern=_CLOCK, description='a local time such as "18:00"')] | None = None
    daily: bool = False

    def __post_init__(self) -> None:
        """Refuse a daily cycle without a window."""
        if self.daily and (self.earliest is None or self.latest is None):
            raise ValueError('expected earliest and latest with daily = true, such as "10:00" and "18:00"')


class ApplianceRuleSection(Section, frozen=True):
    """`[automation.appliance.NAME]`: when an appliance may work; otherwise it rests. NAME is its device's.

    `windows` are by the house's clock. With `runs` it is switched on whenever it may work, else left to its user then.
    After a threshold was exceeded the value must fall by `hysteresis`, a share of it, before it may work again.
    """

    windows: Annotated[
        tuple[Annotated[str, Meta(pattern=_WINDOW, description='a window such as "22:00-06:00"')], ...],
        Meta(max_length=8, description='local windows such as ["06:00-09:00", "17:00-22:00"]'),
    ] = ()
    max_price_eur_per_kwh: Annotated[float, Meta(ge=-20.0, le=20.0, description="EUR per kWh, such as 0.30")] | None = (
        None
    )
    max_co2_kg_per_kwh: Annotated[float, Meta(ge=0.0, le=5.0, description="kg per kWh, such as 0.35")] | None = None
    hysteresis: Annotated[float, Meta(ge=0.0, le=0.5, description="a share from 0 to 0.5, such as 0.05")] = 0.05
    rest: Annotated[str, Meta(pattern=r"^(standby|off)$", description='"standby" or "off"')] = "standby"
    runs: bool = False

    def __post_init__(self) -> None:
        """Refuse a rule that says nothing, and a window of no length."""
        if not self.windows and self.max_price_eur_per_kwh is None and self.max_co2_kg_per_kwh is None:
            raise ValueError("expected windows, max_price_eur_per_kwh or max_co2_kg_per_kwh")
        if any(window[:5] == window[6:] for window in self.windows):
            raise ValueError('expected windows whose ends differ, such as "22:00-06:00"')


class AutomationSection(Section, frozen=True):
    """`[automation]`: what others may ask of the appliances, and the owner's rules for them.

    `utility` is the owner's strategy: "off", "reduce" (it may ask to draw less for a while), "full" (it may switch
    appliances that need not run, too). `who` names the stakeholders that may, where not all that the policies let.
    Of what appliances ask themselves: how much each may, how long a period without standby is at most, how much too
    late a wake-up is still done after the gateway was off.
    """

    utility: Annotated[str, Meta(pattern=r"^(off|reduce|full)$", description='"off", "reduce" or "full"')] = "off"
    who: Annotated[
        tuple[
            Annotated[
                str,
                Meta(
                    pattern=r"^(dso|supplier|aggregator)(:[a-z0-9][a-z0-9._-]{0,31})?$",
                    description='"dso", "supplier" or "aggregator", with its name after ":" where one is meant',
                ),
            ],
            ...,
        ],
        Meta(max_length=16, description='stakeholders such as ["dso", "supplier:sun"]'),
    ] = ()
    requests_each: Annotated[int, Meta(ge=1, le=16, description="1 to 16 requests")] = 8
    longest_no_standby_hours: Annotated[float, Meta(ge=0.1, le=24.0, description="hours from 0.1 to 24")] = 12.0
    late_minutes: Annotated[float, Meta(ge=0.0, le=240.0, description="minutes from 0 to 240, such as 15")] = 15.0
    appliance: dict[str, ApplianceRuleSection] = {}


class SiteSection(Section, frozen=True):
    """`[site]`: where the house stands and how its panels look at the sun; without it production is learnt.

    The panels' size is their peak, or their area and efficiency.
    """

    latitude: Annotated[float, Meta(ge=-90.0, le=90.0, description="degrees north, such as 45.1")] | None = None
    longitude: Annotated[float, Meta(ge=-180.0, le=180.0, description="degrees east, such as 9.2")] | None = None
    tilt: Annotated[float, Meta(ge=0.0, le=90.0, description="degrees from horizontal, such as 35")] | None = None
    azimuth: (
        Annotated[float, Meta(ge=0.0, le=360.0, description="degrees clockwise from north, 180 is south")] | None
    ) = None
    peak_kw: Annotated[float, Meta(gt=0.0, le=1000.0, description="kW of the panels, such as 5")] | None = None
    area_m2: Annotated[float, Meta(gt=0.0, le=10000.0, description="m2 of panels, such as 25")] | None = None
    efficiency: (
        Annotated[float, Meta(gt=0.02, le=0.5, description="the panels' share of the light, such as 0.21")] | None
    ) = None

    def __post_init__(self) -> None:
        """Refuse panels of which half is said, or all twice."""
        if (self.area_m2 is None) != (self.efficiency is None):
            raise ValueError("expected area_m2 and efficiency together, such as 25 and 0.21")
        if self.area_m2 is not None and self.peak_kw is not None:
            raise ValueError("expected peak_kw, or area_m2 and efficiency, not both")

    @property
    def panels_kw(self) -> float | None:
        """The panels' peak as said, or as their area gives in the light of the test (1 kW/m2)."""
        if self.area_m2 is None or self.efficiency is None:
            return self.peak_kw
        return self.area_m2 * self.efficiency


class RetentionSection(Section, frozen=True):
    """`[store.retention]`: how many days each resolution is kept."""

    raw_days: Days = 14
    minute_days: Days = 62
    quarter_days: Days = 750
    hour_days: Days = 3650
    day_days: Days = 36500


class StoreSection(Section, frozen=True):
    """`[store]`: the history on disk."""

    flush_s: Annotated[float, Meta(ge=1.0, le=3600.0, description="seconds from 1 to 3600, such as 60")] = 60.0
    max_size_mb: Annotated[int, Meta(ge=16, le=1000000, description="megabytes, at least 16")] = 2000
    retention: RetentionSection = RetentionSection()


class WebSection(Section, frozen=True):
    """`[web]`: the live page, unencrypted on this machine at `port`. With another `host` than loopback it is there for
    the home network, too, over TLS at `tls_port`, by this machine's names and those in `names`; browsers that come
    unencrypted to `redirect_port` are sent there. With `login` nobody is let in without one; where the home network
    is let in that is always so.
    """

    port: PortNumber = 8462
    host: Annotated[
        str,
        Meta(
            pattern=r"^[0-9A-Fa-f.:]{2,45}$",
            description='"127.0.0.1" for this machine only, "0.0.0.0" for the home network, or one of its addresses',
        ),
    ] = "127.0.0.1"
    tls_port: PortNumber = 8463
    redirect_port: PortNumber = 8464
    names: Annotated[
        tuple[HostName, ...],
        Meta(max_length=16, description='host names in small letters, such as ["energy.example.org"]'),
    ] = ()
    login: Annotated[bool, Meta(description="true or false; where host is not loopback it is always true")] | None = (
        None
    )

    def __post_init__(self) -> None:
        """Refuse what cannot be served, and the home network without a login."""
        if not _is_address(self.host):
            raise ValueError('expected host = an address, such as "127.0.0.1" or "0.0.0.0"')
        if self.on_lan and self.login is False:
            raise ValueError("expected login = true, or left out, where host is not loopback")

    @property
    def on_lan(self) -> bool:
        """Whether the home network is let in."""
        return not ipaddress.ip_address(self.host).is_loopback

    @property
    def asks_login(self) -> bool:
        """Whether nobody is let in without a login."""
        return self.on_lan if self.login is None else self.login

    @property
    def loopback(self) -> str:
        """Where this machine itself finds the page."""
        return "127.0.0.1" if self.on_lan else self.host


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


class LogSection(Section, frozen=True):
    """`[log]`: how loud, and in which shape."""

    level: Annotated[
        str, Meta(pattern=r"^(debug|info|warning|error)$", description="debug, info, warning or error")
    ] = "info"
    format: Annotated[str, Meta(pattern=r"^(text|json)$", description="text or json")] = "text"


class HegConfig(Section, frozen=True):
    """The whole file but for the drivers' sections."""

    contract: ContractSection | None = None
    unit: UnitSection = UnitSection()
    clock: ClockSection | None = None
    control: ControlSection = ControlSection()
    device: dict[str, DeviceSection] = {}
    store: StoreSection = StoreSection()
    planning: PlanningSection = PlanningSection()
    cycle: dict[str, CycleSection] = {}
    automation: AutomationSection = AutomationSection()
    site: SiteSection = SiteSection()
    web: WebSection = WebSection()
    log: LogSection = LogSection()
