"""Envelope and evidence over HTTP: the household sees all of it, a grid operator what the owner shows it of its own."""

from datetime import timedelta
from pathlib import Path

import pytest

from heg.model.instance import Location
from heg.model.leases import Reason, ReasonCode
from heg.model.records import EvidenceRecord
from heg.runtime.clock import Clock
from tests.support.stepped import stepped
from tests.web.serving import Served, serving
from tests.web.test_login import owned
from tests.web.test_policies import token_of


def happen(served: Served, text: str, part: str = "", device: str = "", after_kw: float | None = None) -> None:
    record = EvidenceRecord("limit", Reason(ReasonCode.ENVELOPE, text), 4.0, after_kw)
    assert served.house.door.write("evidence", Location("home", device, part), record).accepted


@stepped
async def test_the_envelope_names_each_source(clock: Clock) -> None:
    async with serving(clock, attach=False) as served:
        assert (await served.get("/api/v1/envelope")).json == {"envelope": None, "since_utc": None}
        served.house.attach()
        said = (await served.get("/api/v1/envelope")).json
    assert (said["envelope"]["max_kw"], said["envelope"]["max_source"]) == (17.3, "contract")
    assert said["envelope"]["limits"][0]["text"] == "supply contract"
    assert said["since_utc"] is not None


@stepped
async def test_evidence_comes_in_pages_and_as_a_table(clock: Clock) -> None:
    async with serving(clock) as served:
        for number in range(5):
            happen(served, f"change {number}", after_kw=float(number))
            await clock.sleep(60)
        first = (await served.get("/api/v1/evidence?limit=3")).json
        assert [line["text"] for line in first["lines"]] == ["change 0", "change 1", "change 2"]
        rest = (await served.get(f"/api/v1/evidence?limit=3&cursor={first['next_cursor']}")).json
        assert [line["grid_after_kw"] for line in rest["lines"]] == [3.0, 4.0]
        assert rest["next_cursor"] is None
        since = clock.utc() - timedelta(seconds=150)
        late = (await served.get(f"/api/v1/evidence?from={since:%Y-%m-%dT%H:%M:%SZ}")).json
        assert [line["text"] for line in late["lines"]] == ["change 3", "change 4"]
        table = (await served.get("/api/v1/evidence?format=csv")).text.splitlines()
        assert table[0] == "time,source,device,what,reason,text,grid_before_kw,grid_after_kw"
        assert len(table) == 6
        assert table[1].endswith(",,,limit,envelope,change 0,4.0,0.0")


@stepped
async def test_a_grid_operator_sees_the_evidence_of_its_own_limits_where_the_owner_shows_it(
    clock: Clock, tmp_path: Path
) -> None:
    async with owned(clock, tmp_path) as owner:
        happen(owner.served, "the operator's", part="dso")
        happen(owner.served, "all together")
        happen(owner.served, "a lease", device="battery")
        north, volt = await token_of(owner, "dso:north"), await token_of(owner, "supplier:volt")
        own = "/api/v1/evidence?source=dso"
        assert (await north.get(own)).status == 403
        rule = {"stakeholder": "dso:north", "variable": "evidence", "device": "", "part": "dso"}
        assert (await owner.post("/api/v1/policies", rule)).status == 200
        assert [line["text"] for line in (await north.get(own)).json["lines"]] == ["the operator's"]
        for path in ("/api/v1/evidence", "/api/v1/evidence?device=battery", "/api/v1/evidence?source=contract"):
            assert (await north.get(path)).status == 403
        assert (await volt.get(own)).status == 403
        assert (await north.get("/api/v1/envelope")).status == 403


@pytest.mark.parametrize(
    "query", ["source=nobody", "limit=0", "limit=1001", "cursor=made-up", "from=yesterday", "device=../x", "more=1"]
)
@stepped
async def test_a_bad_question_is_refused_in_words(clock: Clock, query: str) -> None:
    async with serving(clock) as served:
        said = await served.get(f"/api/v1/evidence?{query}")
    if query == "cursor=made-up":
        assert said.status in (200, 400)  # the memory's cursors are counts; the store's own refuse it
    else:
        assert said.status == 400
        assert said.json["expected"]
