"""Things that go wrong, as data: what a scenario's timeline, the desk and a person's command line can order.

Each fault is one table, such as `{fault = "slow", device = "meter", seconds = 2.0}`. `well` ends whatever a device
was told before; faults that are events (`reboot`, `move`, `jump`) need no end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from heg.model.appliances import PowerState
from hil.appliances.handle import ApplianceHandle
from hil.appliances.settings import CycleSettings
from hil.appliances.trouble import Corruption
from hil.handles import ChargerHandle, Handle, MeterHandle, ProducerHandle, StorageHandle
from hil.rig import Rig

GATEWAY = "gateway"
"""Device name by which the gateway itself is meant."""


class GatewayHands(Protocol):
    """What can be done to a gateway from outside: to its process, its files, its port."""

    async def suffer(self, what: str, arguments: Mapping[str, Any]) -> None:
        """Do one of `GATEWAY_FAULTS` to it; FaultError where this kind of gateway cannot suffer it."""


class FaultError(ValueError):
    """A fault is not understood or does not fit the device."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One order to the rig: a fault of a device, or a load that is switched."""

    kind: str
    device: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)


def fault_of(table: Mapping[str, Any]) -> Fault:
    """Read one order; FaultError says what was expected."""
    rest = {key: value for key, value in table.items() if key not in ("fault", "device", "at_s")}
    if "switch" in table:
        kind, device = "switch", ""
    elif isinstance(table.get("fault"), str):
        kind, device = table["fault"], str(table.get("device", ""))
    else:
        raise FaultError('expected {"fault": NAME, "device": NAME} or {"switch": NAME, "power_kw": NUMBER}')
    known = GATEWAY_FAULTS if device == GATEWAY else _ARGUMENTS
    if kind not in known:
        raise FaultError(f"fault {kind!r}: expected one of {', '.join(sorted(known))}")
    needed = known[kind]
    if unknown := sorted(set(rest) - set(needed)):
        raise FaultError(f"fault {kind!r}: {unknown[0]!r} is not known here; expected {', '.join(needed) or 'nothing'}")
    for name, value in rest.items():
        if not isinstance(value, needed[name]) or isinstance(value, bool):
            raise FaultError(f"fault {kind!r}: {name} = {value!r}: expected {_said(needed[name])}")
    return Fault(kind, device, rest)


async def apply(rig: Rig, fault: Fault, hands: GatewayHands | None = None) -> None:
    """Carry an order out; a reboot or a move is done when this returns. `hands` reach the gateway."""
    if fault.device == GATEWAY:
        if hands is None:
            raise FaultError(f"fault {fault.kind!r}: there is no gateway here that could suffer it")
        await hands.suffer(fault.kind, fault.arguments)
        return
    rig.truth.advance_to(rig.now_s())
    if fault.kind == "switch":
        phase = fault.arguments.get("phase")
        rig.truth.switch(fault.arguments["switch"], float(fault.arguments.get("power_kw", 0.0)), phase)
        return
    handle = rig.handles.get(fault.device) or rig.appliances.get(fault.device)
    if handle is None:
        raise FaultError(
            f"device {fault.device!r}: expected one of {', '.join(sorted({*rig.handles, *rig.appliances}))}"
        )
    kinds = _APPLIANCE_KINDS if isinstance(handle, ApplianceHandle) else _KINDS
    if (kind := kinds.get(fault.kind)) is None or not isinstance(handle, kind.fits):
        expected = _said(kind.fits) if kind is not None else ", ".join(sorted(kinds))
        raise FaultError(f"fault {fault.kind!r} does not fit {fault.device}: expected a {expected}")
    try:
        outcome = kind.act(handle, dict(fault.arguments))
    except (KeyError, TypeError, ValueError) as error:
        raise FaultError(f"fault {fault.kind!r}: {error}") from error
    if isinstance(outcome, Awaitable):
        await outcome


@dataclass(frozen=True, slots=True)
class _Kind:
    act: Callable[[Any, dict[str, Any]], object]
    arguments: Mapping[str, type | tuple[type, ...]] = field(default_factory=dict)
    fits: type | tuple[type, ...] = Handle


_NUMBER = (int, float)

GATEWAY_FAULTS: dict[str, Mapping[str, type | tuple[type, ...]]] = {
    "kill": {},
    "stop": {},
    "start": {},
    "freeze": {},
    "thaw": {},
    "damage": {"file": str},
    "damage_config": {},
    "mend_config": {},
    "start_as_it_is": {},
    "fill_disk": {},
    "free_disk": {},
    "take_port": {},
    "free_port": {},
    "jump_clock": {"seconds": _NUMBER},
    "planner_freeze": {},
    "planner_kill": {},
    "planner_garble": {},
}
"""What a gateway can suffer, with arguments."""


def _reboot(handle: Handle, given: dict[str, Any]) -> object:
    return handle.reboots(float(given.get("seconds", 20.0)))


def _wire(handle: MeterHandle, given: dict[str, Any]) -> None:
    handle.is_wired_backwards(*([int(given["phase"])] if "phase" in given else []))


_KINDS: dict[str, _Kind] = {
    "switch": _Kind(lambda *_: None, {"switch": str, "power_kw": _NUMBER, "phase": int}),
    "well": _Kind(lambda handle, _: handle.behaves()),
    "silent": _Kind(lambda handle, _: handle.stops_answering()),
    "slow": _Kind(lambda handle, given: handle.slows_down(float(given["seconds"])), {"seconds": _NUMBER}),
    "garbage": _Kind(lambda handle, _: handle.talks_garbage()),
    "half": _Kind(lambda handle, _: handle.answers_half()),
    "wrong_transaction": _Kind(lambda handle, _: handle.mixes_up_transactions()),
    "exception": _Kind(lambda handle, given: handle.refuses(int(given.get("code", 4))), {"code": int}),
    "hang_up": _Kind(lambda handle, _: handle.hangs_up()),
    "away": _Kind(lambda handle, _: handle.goes_away()),
    "back": _Kind(lambda handle, _: handle.comes_back()),
    "move": _Kind(lambda handle, given: handle.moves(**given), {"port": int, "host": str}),
    "reboot": _Kind(_reboot, {"seconds": _NUMBER}),
    "frozen": _Kind(lambda handle, _: handle.freezes()),
    "thaw": _Kind(lambda handle, _: handle.thaws()),
    "refuse_writes": _Kind(lambda handle, given: handle.refuses_writes(int(given.get("code", 4))), {"code": int}),
    "lie": _Kind(
        lambda handle, given: handle.lies(given["point"], float(given["value"])), {"point": str, "value": _NUMBER}
    ),
    "blank": _Kind(lambda handle, given: handle.lies(given["point"], None), {"point": str}),
    "ignore_writes": _Kind(lambda handle, given: handle.ignores(given["point"]), {"point": str}),
    "jump": _Kind(lambda handle, given: handle.counters_jump(float(given["kwh"])), {"kwh": _NUMBER}),
    "wired_backwards": _Kind(_wire, {"phase": int}, MeterHandle),
    "phases_swapped": _Kind(lambda handle, _: handle.has_phases_swapped(), {}, MeterHandle),
    "overridden": _Kind(
        lambda handle, given: handle.is_commanded_elsewhere(float(given["power_kw"])),
        {"power_kw": _NUMBER},
        (StorageHandle, ChargerHandle),
    ),
    "plug_in": _Kind(
        lambda handle, given: handle.plug_in(**given), {"soc": _NUMBER, "capacity_kwh": _NUMBER}, ChargerHandle
    ),
    "unplug": _Kind(lambda handle, given: handle.unplug(**given), {"used_kwh": _NUMBER}, ChargerHandle),
    "limited": _Kind(
        lambda handle, given: handle.is_limited_elsewhere(float(given["percent"])),
        {"percent": _NUMBER},
        ProducerHandle,
    ),
}


def _load(handle: ApplianceHandle, given: dict[str, Any]) -> Awaitable[None]:
    settings = {name: given[name] for name in given if name != "power_kw"}
    return handle.is_loaded(CycleSettings(tuple(map(float, given["power_kw"])), **settings))


def _refuse(handle: ApplianceHandle, given: dict[str, Any]) -> None:
    handle.refuses(*([PowerState(given["state"])] if "state" in given else []))


def _appliance(act: Callable[[ApplianceHandle, dict[str, Any]], object], **arguments: Any) -> _Kind:
    return _Kind(act, arguments, ApplianceHandle)


_APPLIANCE_KINDS: dict[str, _Kind] = {
    "well": _appliance(lambda handle, _: handle.behaves()),
    "away": _appliance(lambda handle, _: handle.loses_power()),
    "goodbye": _appliance(lambda handle, _: handle.says_goodbye()),
    "back": _appliance(lambda handle, _: handle.comes_back()),
    "move": _appliance(lambda handle, given: handle.moves(given["host"]), host=str),
    "frozen": _appliance(lambda handle, _: handle.freezes()),
    "thaw": _appliance(lambda handle, _: handle.thaws()),
    "corrupt": _appliance(lambda handle, given: handle.is_corrupted(Corruption(given["how"])), how=str),
    "shout": _appliance(lambda handle, _: handle.shouts_garbage()),
    "skip": _appliance(lambda handle, given: handle.skips_events(int(given.get("count", 1))), count=int),
    "unsafe": _appliance(_refuse, state=str),
    "ignore_orders": _appliance(lambda handle, _: handle.ignores_orders()),
    "press": _appliance(lambda handle, given: handle.is_switched(PowerState(given["state"])), state=str),
    "load": _appliance(_load, power_kw=list, step_minutes=int, within_h=_NUMBER, name=str),
    "unload": _appliance(lambda handle, _: handle.is_unloaded()),
}
"""What an appliance can suffer, or be used for by a person."""

_ARGUMENTS: dict[str, Mapping[str, Any]] = {
    kind: {
        **(_KINDS[kind].arguments if kind in _KINDS else {}),
        **(_APPLIANCE_KINDS[kind].arguments if kind in _APPLIANCE_KINDS else {}),
    }
    for kind in (*_KINDS, *_APPLIANCE_KINDS)
}


def _said(kinds: type | tuple[type, ...]) -> str:
    several = kinds if isinstance(kinds, tuple) else (kinds,)
    return " or ".join(kind.__name__ for kind in several)


async def play(
    rig: Rig,
    timeline: list[tuple[float, Fault]],
    told: Callable[[float, Fault], None],
    hands: GatewayHands | None = None,
) -> None:
    """Carry out orders at their house seconds; an order that takes time (a reboot) does not hold up the next."""
    running: set[asyncio.Task[None]] = set()
    try:
        for at_s, fault in sorted(timeline, key=lambda entry: entry[0]):
            await rig.clock.sleep(max(0.0, at_s - rig.now_s()))
            told(at_s, fault)
            running.add(asyncio.ensure_future(apply(rig, fault, hands)))
        await asyncio.gather(*running)
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
