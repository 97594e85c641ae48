"""Services that remember the past begin anew when the owner had it erased."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from heg.data.door import Door, Subscription
from heg.model.instance import Location
from heg.model.records import ErasureRecord


async def anew_after_erasures(door: Door, here: Location, run: Callable[[], Awaitable[None]]) -> None:
    """Run a service until it ends; begin it anew each time an erasure is done, so that it reads what is left."""
    told = door.event("erasure", here)
    try:
        while True:
            running = asyncio.ensure_future(run())
            erased = asyncio.ensure_future(_erased(told))
            try:
                await asyncio.wait({running, erased}, return_when=asyncio.FIRST_COMPLETED)
                if running.done():
                    return await running
            finally:
                for task in (running, erased):
                    task.cancel()
                    with contextlib.suppress(asyncio.CancelledError):
                        await task
    finally:
        told.close()


async def _erased(told: Subscription) -> None:
    async for note in told:
        if isinstance(note.instance.value, ErasureRecord) and note.instance.value.rows is not None:
            return
