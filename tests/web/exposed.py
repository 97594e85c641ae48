"""A gateway's web with a login, in a process and in real time of its own, for independent programs to be let loose on.

`python -m tests.web.exposed` serves a house on paper, prints one line of JSON (where it is, and a key for each kind of
asker) and lives until its standard input ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from heg.data.interface import DataInterface
from heg.data.store.settings import StoreSettings
from heg.data.store.store import SqliteStore
from heg.model.policy import CUSTOMER, Stakeholder
from heg.model.policy import Role as StakeholderRole
from heg.model.rights import Rule, Scope
from heg.model.slots import slot_start
from heg.runtime.clock import Clock
from heg.runtime.loops import RealTiming, run
from heg.runtime.secrets import Secret
from heg.web.accounts.desk import AccountsDesk
from heg.web.accounts.people import Invited, TokenWish
from heg.web.accounts.principals import Doors
from heg.web.accounts.records import Admitted, Client, Issued
from heg.web.accounts.roles import ROLES, SCOPES, STRANGER_SCOPES, Permission, Role
from heg.web.accounts.rules import Rules
from heg.web.accounts.standing import Identity
from heg.web.budget import Budget
from heg.web.gate import SESSION_COOKIE, Gate
from heg.web.listen import open_listener, page_address
from heg.web.server import WebServer
from heg.web.settings import WebSettings
from tests.support.rights import allow
from tests.web import paper_plan
from tests.web.accounts.gateway import console, desk_in
from tests.web.house import HOME, PaperHouse

_CONSOLE = Client("127.0.0.1")
_ALL_DAY_S = 86_400.0
ENEL = Stakeholder(StakeholderRole.DSO, "enel")


@dataclass(frozen=True, slots=True)
class Asker:
    """One who asks: the header that brings the key, and what the key is good for."""

    header: str
    value: str
    permissions: tuple[str, ...]
    household: bool = True


@dataclass(frozen=True, slots=True)
class Exposed:
    """Where the gateway is, and who may be whom."""

    address: str
    askers: Mapping[str, Asker]
    pid: int


@contextlib.contextmanager
def exposed() -> Iterator[Exposed]:
    """A running gateway in a process of its own."""
    command = [sys.executable, "-m", "tests.web.exposed"]
    root = Path(__file__).parents[2]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=root)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        said = json.loads(process.stdout.readline())
        askers = {name: Asker(**one) for name, one in said["askers"].items()}
        yield Exposed(said["address"], askers, process.pid)
    finally:
        process.stdin.close()
        process.wait(20)
        process.stdout.close()


async def _expose(clock: Clock) -> None:
    with tempfile.TemporaryDirectory() as folder:
        # Keys stay fresh all day: programs that ask for hours are not to be told to log in.
        async with desk_in(Path(folder), clock, rules=Rules(fresh_s=_ALL_DAY_S)) as desk:
            await _serve(clock, Path(folder), desk, await _askers(clock, Path(folder), desk))


async def _askers(clock: Clock, folder: Path, desk: AccountsDesk) -> Mapping[str, Asker]:
    owner = await desk.redeem(console(folder, clock), "owner", _password("owner"), _CONSOLE)
    assert isinstance(owner, Admitted), owner
    who = _identity(desk, owner)
    found = {"nobody": Asker("X-Nobody", "asks", ())}
    found["owner"] = _session(owner, Role.OWNER)
    for role in (Role.VIEWER, Role.USER, Role.INSTALLER):
        found[role.value] = _session(await _invited(desk, who, role.value, role), role)
    leaver = await _invited(desk, who, "leaver", Role.USER)
    found["leaver"] = _session(leaver, Role.USER)
    for name, scopes, other in (("token", SCOPES, None), ("dso", STRANGER_SCOPES, ENEL)):
        issued = await desk.issue_token(who, TokenWish(name, scopes, 30 * _ALL_DAY_S, other), _CONSOLE)
        assert isinstance(issued, Issued), issued
        bearer = f"Bearer {issued.key.reveal()}"
        found[name] = Asker("Authorization", bearer, _sorted(scopes), household=other is None)
    return found


async def _invited(desk: AccountsDesk, owner: Identity, name: str, role: Role) -> Admitted:
    invited = await desk.invite(owner, name, role, _CONSOLE)
    assert isinstance(invited, Invited), invited
    admitted = await desk.redeem(invited.code, "", _password(name), _CONSOLE)
    assert isinstance(admitted, Admitted), admitted
    return admitted


def _session(admitted: Admitted, role: Role) -> Asker:
    cookie = f"{SESSION_COOKIE}={admitted.session_key.reveal()}"
    return Asker("Cookie", cookie, _sorted(ROLES[role]), household=role is not Role.INSTALLER)


def _identity(desk: AccountsDesk, admitted: Admitted) -> Identity:
    who = desk.who(admitted.session_key)
    assert who is not None
    return who


def _password(name: str) -> Secret:
    return Secret(f"the long passphrase of {name}")


def _sorted(permissions: frozenset[Permission]) -> tuple[str, ...]:
    return tuple(sorted(map(str, permissions)))


async def _serve(clock: Clock, folder: Path, desk: AccountsDesk, askers: Mapping[str, Asker]) -> None:
    data = DataInterface(clock, HOME.unit, SqliteStore(clock, StoreSettings(folder / "store.sqlite")))
    await data.open()
    house = PaperHouse(data, clock)
    house.attach()
    house.remember(hours=6)
    slot = slot_start(clock.utc(), paper_plan.QUARTER)
    paper_plan.publish(house.door, paper_plan.plan_from(slot))
    paper_plan.book(house.door, slot)
    assert allow(data, Rule(0, ENEL, scope=Scope("power.active", "meter", ""))) is None
    # Whoever asks thousands of questions is to hear answers, not that they are too many.
    settings = WebSettings(port=0, budget=Budget(per_s=1e9, burst=1e9))
    with open_listener(settings) as listener:
        web = WebServer(data.admit(CUSTOMER, "web"), clock, HOME, settings, listener, Gate(desk, Doors(data.admit)))
        tasks = [asyncio.create_task(work) for work in (data.run(), web.run(), _live(clock, house))]
        said = {"address": page_address(listener), "askers": {name: asdict(one) for name, one in askers.items()}}
        sys.stdout.write(json.dumps(said) + "\n")
        sys.stdout.flush()
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await data.close()


async def _live(clock: Clock, house: PaperHouse) -> None:
    while True:
        house.tick()
        await clock.sleep(1.0)


if __name__ == "__main__":
    run(_expose, timing=RealTiming())
