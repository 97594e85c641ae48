"""The configuration over HTTP by people: who may come in is the owner's to say, whoever else may configure."""

from collections.abc import Mapping
from pathlib import Path

from heg.data.door import CommandAnswer, Outcome
from heg.model.instance import ANY, Location
from heg.model.policy import CUSTOMER
from heg.runtime.clock import Clock
from heg.web.accounts.roles import Role
from tests.support.stepped import stepped
from tests.web.serving import Served
from tests.web.test_login import Browser, owned, person


def answered_by(served: Served) -> list[Mapping[str, object]]:
    """Answer the configuration's commands; what they said is in the list."""
    heard: list[Mapping[str, object]] = []

    async def hear(_place: Location, arguments: Mapping[str, object]) -> CommandAnswer:
        heard.append(arguments)
        return CommandAnswer(Outcome.DONE, "heard")

    door = served.data.admit(CUSTOMER, "unit")
    for name in ("apply", "rollback"):
        assert door.answer(f"command.configuration.{name}", Location("home", ANY, ANY), hear).accepted
    return heard


async def change(browser: Browser) -> None:
    applied = await browser.post("/api/v1/configuration/apply", {"toml": "[web]\n", "base": 1})
    assert applied.status == 200, applied.text
    assert (await browser.post("/api/v1/configuration/rollback")).status == 200


@stepped
async def test_only_the_owner_changes_who_may_come_in(clock: Clock, tmp_path: Path) -> None:
    async with owned(clock, tmp_path) as owner:
        heard = answered_by(owner.served)
        await change(owner)
        assert [one["sparing"] for one in heard] == ["", ""]
        issued = await owner.post("/api/v1/tokens", {"label": "x", "scopes": ["configure"]})
        program = owner.another()
        program.bearer = issued.json["key"]
        for other in (await person(owner, "ivo", Role.INSTALLER), program):
            heard.clear()
            await change(other)
            assert all("[web]" in str(one["sparing"]).split(";") for one in heard)
            assert len(heard) == 2
