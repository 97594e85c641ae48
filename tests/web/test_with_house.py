"""The web of a whole gateway beside a real house on Modbus: what it tells is what the house does."""

from pathlib import Path

import aiohttp
import pytest

from heg.runtime.clock import Clock
from tests.support.house import a_house
from tests.support.stepped import stepped
from tests.web.serving import ORDER_HEADERS


@stepped
async def test_history_health_and_orders_of_a_real_house(clock: Clock, tmp_path: Path) -> None:
    async with a_house(clock, tmp_path) as house:
        await house.until(lambda: house.battery.regime == "balance")
        await house.after(seconds=900)
        address = f"http://127.0.0.1:{house.view.port}"
        async with aiohttp.ClientSession(address, connector=aiohttp.TCPConnector(force_close=True)) as session:
            async with session.get("/healthz") as said:
                assert said.status == 200, await said.text()
            async with session.get("/api/v1/energy") as said:
                past = await said.json()
            async with session.get("/metrics") as said:
                metrics = await said.text()
            path = "/api/v1/commands/hands-off"
            async with session.post(path, headers=ORDER_HEADERS, data=b'{"on": true}') as said:
                assert (await said.json())["outcome"] == "done"
        await house.until(lambda: not house.battery.held)
    # Ten whole minutes before the one under way: the load is constant, and the battery carries what the sun does not.
    for name, expected in (("house_kw", 1.0), ("grid_kw", 0.0)):
        assert past[name][-11:-1] == pytest.approx([expected] * 10, abs=0.05), name
    assert None not in past["soc"][-11:-1]
    assert 'heg_cycle_seconds{quantile="0.99"}' in metrics
    assert 'heg_task_up{task="control"} 1.0' in metrics
