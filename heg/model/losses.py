"""The loss matrix as data (DESIGN.md, Two clocks): what may be lost, what holds then, and who sees to it.

Each room looks its row up by id: `loss("grid-meter-stale")`. The page docs/loss-matrix.md is printed from here; a test
demands that it is, that the enforcer named in a row knows the row's id, and that the rig plays the row's scenario.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from heg.model.timings import Timings


class LossKind(StrEnum):
    """What kind of thing is lost."""

    INPUT = "input"
    ACTUATOR = "actuator"
    LINK = "link"
    RESOURCE = "resource"


@dataclass(frozen=True, slots=True)
class Span:
    """A time bound: a field of `Timings` that follows the control cycle, and seconds that do not."""

    timing: str = ""
    seconds: float = 0.0
    cycles: float = 0.0

    def at(self, timings: Timings) -> float:
        """Return the bound in seconds for these timings."""
        named_s = float(getattr(timings, self.timing)) if self.timing else 0.0
        return named_s + self.cycles * max(timings.cycle_s, 1.0) + self.seconds


@dataclass(frozen=True, slots=True)
class LossRow:
    """One row. `max_age` is how old the thing may get (None: it has no age); `within` bounds the time from the loss
    (from reaching that age, where there is one) until `safe` holds. `left` says how the degraded mode ends.
    """

    id: str
    kind: LossKind
    lost: str
    max_age: Span | None
    mode: str
    within: Span
    safe: str
    left: str
    enforcer: str
    scenario: str

    @property
    def in_force(self) -> str:
        """The row as a sentence for an alarm: what holds now, and how it ends."""
        return f"In force: {self.safe}; left {self.left}."


_ONE_CYCLE = Span(cycles=1)
_TWO_CYCLES = Span(cycles=2)
_DEVICE_SILENT = Span("lost_after_s")

_INPUTS = (
    LossRow(
        "grid-meter-stale",
        LossKind.INPUT,
        "the grid meter answers late or not at all",
        Span("meter_max_age_s"),
        "blind: no emulated regime, no envelope can be held by measuring",
        _TWO_CYCLES,
        "every storage that we steer by power holds (0 kW); a device with a meter of its own keeps its native regime",
        "with the first good reading",
        "heg.control.intents",
        "meter-stale",
    ),
    LossRow(
        "grid-meter-lost",
        LossKind.INPUT,
        "the grid meter is gone",
        _DEVICE_SILENT,
        "blind, with an alarm",
        _TWO_CYCLES,
        "as stale; the owner is told which device and since when",
        "when the meter answers again, by its identity, wherever it is",
        "heg.devices.manager",
        "meter-lost",
    ),
    LossRow(
        "soc-stale",
        LossKind.INPUT,
        "a storage reports power but no state of charge",
        Span("soc_max_age_s"),
        "the storage's energy is unknown",
        _TWO_CYCLES,
        "the storage holds (0 kW)",
        "with the first good state of charge",
        "heg.control.intents",
        "soc-stale",
    ),
    LossRow(
        "soc-out-of-range",
        LossKind.INPUT,
        "a storage reports a state of charge that cannot be",
        None,
        "the value is refused and counted; the last good one ages until soc-stale",
        Span("soc_max_age_s", cycles=2),
        "the storage holds (0 kW)",
        "with the first good state of charge",
        "heg.devices.device",
        "soc-out-of-range",
    ),
    LossRow(
        "storage-lost",
        LossKind.ACTUATOR,
        "a storage is gone",
        _DEVICE_SILENT,
        "the lease stays journalled; nothing is granted to it, the others share its headroom",
        _TWO_CYCLES,
        "the device reverts by its own dead-man timer where it has one; its last known power counts as uncontrolled",
        "when it answers again: read back first, then re-adopted or released",
        "heg.control.intents",
        "storage-lost",
    ),
    LossRow(
        "charger-lost",
        LossKind.ACTUATOR,
        "a car's charger is gone",
        _DEVICE_SILENT,
        "the lease stays journalled; nothing is granted to it, the others share its headroom",
        _TWO_CYCLES,
        "the charger falls back to its smallest current by its own dead-man timer where it has one; whatever the car "
        "draws counts as the house's load",
        "when it answers again: read back first, then re-adopted or released",
        "heg.control.intents",
        "charger-lost",
    ),
    LossRow(
        "vehicle-soc-unknown",
        LossKind.INPUT,
        "nobody said how full the plugged car is, or its charger meters nothing",
        Span(seconds=120.0),
        "the owner is asked; with a departure the plan assumes a nearly empty car and says so",
        Span(seconds=2.0, cycles=2),
        "the car is charged rather too much than too little: at once where nobody plans for it; it ends by itself",
        "when somebody says it (`heg plug-in`), or the car leaves",
        "heg.services.vehicle",
        "vehicle-soc-unknown",
    ),
    LossRow(
        "producer-lost",
        LossKind.INPUT,
        "a producer (PV) is gone",
        _DEVICE_SILENT,
        "production is unknown; the grid meter still sees its effect",
        _TWO_CYCLES,
        "control goes on by the grid meter alone",
        "when it answers again",
        "heg.devices.device",
        "producer-lost",
    ),
    LossRow(
        "contract-unknown",
        LossKind.INPUT,
        "no supply contract is configured, or a configured source of the envelope is silent",
        None,
        "a silent source gives its configured fail-safe, never *no limit*",
        _ONE_CYCLE,
        "the fail-safe limit; without a contract the unit measures and commands nothing",
        "when the source speaks again or the contract is configured",
        "heg.control.envelopes",
        "contract-unknown",
    ),
    LossRow(
        "counter-jumps",
        LossKind.INPUT,
        "a counter is reset, jumps, or its meter is swapped",
        None,
        "the step is named; its energy is never booked",
        Span(seconds=0.0, cycles=2),
        "books go on from the new level: no negative step, none above what could have flowed",
        "with the second reading that confirms the new level",
        "heg.devices.counting",
        "counter-jumps",
    ),
    LossRow(
        "garbage",
        LossKind.INPUT,
        "a device answers with garbage, half a frame or another's transaction",
        None,
        "each piece is refused and counted; the device ages as if silent",
        Span("lost_after_s", cycles=2),
        "no value of it is believed; the other devices go on",
        "with the first sound answer",
        "drivers.modbus.bus",
        "garbage",
    ),
    LossRow(
        "feed-silent",
        LossKind.INPUT,
        "a tariff, forecast or weather has nothing to say of now: its file is gone, its service does not answer",
        Span(seconds=120.0),
        "the feed is lost, with an alarm that says why; what it told before holds to its end",
        Span(seconds=60.0, cycles=2),
        "planning goes on without it, as the plan's own words say; control goes on unchanged",
        "when it speaks of now again",
        "drivers.feeds.feed",
        "feed-silent",
    ),
)
_PLANNED = (
    LossRow(
        "prices-missing",
        LossKind.INPUT,
        "prices are missing, wholly or from some slot on",
        None,
        "planned with the same slots of the last days; without any, with a flat price; the plan names the lack",
        Span(seconds=60.0, cycles=2),
        "a plan stands all the same: with a flat price it is self-consumption",
        "with the first prices that come: planned again at once",
        "heg.services.planning.gather",
        "prices-missing",
    ),
    LossRow(
        "forecast-missing",
        LossKind.INPUT,
        "there is nobody's forecast, and no past of the house to make one from",
        None,
        "a typical household and the sun's usual course stand in; the plan names the lack",
        Span(seconds=60.0, cycles=2),
        "a plan stands all the same, and regimes follow what is measured",
        "as days are measured, or with a provider's forecast",
        "heg.services.planning.outlook",
        "forecast-missing",
    ),
    LossRow(
        "soc-frozen",
        LossKind.INPUT,
        "a storage's state of charge stands still to the last digit while metered energy moves it by 5 % and more",
        None,
        "reckoned from metered energy; no order ends at a state of charge; the plan names the lack",
        Span(seconds=30.0, cycles=2),
        "a plan stands on what must be stored by now",
        "with the first reading that moves",
        "heg.services.planning.soc",
        "soc-frozen",
    ),
)
_ACTUATORS = (
    LossRow(
        "writes-ignored",
        LossKind.ACTUATOR,
        "a storage acknowledges writes and does not follow them",
        None,
        "lease state *ignored*, alarm; the lease is released, tried again after a cool-down",
        Span("settle_s", seconds=0.0, cycles=10),
        "the storage is counted with the power it measures; nothing depends on it",
        "when a later try is confirmed by reading back",
        "heg.control.leases",
        "writes-ignored",
    ),
    LossRow(
        "overridden",
        LossKind.ACTUATOR,
        "somebody else commands the storage",
        None,
        "lease state *overridden*: re-asserted a few times, then left to the other with an alarm",
        Span("settle_s", cycles=20),
        "two masters do not fight: the storage is left alone until the cool-down ends",
        "when reading back shows ours or nothing again",
        "heg.control.leases",
        "overridden",
    ),
    LossRow(
        "write-refused",
        LossKind.ACTUATOR,
        "a storage refuses a write (exception answer)",
        None,
        "repeated with growing pauses, then the lease ends with an alarm",
        Span("settle_s", cycles=20),
        "what is read back counts, not what was wished",
        "when a write is acknowledged and read back",
        "heg.control.leases",
        "write-refused",
    ),
    LossRow(
        "write-budget-spent",
        LossKind.ACTUATOR,
        "a register's writes for the day are used up",
        None,
        "only writes that the envelope or the owner demands are still made",
        _ONE_CYCLE,
        "the last written value stands, or the native regime",
        "as the oldest writes fall out of the day",
        "heg.control.notices",
        "write-budget-spent",
    ),
)
_LINKS = (
    LossRow(
        "bus-dead",
        LossKind.LINK,
        "a Modbus bus carries nothing: unplugged, refused, no route",
        _DEVICE_SILENT,
        "its devices are lost; the link is tried again with growing pauses",
        _TWO_CYCLES,
        "as for each device on it; other buses go on at their pace",
        "when the link is back: its devices within the time stated for coming back",
        "drivers.modbus.link",
        "bus-dead",
    ),
    LossRow(
        "device-moved",
        LossKind.LINK,
        "a device answers under another address",
        _DEVICE_SILENT,
        "looked for at every address that the configuration names or a scan finds",
        Span("found_within_s", seconds=60.0),
        "as lost, until found by its identity; it keeps its name and its history",
        "when its identity answers",
        "drivers.modbus.discovery",
        "device-moved",
    ),
)
_PLANNER = (
    LossRow(
        "planner-lost",
        LossKind.RESOURCE,
        "the planner's process ends: a crash, a kill, no memory",
        None,
        "the plan that stands is followed for up to two hours, then self-consumption; the plan names the lack",
        Span(seconds=240.0),
        "control goes on all the while, and another process has been asked",
        "with its first answer",
        "heg.services.planning.worker_link",
        "planner-lost",
    ),
    LossRow(
        "planner-stalled",
        LossKind.RESOURCE,
        "the planner's process gives no answer",
        None,
        "it is killed at its limit of real time; then as planner-lost",
        Span(seconds=10.0),
        "control goes on all the while; nobody waits for the process any more",
        "with the first answer of another process",
        "heg.services.planning.settings",
        "planner-stalled",
    ),
    LossRow(
        "answer-refused",
        LossKind.LINK,
        "the planner's answer is corrupted, or makes no sense",
        None,
        "nothing of it is used and its process is ended; then as planner-lost",
        _ONE_CYCLE,
        "control goes on by the plan that stands",
        "with the first sound answer of another process",
        "heg.services.planning.answer",
        "answer-refused",
    ),
)
_RESOURCES = (
    LossRow(
        "clock-jump",
        LossKind.RESOURCE,
        "the wall clock jumps by hours",
        None,
        "labels move; ages, leases and the cycle do not",
        _ONE_CYCLE,
        "control goes on unchanged",
        "at once",
        "heg.data.image",
        "clock-jump",
    ),
    LossRow(
        "disk-full",
        LossKind.RESOURCE,
        "the disk takes no more",
        None,
        "the store keeps the newest in memory, with an alarm; leases that cannot be journalled are not taken",
        Span(seconds=60.0, cycles=2),
        "measuring and held leases go on",
        "with the first flush that succeeds",
        "heg.data.keeping",
        "disk-full",
    ),
    LossRow(
        "store-corrupt",
        LossKind.RESOURCE,
        "the store's file is corrupt",
        None,
        "the file is put aside, a new one begun, an alarm names both",
        Span(seconds=5.0),
        "control goes on from memory",
        "at once; the old file is kept for repair",
        "heg.data.keeping",
        "store-corrupt",
    ),
    LossRow(
        "journal-corrupt",
        LossKind.RESOURCE,
        "the lease journal is torn or corrupt",
        None,
        "every actuator that reads back a command is in doubt",
        Span("adopt_within_s", cycles=2),
        "what reads back as commanded is released before anything else",
        "when the release is read back",
        "heg.control.room",
        "journal-corrupt",
    ),
    LossRow(
        "loop-late",
        LossKind.RESOURCE,
        "the event loop wakes late",
        None,
        "published and, above its limit, an alarm; ages tell the truth because they are monotonic",
        Span("loop_late_s", cycles=2),
        "control acts on what is fresh enough, holds otherwise",
        "when the loop is on time again",
        "heg.services.vitals",
        "loop-late",
    ),
    LossRow(
        "cycle-stalled",
        LossKind.RESOURCE,
        "the control cycle completes no more",
        Span("stalled_after_s"),
        "the watchdog is fed no more: the service manager kills and restarts the process",
        Span(seconds=60.0),
        "devices revert by their own dead-man timers; then as process-killed",
        "with the first completed cycle",
        "heg.services.vitals",
        "cycle-stalled",
    ),
    LossRow(
        "process-killed",
        LossKind.RESOURCE,
        "the process ends without shutting down (kill -9, power cut)",
        None,
        "started again; leases are re-adopted when read back, unexpired and inputs fresh, otherwise released first",
        Span("adopt_within_s", seconds=10.0),
        "no command of ours outlives us unknown; nothing older than the flush interval is missing",
        "when every inherited lease is adopted or released",
        "heg.control.hand",
        "process-killed",
    ),
    LossRow(
        "configuration-damaged",
        LossKind.RESOURCE,
        "the configuration's file is damaged, faulty or gone, at the start or while the gateway runs",
        None,
        "an alarm names every fault; nothing of the file is put into force",
        Span(seconds=10.0),
        "what was in force last stays in force: at a start it is taken from its copy in the unit's folder",
        "when the file can be used again, or is put back by a roll-back",
        "heg.unit.file_alarm",
        "configuration-damaged",
    ),
    LossRow(
        "port-in-use",
        LossKind.RESOURCE,
        "the page's port belongs to another program",
        None,
        "no page; a message names the port and how to change it",
        Span(seconds=5.0),
        "control goes on",
        "tried again until the port is free",
        "heg.web.patience",
        "port-in-use",
    ),
    LossRow(
        "accounts-locked",
        LossKind.RESOURCE,
        "the accounts file, its key or its sealed head is missing, damaged or exchanged",
        None,
        "remote access is locked for people and tokens alike; a gateway that was claimed stays claimed",
        Span(seconds=15.0),
        "control goes on; nobody is let in, and no claim is opened",
        "when the owner recovers the accounts at the console (heg accounts recover)",
        "heg.web.accounts.desk",
        "accounts-locked",
    ),
    LossRow(
        "certificate-unusable",
        LossKind.RESOURCE,
        "the certificate for the home network, or its key, is missing, damaged or another's",
        None,
        "no page for the home network; nothing unencrypted in its place, and no new identity by itself",
        Span(seconds=15.0),
        "control and the page on this machine go on",
        "when the file is whole again, or the owner accepts a new identity",
        "heg.web.lan",
        "certificate-unusable",
    ),
)


def _index(rows: tuple[LossRow, ...]) -> Mapping[str, LossRow]:
    index = {row.id: row for row in rows}
    if len(index) != len(rows):
        raise ValueError("the loss matrix has two rows of one id")
    return MappingProxyType(index)


LOSSES: Mapping[str, LossRow] = _index((*_INPUTS, *_PLANNED, *_ACTUATORS, *_LINKS, *_RESOURCES, *_PLANNER))


def loss(row_id: str) -> LossRow:
    """Return the row of this id. Raises `KeyError` naming the ids that exist."""
    try:
        return LOSSES[row_id]
    except KeyError:
        raise KeyError(f"no loss row {row_id!r}; expected one of {', '.join(LOSSES)}") from None


def page() -> str:
    """Return docs/loss-matrix.md, for a control cycle of 1 s."""
    timings = Timings.for_cycle(1.0)
    lines = [_HEAD]
    for kind in LossKind:
        lines += [f"\n## {kind.value.capitalize()}s\n"]
        lines += [_paragraph(row, timings) for row in LOSSES.values() if row.kind is kind]
    return "\n".join(lines) + "\n"


_HEAD = """# Loss matrix

What may be lost, how old it may get, what then holds and how it ends. Printed from `heg/model/losses.py`; do not edit.
Times are for a control cycle of 1 s; with a longer cycle those marked with * grow with it (`heg/model/timings.py`)."""


def _paragraph(row: LossRow, timings: Timings) -> str:
    age = f", at most {_seconds(row.max_age, timings)} old" if row.max_age is not None else ""
    return (
        f"### {row.id}\n\n"
        f"**Lost:** {row.lost}{age}.  \n"
        f"**Mode:** {row.mode}.  \n"
        f"**Within {_seconds(row.within, timings)}:** {row.safe}.  \n"
        f"**Left:** {row.left}.  \n"
        f"**Enforced by** `{row.enforcer}`, **played by** `hil/scenarios/{row.scenario}.toml`.\n"
    )


def _seconds(span: Span, timings: Timings) -> str:
    return f"{span.at(timings):g} s{'*' if span.timing or span.cycles else ''}"
