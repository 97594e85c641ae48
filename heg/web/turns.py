"""One request begins in each turn of the event loop, in the order they came; what else is due runs in between.

A request's work is a millisecond in one piece. Fifty that come at once would be one piece of fifty milliseconds, in
which the control cycle waits; like this it waits for one.
"""

import asyncio
from collections import deque


class Turns:
    """Hands out turns. Belongs to one event loop at a time."""

    def __init__(self) -> None:
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._taken = False

    async def mine(self) -> None:
        """Wait for a turn."""
        if not self._taken:
            self._taken = True
            asyncio.get_running_loop().call_soon(self._pass_on)
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        await turn

    def _pass_on(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():  # whoever went away meanwhile needs none
                turn.set_result(None)
                turn.get_loop().call_soon(self._pass_on)
                return
        self._taken = False
