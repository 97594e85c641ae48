"""`python -m bench.web_hammer PORT SECONDS`: clients in a wild loop, one for each key on standard input.

Says on standard output how many answers came, and with which status.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter

from bench.web_clients import Client

PATHS = ("/api/v1/state", "/api/v1/latest", "/api/v1/devices", "/api/v1/variables")


async def hammer(port: int, seconds: float, keys: list[str]) -> Counter[int]:
    """Ask without a pause; the answers by status."""
    found: Counter[int] = Counter()
    until_s = time.monotonic() + seconds

    async def one(number: int, key: str) -> None:
        async with Client(port, key) as client:
            while time.monotonic() < until_s:
                found[(await client.get(PATHS[number % len(PATHS)])).status] += 1

    await asyncio.gather(*(one(number, key) for number, key in enumerate(keys)))
    return found


if __name__ == "__main__":
    counted = asyncio.run(hammer(int(sys.argv[1]), float(sys.argv[2]), sys.stdin.read().splitlines()))
    print(json.dumps(counted))
