"""A Modbus/TCP client of thirty lines for the rig's own tests: nothing of our drivers, nothing of the rig."""

import asyncio
import struct
from typing import Self


class ModbusRefusedError(Exception):
    """The device answered with an exception code."""


class PlainClient:
    """One connection, one request at a time."""

    def __init__(self, address: str) -> None:
        self._host, _, port = address.rpartition(":")
        self._port = int(port)
        self._transaction = 0

    async def __aenter__(self) -> Self:
        self._reader, self._writer = await asyncio.open_connection(self._host, self._port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()

    async def read(self, address: int, count: int, *, unit: int = 1, within_s: float = 30.0) -> tuple[int, ...]:
        body = await self._ask(struct.pack(">BHH", 3, address, count), unit, within_s)
        return struct.unpack(f">{count}H", body[2:])

    async def write(self, address: int, *words: int, unit: int = 1, within_s: float = 30.0) -> None:
        head = struct.pack(">BHHB", 16, address, len(words), 2 * len(words))
        await self._ask(head + struct.pack(f">{len(words)}H", *words), unit, within_s)

    async def _ask(self, pdu: bytes, unit: int, within_s: float) -> bytes:
        self._transaction += 1
        self._writer.write(struct.pack(">HHHB", self._transaction, 0, len(pdu) + 1, unit) + pdu)
        async with asyncio.timeout(within_s):
            head = await self._reader.readexactly(7)
            transaction, _, length, _ = struct.unpack(">HHHB", head)
            body = await self._reader.readexactly(length - 1)
        assert transaction == self._transaction
        if body[0] & 0x80:
            raise ModbusRefusedError(str(body[1]))
        return body
