"""A grid operator with a token of its own asks for less load over HTTP: policy, strategy and answer."""

from __future__ import annotations

import asyncio
from pathlib import Path

from heg.model.policy import CUSTOMER
from heg.runtime.clock import Clock
from heg.services.automation.service import Automation
from heg.services.automation.settings import Strategy
from tests.services.automation.scene import settings
from tests.support.stepped import stepped
from tests.web.house import HOME
from tests.web.test_login import owned
from tests.web.test_policies import token_of

MAY_ASK = {"variable": "command.reduce", "device": "", "part": "", "rights": ["read", "write"]}


@stepped
async def test_it_goes_through_policy_then_strategy_and_is_answered(clock: Clock, tmp_path: Path) -> None:
    async with owned(clock, tmp_path) as owner:
        data = owner.served.data
        chosen = settings(unit=HOME.unit, strategy=Strategy.REDUCE, who=frozenset({"dso"}))
        running = asyncio.create_task(Automation(data.admit(CUSTOMER, "automation"), clock, chosen).run())
        owner.served.house.tick()
        north = await token_of(owner, "dso:north", "command")
        sun = await token_of(owner, "supplier:sun", "command")
        asked = {"max_import_kw": 3.0, "minutes": 30}
        refused = await north.post("/api/v1/commands/reduce", asked)
        assert (refused.status, refused.json["outcome"]) == (403, "refused")
        assert "not_granted" in refused.json["refusal"]
        for who in ("dso:north", "supplier:sun"):
            assert (await owner.post("/api/v1/policies", {**MAY_ASK, "stakeholder": who})).status == 200
        answer = await north.post("/api/v1/commands/reduce", asked)
        assert answer.status == 200, answer.text
        assert answer.json["outcome"] in ("done", "partly")
        assert set(answer.json["detail"]) == {"import_kw", "needed_kw", "reachable_kw"}
        other = await sun.post("/api/v1/commands/reduce", asked)
        assert (other.status, "expected one of dso" in other.json["refusal"]) == (403, True)
        ended = await north.post("/api/v1/commands/reduce", {"release": True})
        assert ended.json["outcome"] == "done"
        switched = await north.post("/api/v1/commands/appliance", {"power_state": "off", "minutes": 5})
        assert switched.status == 403
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
