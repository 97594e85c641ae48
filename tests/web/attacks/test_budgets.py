"""Who asks without end: told to wait, and nobody else."""

import contextlib
from pathlib import Path

from heg.runtime.clock import Clock
from heg.web.endpoint import Method, Open
from tests.support.stepped import stepped
from tests.web.test_login import COOKIES, Browser, owned


@stepped
async def test_who_asks_in_a_wild_loop_is_told_to_wait_and_nobody_else(clock: Clock, tmp_path: Path) -> None:
    async with owned(clock, tmp_path) as owner:
        issued = await owner.post("/api/v1/tokens", {"label": "wild", "scopes": ["read"]})
        wild = Browser(owner.served, owner.desk, bearer=issued.json["key"])
        said = await wild.get("/api/v1/state")
        for _ in range(2000):
            if said.status == 429:
                break
            said = await wild.get("/api/v1/state")
        assert (said.status, said.json["reason"]) == (429, "too_often")
        assert int(said.headers["Retry-After"]) >= 1
        assert (await owner.get("/api/v1/state")).status == 200
        assert 'reason="too_often"' in (await owner.get("/metrics")).text


@stepped
async def test_one_key_does_not_hold_all_streams(clock: Clock, tmp_path: Path) -> None:
    async with owned(clock, tmp_path, clients=4) as owner, contextlib.AsyncExitStack() as stack:
        issued = await owner.post("/api/v1/tokens", {"label": "greedy", "scopes": ["read"]})
        address, greedy = owner.served.address, {"Authorization": f"Bearer {issued.json['key']}"}
        mine = {COOKIES: "; ".join(f"{name}={value}" for name, value in owner.cookies.items())}
        statuses = []
        for path in ("/api/v1/events", "/api/v1/latest/events?variable=soc", "/api/v1/events"):
            stream = await stack.enter_async_context(owner.served.session.get(address + path, headers=greedy))
            statuses.append(stream.status)
        assert statuses == [200, 200, 503]
        stream = await stack.enter_async_context(owner.served.session.get(address + "/api/v1/events", headers=mine))
        assert stream.status == 200


@stepped
async def test_a_budget_of_strangers_is_their_addresses(clock: Clock, tmp_path: Path) -> None:
    async with owned(clock, tmp_path) as owner:
        stranger = owner.another()
        for number in range(2000):
            stranger.bearer = f"heg_t_{number:043d}"  # a new key each time makes no new budget
            if (await stranger.get("/api/v1/state")).status == 429:
                break
        else:
            raise AssertionError("a stranger may ask for ever")
        assert (await owner.get("/api/v1/state")).status == 200


@stepped
async def test_an_endpoint_open_to_anybody_has_a_budget_too(clock: Clock, tmp_path: Path) -> None:
    async with owned(clock, tmp_path) as owner:
        rows = [row for row in owner.served.web.table.rows if row.needs is Open.TO_ANYBODY and row.method is Method.GET]
        assert rows
        for _ in range(2000):
            if (await owner.served.get(rows[0].path)).status == 429:
                return
        raise AssertionError("a stranger may ask for ever")
