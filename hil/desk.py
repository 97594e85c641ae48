"""The rig's own status and fault desk: a loopback socket that takes one JSON object per line and answers with one.

`{"ask": "status"}` gives the house as it truly is; `{"fault": "silent", "device": "meter"}` makes a device misbehave;
`{"ask": "writes", "device": "battery", "point": "704.WSetEna"}` counts writes and changes of a register (flash wear,
contactors); `{"switch": "kettle", "power_kw": 2.0}` switches a load; `{"fault": "plug_in", "device": "charger"}` brings
the car home. This is how scenarios and people reach a rig that
runs in a process of its own.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any, Self

from hil.appliances.handle import ApplianceHandle
from hil.faults import FaultError, apply, fault_of
from hil.handles import Handle
from hil.house.vehicle import Vehicle
from hil.rig import Rig

_LONGEST_LINE = 64 * 1024


def status(rig: Rig) -> dict[str, Any]:
    """The house as it truly is, and where its devices are."""
    house = rig.house
    return {
        "house_utc": rig.clock.utc().isoformat(timespec="seconds"),
        "at_s": round(rig.now_s(), 3),
        "source": rig.plan.source,
        "grid_kw": round(house.grid_kw, 4),
        "load_kw": round(house.load_kw, 4),
        "production_kw": round(house.producers_kw, 4),
        "storage_kw": round(house.batteries_kw, 4),
        "vehicle_kw": round(house.vehicles_kw, 4),
        "appliances_kw": round(house.appliances_kw, 4),
        "appliances": {name: _appliance(handle) for name, handle in rig.appliances.items()},
        "vehicles": {name: _vehicle(vehicle) for name, vehicle in house.vehicles.items()},
        "soc": {name: round(battery.soc, 5) for name, battery in house.batteries.items()},
        "imported_kwh": house.grid.books.imported / 3.6e15,
        "exported_kwh": house.grid.books.exported / 3.6e15,
        "produced_kwh": sum(producer.produced_nanojoule for producer in house.producers.values()) / 3.6e15,
        "charged_kwh": sum(battery.charged_nanojoule for battery in house.batteries.values()) / 3.6e15,
        "discharged_kwh": sum(battery.discharged_nanojoule for battery in house.batteries.values()) / 3.6e15,
        "consumed_kwh": house.consumed_nanojoule / 3.6e15,
        "devices": {name: _device(handle) for name, handle in rig.handles.items()},
    }


def status_line(rig: Rig) -> str:
    """The house now, on one line for people."""
    now = status(rig)
    soc = ", ".join(f"{name} {100 * share:.1f} %" for name, share in now["soc"].items())
    return (
        f"{now['house_utc']}  load {now['load_kw']:6.3f}  pv {now['production_kw']:6.3f}  "
        f"storage {now['storage_kw']:+7.3f}  grid {now['grid_kw']:+7.3f} kW  {soc}"
        + (f"  car {now['vehicle_kw']:6.3f} kW" if now["vehicles"] else "")
        + (f"  appliances {now['appliances_kw']:6.3f} kW" if now["appliances"] else "")
    )


class Desk:
    """The listening socket. Port 0 takes a free one."""

    def __init__(self, rig: Rig, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self.port = port
        self._host = host
        self._rig = rig
        self._server: asyncio.Server | None = None
        self._talks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._talk, self._host, self.port, limit=_LONGEST_LINE)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close()
        for talk in tuple(self._talks):
            talk.cancel()
        await asyncio.gather(*self._talks, return_exceptions=True)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._talks.add(task)
        try:
            while line := await reader.readline():
                answer = await self._answer(line)
                writer.write(json.dumps(answer).encode() + b"\n")
                await writer.drain()
        except (ConnectionError, ValueError):
            return
        finally:
            self._talks.discard(task)
            writer.close()

    async def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            asked = json.loads(line)
        except ValueError:
            return {"error": "expected one JSON object per line"}
        if not isinstance(asked, dict):
            return {"error": "expected a JSON object"}
        try:
            if asked.get("ask") == "status":
                return status(self._rig)
            if asked.get("ask") == "writes":
                return _writes(self._rig, asked)
            await apply(self._rig, fault_of(asked))
        except FaultError as error:
            return {"error": str(error)}
        return {"done": True}


def _writes(rig: Rig, asked: dict[str, Any]) -> dict[str, Any]:
    handle, point = rig.handles.get(str(asked.get("device"))), asked.get("point")
    if handle is None or not isinstance(point, str):
        raise FaultError(f'expected "device" one of {", ".join(sorted(rig.handles))} and "point" such as 704.WSetEna')
    try:
        return {"writes": handle.writes(point), "changes": handle.changes(point), "shown": handle.shown(point)}
    except (KeyError, ValueError) as error:
        raise FaultError(f"point {point!r}: expected one of this device's, such as 704.WSetEna") from error


def _appliance(handle: ApplianceHandle) -> dict[str, Any]:
    return {
        "address": handle.address,
        "uuid": handle.uuid,
        "state": str(handle.state),
        "power_kw": round(handle.power_kw, 4),
        "reachable": handle.reachable,
        "subscribers": handle.subscribers,
        "orders": handle.orders,
        "refused": handle.refused,
    }


def _vehicle(vehicle: Vehicle) -> dict[str, Any]:
    return {
        "plugged": vehicle.plugged,
        "soc": round(vehicle.soc, 5),
        "power_kw": round(vehicle.power_kw, 4),
        "charged_kwh": vehicle.charged_nanojoule / 3.6e15,
    }


def _device(handle: Handle) -> dict[str, Any]:
    manner = handle.device.manner
    return {
        "address": handle.address,
        "unit_id": handle.unit_id,
        "requests": manner.requests,
        "silent": manner.silent,
        "frozen": handle.device.frozen,
        "ignored": sorted(handle.device.ignored),
        "reboots": handle.device.reboots,
    }
