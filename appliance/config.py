"""What `appliance.toml` may say, section by section; nothing but the name is needed."""

from datetime import time, timedelta
from typing import Annotated

import msgspec

from appliance.judging import Rule
from heg.model.appliances import PowerState, WakeMethod
from heg.model.cycles import LONGEST_STEPS, MOST_KW, CycleCurve
from heg.model.local_times import time_of_day

LONGEST_NAME = 64
READABLE = r"^[^\x00-\x1f\x7f\ufffe\uffff]*\Z"
"""XML takes nothing else, and people could not read it."""
Text = Annotated[
    str,
    msgspec.Meta(max_length=LONGEST_NAME, pattern=READABLE, description="a text of at most 64 characters in one line"),
]
Argv = Annotated[
    tuple[str, ...],
    msgspec.Meta(
        min_length=1,
        max_length=32,
        description='a program with its arguments, such as ["/usr/local/bin/pump", "on"]; no shell reads it',
    ),
]
Clock = Annotated[str, msgspec.Meta(description='a time of day, such as "22:00:00"')]
State = Annotated[PowerState, msgspec.Meta(description='"on", "standby" or "off"')]
Port = Annotated[int, msgspec.Meta(ge=1024, le=65535, description="a port from 1024 to 65535")]


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A section of the file."""


class About(Section, frozen=True):
    """`[appliance]`: what it is."""

    name: Annotated[
        str,
        msgspec.Meta(
            min_length=1, max_length=LONGEST_NAME, pattern=READABLE, description='its name, such as "Washing machine"'
        ),
    ]
    maker: Text = "heg"
    model: Text = "heg-appliance"
    serial: Text = ""
    uuid: Annotated[
        str, msgspec.Meta(pattern="^([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})?$", description="a UUID, small letters")
    ] = ""
    """Empty: made once of the machine's own id, and kept."""
    rated_w: Annotated[int, msgspec.Meta(ge=0, le=50_000, description="watts, from 0 to 50000")] = 0
    wake: Annotated[WakeMethod, msgspec.Meta(description='"wol", "wowlan" or "none"')] = WakeMethod.WOL
    timezone: Annotated[str, msgspec.Meta(description='a time zone, such as "Europe/Berlin"')] = ""
    """Empty: the machine's."""
    longest_standby_hours: Annotated[float, msgspec.Meta(gt=0, lt=24, description="hours, less than 24")] = 16.0
    starts_late_cycles: bool = True


class NetworkSection(Section, frozen=True):
    """`[network]`: where it is found. Without `interface` and `address`: where the machine's own route leads."""

    interface: Annotated[str, msgspec.Meta(max_length=15, description='an interface, such as "eth0"')] = ""
    address: Annotated[str, msgspec.Meta(max_length=64, description="an IP address of this machine")] = ""
    port: Port = 8467
    max_age_s: Annotated[int, msgspec.Meta(ge=60, le=86_400, description="seconds from 60 to 86400")] = 1800

    def __post_init__(self) -> None:
        """Refuse two answers to one question."""
        if self.interface and self.address:
            message = "expected interface or address, not both"
            raise ValueError(message)


class LogindSection(Section, frozen=True):
    """`[logind]`: this computer is the appliance."""

    bus: Annotated[str, msgspec.Meta(description='a D-Bus address, or "SYSTEM"')] = "SYSTEM"
    rtc: Annotated[str, msgspec.Meta(description='a clock of sysfs, such as "/sys/class/rtc/rtc0"')] = (
        "/sys/class/rtc/rtc0"
    )
    """Empty: it has none that wakes it."""


class CommandSection(Section, frozen=True):
    """`[command]`: programs switch the appliance, and one tells its state by its first word."""

    state: Argv
    on: Argv | None = None
    standby: Argv | None = None
    off: Argv | None = None
    poll_s: Annotated[float, msgspec.Meta(ge=0.2, le=3600, description="seconds from 0.2 to 3600")] = 5.0
    limit_s: Annotated[float, msgspec.Meta(ge=0.1, le=60, description="seconds from 0.1 to 60")] = 5.0

    def ways(self) -> dict[PowerState, tuple[str, ...]]:
        """Tell by which program it goes where."""
        given = {PowerState.ON: self.on, PowerState.STANDBY: self.standby, PowerState.OFF: self.off}
        return {state: argv for state, argv in given.items() if argv is not None}


class GpioSection(Section, frozen=True):
    """`[gpio]`: a line switches the appliance, and another one may tell whether it is on."""

    line: Annotated[int, msgspec.Meta(ge=0, le=1023, description="the number of a line")]
    chip: Annotated[str, msgspec.Meta(description='a chip, such as "/dev/gpiochip0"')] = "/dev/gpiochip0"
    active_low: bool = False
    sense: Annotated[int, msgspec.Meta(ge=0, le=1023, description="the number of a line")] | None = None
    sense_active_low: bool = False
    low_is: State = PowerState.OFF

    def __post_init__(self) -> None:
        """Refuse a line that would say nothing, or that senses itself."""
        if self.low_is is PowerState.ON:
            message = 'low_is: expected "standby" or "off"'
            raise ValueError(message)
        if self.sense == self.line:
            message = "sense: expected another line than the one that switches"
            raise ValueError(message)


class ConditionSection(Section, frozen=True):
    """`[condition.NAME]`: something that rules ask; it holds when the program ends with 0, or cannot say."""

    command: Argv
    limit_s: Annotated[float, msgspec.Meta(ge=0.1, le=10, description="seconds from 0.1 to 10")] = 2.0


class RuleSection(Section, frozen=True, rename={"condition": "while"}):
    """`[[rule]]`: what is never done, when, and why."""

    never: Annotated[tuple[State, ...], msgspec.Meta(min_length=1, description='states, such as ["off", "standby"]')]
    between: Annotated[tuple[Clock, Clock], msgspec.Meta(description='two times, such as ["22:00:00", "06:00:00"]')] | (
        None
    ) = None
    condition: Annotated[str, msgspec.Meta(description="the NAME of a [condition.NAME]")] = ""
    why: Annotated[str, msgspec.Meta(max_length=120, description="a sentence of at most 120 characters")] = ""

    def __post_init__(self) -> None:
        """Refuse times that are none."""
        for text in self.between or ():
            if time_of_day(text) is None:
                message = f'between: expected two times of day such as "22:00:00", came "{text[:40]}"'
                raise ValueError(message)
        if PowerState.ON in self.never and self.between is None and not self.condition:
            message = "never: expected a time or a condition with it; an appliance that is never on is none"
            raise ValueError(message)

    def rule(self) -> Rule:
        """Make it a rule."""
        spans = [at for at in map(time_of_day, self.between or ()) if at is not None]
        between: tuple[time, time] | None = (spans[0], spans[1]) if len(spans) == 2 else None
        return Rule(frozenset(self.never), between, self.condition, self.why)


class CycleSection(Section, frozen=True):
    """`[cycle.NAME]`: a programme that a person may load."""

    watts: Annotated[
        tuple[Annotated[float, msgspec.Meta(gt=0, le=MOST_KW * 1000)], ...],
        msgspec.Meta(
            min_length=1, max_length=LONGEST_STEPS, description="the watts of each step, above 0, at most 288 of them"
        ),
    ]
    step_minutes: Annotated[int, msgspec.Meta(ge=1, le=60, description="minutes, a divisor of 60")] = 15
    interruptible: bool = False

    def __post_init__(self) -> None:
        """Refuse steps that fit in no hour."""
        if 60 % self.step_minutes:
            message = f"step_minutes: expected a divisor of 60, such as 5 or 15, came {self.step_minutes}"
            raise ValueError(message)
        if len(self.watts) * self.step_minutes > 24 * 60:
            message = "watts: expected a cycle of at most 24 hours"
            raise ValueError(message)

    def curve(self) -> CycleCurve:
        """Make it a curve."""
        return CycleCurve(tuple(watts / 1000 for watts in self.watts), self.step_minutes, self.interruptible)

    def length(self) -> timedelta:
        """How long it runs."""
        return self.curve().length


class ApplianceConfig(Section, frozen=True):
    """The whole file."""

    appliance: About
    network: NetworkSection = msgspec.field(default_factory=NetworkSection)
    logind: LogindSection | None = None
    command: CommandSection | None = None
    gpio: GpioSection | None = None
    condition: dict[str, ConditionSection] = msgspec.field(default_factory=dict)
    rule: tuple[RuleSection, ...] = ()
    cycle: dict[str, CycleSection] = msgspec.field(default_factory=dict)
    state_dir: Annotated[str, msgspec.Meta(min_length=1, description="a folder")] = "/var/lib/heg-appliance"
    socket: Annotated[str, msgspec.Meta(min_length=1, max_length=100, description="a path of at most 100 bytes")] = (
        "/run/heg-appliance/socket"
    )
    log: Annotated[str, msgspec.Meta(pattern="^(debug|info|warning|error)$", description="debug, info, warning")] = (
        "info"
    )

    def programs(self) -> list[str]:
        """List the programs that are run, each once."""
        argvs = [one.command for one in self.condition.values()]
        if self.command is not None:
            argvs += [self.command.state, *self.command.ways().values()]
        return sorted({argv[0] for argv in argvs})
