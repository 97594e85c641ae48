"""The appliance's socket for people of its machine: one line of JSON asks, one line answers."""

import asyncio
import contextlib
import errno
import logging
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

logger = logging.getLogger(__name__)

LARGEST_LINE = 16_384
_ASKED_WITHIN_S = 5.0
_MOST_AT_ONCE = 8


class TalkError(Exception):
    """What was asked is not done; the text says why."""


Answer = Callable[[str, Mapping[str, str]], Awaitable[Mapping[str, Any]]]


class TalkSocket:
    """Listens at a path; who may connect is a matter of the file's rights (owner and group)."""

    def __init__(self, path: Path, answer: Answer) -> None:
        self._path = path
        self._answer = answer
        self._talks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Answer until cancelled. Raises OSError where the path cannot be had."""
        await asyncio.to_thread(self._path.parent.mkdir, mode=0o750, parents=True, exist_ok=True)
        if await _answered_at(self._path):
            text = f"{self._path}: another heg-appliance answers there: end it, or set another socket"
            raise OSError(errno.EADDRINUSE, text)
        server = await asyncio.start_unix_server(self._take, self._path, limit=LARGEST_LINE)
        await asyncio.to_thread(self._path.chmod, 0o660)
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            server.close()
            for talk in list(self._talks):
                talk.cancel()
            await asyncio.gather(*self._talks, return_exceptions=True)
            with contextlib.suppress(OSError):
                self._path.unlink()

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        if len(self._talks) >= _MOST_AT_ONCE:
            writer.transport.abort()
            return
        self._talks.add(task)
        try:
            await self._talk(reader, writer)
        except (OSError, ValueError, asyncio.IncompleteReadError):
            logger.debug("somebody asked half a question")
        except asyncio.CancelledError:
            logger.debug("somebody asked while it ended")  # this task ends here: asyncio's streams would log a fault
        finally:
            self._talks.discard(task)
            writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with asyncio.timeout(_ASKED_WITHIN_S):
            line = await reader.readuntil(b"\n")
        try:
            asked = msgspec.json.decode(line, type=dict[str, str])
            answer = {"ok": await self._answer(asked.pop("do", ""), asked)}
        except (msgspec.DecodeError, TalkError) as error:
            answer = {"error": {"text": str(error)}}
        writer.write(msgspec.json.encode(answer) + b"\n")
        await writer.drain()


async def _answered_at(path: Path) -> bool:
    """Tell whether somebody listens there; a socket that was left over is nobody's."""
    try:
        _, writer = await asyncio.open_unix_connection(path)
    except OSError:
        return False
    writer.transport.abort()
    return True
