"""The gateway as the rig sees it: only through its sockets.

`GatewayView` asks the local API; it works beside the gateway on one stepped loop as well as across processes.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

_MOST_BYTES = 8 * 1024 * 1024
_HEAD_BYTES = 64 * 1024
_ASKS_LOGIN = (401, 503)


class GatewayError(RuntimeError):
    """The gateway did not answer as its interface says."""


class GatewayView:
    """A client of the gateway's local API; `limit_s` is loop time."""

    def __init__(self, port: int, *, host: str = "127.0.0.1", limit_s: float = 30.0) -> None:
        self.port = port
        self._host = host
        self._limit_s = limit_s

    @property
    def address(self) -> str:
        """The page's address."""
        return f"http://{self._host}:{self.port}"

    async def state(self) -> dict[str, Any]:
        """What the page shows now; what is there becomes tables by name, alarms by device and id.

        An alarm of the unit itself stands under `unit`; a plan's lacks stand under their codes. A gateway that asks for
        a login tells strangers only its `session`.
        """
        status, body = await self.ask("GET", "/api/v1/state")
        if status in _ASKS_LOGIN:
            return {"session": await self.get("/api/v1/session")}
        said = _object("/api/v1/state", status, body)
        for key, name in (("devices", "name"), ("actuators", "device"), ("storages", "device")):
            said[key] = {entry[name]: entry for entry in said.get(key, ())}
        await self._add_appliances(said)
        alarms: dict[str, dict[str, Any]] = {}
        for alarm in said.get("alarms", ()):
            _, _, device = alarm["place"].partition("/")
            alarms.setdefault(device.rstrip("/") or "unit", {})[alarm["id"]] = alarm
        said["alarms"] = alarms
        if isinstance(plan := said.get("plan"), dict):
            plan["lacks"] = {lack["code"]: lack for lack in plan.get("lacks", ())}
        return said

    async def _add_appliances(self, said: dict[str, Any]) -> None:
        """There may be hundreds, so that the page's picture only counts them: they are asked for apart."""
        found = (await self.get("/api/v1/appliances"))["appliances"] if said.get("appliances") else []
        said["appliances"] = {one["device"]: one for one in found}
        for name, one in said["appliances"].items():
            said["devices"][name] = one
            said["actuators"][name] = {**one, "state": one["lease_state"]}

    async def answers(self) -> bool:
        """True when the page itself comes."""
        try:
            status, _ = await self.ask("GET", "/")
        except (OSError, EOFError, TimeoutError, GatewayError):
            return False
        return status == 200

    async def get(self, path: str) -> dict[str, Any]:
        """A JSON object of the API; GatewayError when it is none."""
        status, body = await self.ask("GET", path)
        return _object(path, status, body)

    async def command(self, name: str, **arguments: Any) -> dict[str, Any]:
        """Give an order; its one answer."""
        path = f"/api/v1/commands/{name}"
        _, body = await self.ask("POST", path, json.dumps(arguments).encode())
        return _object(path, 200, body)

    async def ask(self, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
        """One request on a connection of its own; status and body."""
        async with asyncio.timeout(self._limit_s):
            reader, writer = await asyncio.open_connection(self._host, self.port, limit=_HEAD_BYTES)
            try:
                writer.write(_request(method, path, f"{self._host}:{self.port}", body))
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                fields = dict(line.lower().split(": ", 1) for line in head[1:] if ": " in line)
                length = int(fields.get("content-length", "0"))
                if not 0 <= length <= _MOST_BYTES:
                    raise GatewayError(f"{path}: expected at most {_MOST_BYTES} bytes, found {length}")
                return int(head[0].split(" ")[1]), await reader.readexactly(length)
            except (ValueError, IndexError, asyncio.LimitOverrunError) as error:
                raise GatewayError(f"{path}: expected an HTTP answer: {error}") from error
            finally:
                writer.close()


def _request(method: str, path: str, host: str, body: bytes) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", "Connection: close", "Accept: application/json, text/html"]
    if method == "POST":
        lines += ["Content-Type: application/json", "X-Heg-Request: 1", f"Content-Length: {len(body)}"]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def _object(path: str, status: int, body: bytes) -> dict[str, Any]:
    try:
        said = json.loads(body)
    except ValueError:
        said = None
    if status != 200 or not isinstance(said, dict):
        raise GatewayError(f"{path}: expected a JSON object, got status {status}: {body[:200]!r}")
    return said
