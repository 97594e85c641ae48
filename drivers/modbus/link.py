"""The one adapter on pymodbus: a connection over TCP or RTU that reads and writes registers as bytes.

Nothing else imports pymodbus. Answers are values: registers, or a `Failure` that says what kind of wrong it was. A late
answer must never be taken for the next one's, so a TCP connection on which a request failed is closed.
"""

import asyncio
import logging
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Protocol

from pymodbus import FramerType
from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient
from pymodbus.exceptions import ModbusException
from pymodbus.pdu import ModbusPDU

from heg.model.losses import loss
from heg.model.timings import Timings

MOST_READ = 125
MOST_WRITTEN = 123
_GUARD_S = 0.5
_NOBODY_BEHIND = (10, 11)
"""Exception codes of a gateway between TCP and RS-485 whose unit is silent."""

# What it says of lost connections and broken frames comes back as a Failure and is counted there.
logging.getLogger("pymodbus.logging").setLevel(logging.CRITICAL)


class FailureKind(StrEnum):
    """What kind of wrong an answer was."""

    UNREACHABLE = "unreachable"
    SILENT = "silent"
    EXCEPTION = "exception"
    GARBAGE = "garbled"
    BACKING_OFF = "backing_off"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why there are no registers. `code` is the Modbus exception code of an `EXCEPTION`."""

    kind: FailureKind
    text: str
    code: int = 0

    @property
    def silent(self) -> bool:
        """True when nobody can be said to have answered."""
        return self.kind in (FailureKind.UNREACHABLE, FailureKind.SILENT, FailureKind.BACKING_OFF)


class Link(Protocol):
    """One way to one or several units; one request at a time."""

    @property
    def address(self) -> str:
        """How a person would write it: `host:port` or the serial port."""

    @property
    def connected(self) -> bool:
        """True while the connection stands, as far as is known."""

    @property
    def connections(self) -> int:
        """How often a connection was made: after a new one, somebody else may be at the other end."""

    async def read(self, unit: int, address: int, count: int) -> bytes | Failure:
        """Read `count` holding registers."""

    async def write(self, unit: int, address: int, data: bytes, *, single: bool = False) -> Failure | None:
        """Write consecutive holding registers in one request (function 16), or a `single` one (function 6)."""

    def close(self) -> None:
        """Let the connection go; the next request opens it again."""


class Ear:
    """What pymodbus keeps to itself: bytes that came and were no answer, and a peer that hung up on a request."""

    def __init__(self) -> None:
        self.heard = 0
        self.hung_up = False
        self.limit: asyncio.Timeout | None = None

    def trace(self, sending: bool, data: bytes) -> bytes:
        """Take note of a piece that came or goes; it passes unchanged."""
        self.heard = 0 if sending else self.heard + len(data)
        return data

    def connection(self, connected: bool) -> None:
        """Take note that the connection came or went; nobody need wait for an answer on one that went."""
        self.hung_up = not connected
        if not connected and self.limit is not None:
            self.limit.reschedule(asyncio.get_running_loop().time())


class PymodbusLink:
    """A `Link` through a pymodbus client. `timeout_s` bounds each request and each connection attempt.

    `ear` is the client's packet trace; `fixed` says that a new connection leads to the same units (a serial line).
    """

    def __init__(
        self,
        client: AsyncModbusTcpClient | AsyncModbusSerialClient,
        address: str,
        timeout_s: float,
        *,
        ear: Ear | None = None,
        fixed: bool = False,
    ) -> None:
        self._client = client
        self._address = address
        self._timeout_s = timeout_s
        self._ear = ear or Ear()
        self._fixed = fixed
        self._connections = 0

    @property
    def address(self) -> str:
        """How a person would write it."""
        return self._address

    @property
    def connected(self) -> bool:
        """True while the connection stands, as far as is known; a serial line leads to the same units in any case."""
        return self._fixed or self._client.connected

    @property
    def connections(self) -> int:
        """How often a connection was made."""
        return self._connections

    async def read(self, unit: int, address: int, count: int) -> bytes | Failure:
        """Read `count` holding registers; an answer of another size is garbage."""
        if not 1 <= count <= MOST_READ:
            raise ValueError(f"count = {count}: expected 1 to {MOST_READ} registers")
        answer = await self._ask(reading=True, unit=unit, address=address, registers=[count])
        if isinstance(answer, Failure):
            return answer
        registers = answer.registers
        if len(registers) != count:
            return self._broken(FailureKind.GARBAGE, f"expected {count} registers, came {len(registers)}")
        return b"".join(register.to_bytes(2, "big") for register in registers)

    async def write(self, unit: int, address: int, data: bytes, *, single: bool = False) -> Failure | None:
        """Write consecutive holding registers in one request (function 16), or a `single` one (function 6)."""
        if len(data) % 2 or not 2 <= len(data) <= 2 * MOST_WRITTEN:
            raise ValueError(f"{len(data)} bytes: expected 1 to {MOST_WRITTEN} whole registers")
        registers = [int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2)]
        if single and len(registers) != 1:
            raise ValueError(f"{len(registers)} registers: function 6 writes one")
        answer = await self._ask(reading=False, unit=unit, address=address, registers=registers, single=single)
        return answer if isinstance(answer, Failure) else None

    def close(self) -> None:
        """Let the connection go."""
        self._client.close()

    async def _ask(
        self, *, reading: bool, unit: int, address: int, registers: list[int], single: bool = False
    ) -> ModbusPDU | Failure:
        cancelled_before = _cancellations()
        ask = partial(self._answer, reading=reading, unit=unit, address=address, registers=registers, single=single)
        answer = await ask()
        if isinstance(answer, Failure) and self._ear.hung_up and not self._ear.heard:
            # Some devices close the connection after each answer, and the request met its end: a new one, once.
            answer = await ask()
        if _cancellations() > cancelled_before:
            # pymodbus waits with wait_for, which on Python 3.11 swallows a cancellation that comes with the answer.
            raise asyncio.CancelledError
        return answer

    async def _answer(
        self, *, reading: bool, unit: int, address: int, registers: list[int], single: bool
    ) -> ModbusPDU | Failure:
        self._ear.hung_up = False
        try:
            async with asyncio.timeout(2 * self._timeout_s + _GUARD_S) as limit:
                if not self._client.connected:
                    if not await self._client.connect():
                        self._client.close()
                        return Failure(FailureKind.UNREACHABLE, f"no connection to {self._address}")
                    self._connections += 0 if self._fixed else 1
                self._ear.heard, self._ear.hung_up, self._ear.limit = 0, False, limit
                if reading:
                    answer = await self._client.read_holding_registers(address, count=registers[0], device_id=unit)
                elif single:
                    answer = await self._client.write_register(address, registers[0], device_id=unit)
                else:
                    answer = await self._client.write_registers(address, registers, device_id=unit)
        except (TimeoutError, ModbusException) as error:
            if self._ear.heard:
                return self._broken(FailureKind.GARBAGE, f"{self._ear.heard} bytes that are no answer: {error}"[:200])
            why = "the connection was closed" if self._ear.hung_up else f"no answer within {self._timeout_s:g} s"
            return self._broken(FailureKind.SILENT, why)
        except (OSError, ValueError, IndexError, ArithmeticError) as error:
            # pymodbus lets some decoding errors of hostile frames through.
            return self._broken(FailureKind.GARBAGE, f"{type(error).__name__}: {error}")
        finally:
            self._ear.limit = None
        if answer.isError() and answer.exception_code in _NOBODY_BEHIND:
            return Failure(FailureKind.SILENT, f"the Modbus gateway reached nobody (exception {answer.exception_code})")
        if answer.isError():
            return Failure(FailureKind.EXCEPTION, f"exception {answer.exception_code}", answer.exception_code)
        return answer

    def _broken(self, kind: FailureKind, text: str) -> Failure:
        self._client.close()
        return Failure(kind, text)


def longest_pause_s() -> float:
    """The longest pause between two attempts to reach a dead bus: no longer than its devices are waited for."""
    age = loss("bus-dead").max_age
    return age.at(Timings.for_cycle(1.0)) if age is not None else 0.0


def _cancellations() -> int:
    task = asyncio.current_task()
    return 0 if task is None else task.cancelling()


def tcp_link(host: str, port: int, timeout_s: float) -> Link:
    """A Modbus/TCP connection, opened by the first request. Must be made inside the running loop."""
    ear = Ear()
    client = AsyncModbusTcpClient(
        host,
        port=port,
        timeout=timeout_s,
        retries=0,
        reconnect_delay=0,
        trace_packet=ear.trace,
        trace_connect=ear.connection,
    )
    return PymodbusLink(client, f"{host}:{port}", timeout_s, ear=ear)


def rtu_link(port: str, *, baudrate: int, parity: str, stopbits: int, timeout_s: float, bytesize: int = 8) -> Link:
    """A serial line with RTU framing, opened by the first request. Must be made inside the running loop."""
    ear = Ear()
    client = AsyncModbusSerialClient(
        port,
        framer=FramerType.RTU,
        baudrate=baudrate,
        bytesize=bytesize,
        parity=parity,
        stopbits=stopbits,
        timeout=timeout_s,
        retries=0,
        reconnect_delay=0,
        trace_packet=ear.trace,
        trace_connect=ear.connection,
    )
    return PymodbusLink(client, port, timeout_s, ear=ear, fixed=True)
