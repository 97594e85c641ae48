"""The time of a login tells nothing: the same work is done whoever is named, and measured spans cannot be told apart.

In the ordinary suite the work is counted; the spans themselves, with real hashes, are measured in `./dev soak`.
"""

import random
from collections.abc import Sequence
from math import erfc, exp, sqrt
from pathlib import Path

import pytest

from heg.runtime.clock import Clock
from heg.runtime.loops import RealTiming, run
from heg.runtime.secrets import Secret
from heg.web.accounts.desk import AccountsDesk
from heg.web.accounts.passwords import Cost, Passwords
from heg.web.accounts.records import Admitted, Client, Reason, Refused
from heg.web.accounts.rules import Rules
from heg.web.accounts.throttle import Throttle
from tests.support.stepped import stepped
from tests.web.accounts.gateway import CHEAP, GOOD, console, desk_in

WRONG = Secret("a wrong long passphrase")


class Counted(Passwords):
    """Counts what is computed."""

    def __init__(self, cost: Cost) -> None:
        super().__init__(cost)
        self.work: list[str] = []

    def hash(self, password: Secret) -> str:
        self.work.append("hash")
        return super().hash(password)

    def matches(self, encoded: str, password: Secret) -> bool:
        self.work.append(f"matches {encoded.rpartition('p=1$')[0]} {len(encoded)}")
        return super().matches(encoded, password)

    def spent(self) -> list[str]:
        spent, self.work = self.work, []
        return spent


@stepped
async def test_the_same_is_computed_whoever_is_named(clock: Clock, tmp_path: Path) -> None:
    passwords = Counted(CHEAP)
    async with desk_in(tmp_path, clock, passwords) as desk:
        assert isinstance(await desk.redeem(console(tmp_path, clock), "anna", GOOD, Client("192.168.1.2")), Admitted)
        passwords.spent()
        spent = []
        for name, password in (("anna", GOOD), ("anna", WRONG), ("nobody", WRONG), ("\x00", WRONG), ("", WRONG)):
            await desk.login(name, password, Client("192.168.1.9"))
            spent.append(passwords.spent())
        assert len(spent[0]) == 1
        assert all(one == spent[0] for one in spent), spent


@stepped
async def test_during_a_wait_nothing_is_computed_for_anybody(clock: Clock, tmp_path: Path) -> None:
    passwords = Counted(CHEAP)
    async with desk_in(tmp_path, clock, passwords) as desk:
        assert isinstance(await desk.redeem(console(tmp_path, clock), "anna", GOOD, Client("192.168.1.2")), Admitted)
        for number, name in enumerate(("anna", "nobody")):
            client = Client(f"192.168.1.{100 + number}")
            for _ in range(8):
                refused = await desk.login(name, WRONG, client)
            passwords.spent()
            for password in (WRONG, GOOD):
                refused = await desk.login(name, password, client)
                assert isinstance(refused, Refused)
                assert refused.reason is Reason.TOO_MANY
                assert passwords.spent() == []


@pytest.mark.soak
def test_spans_cannot_be_told_apart(tmp_path: Path) -> None:
    """600 wrong logins with real hashes, names in random order: Mann-Whitney and Kolmogorov-Smirnov see one kind."""
    spans = run(lambda clock: _spans(clock, tmp_path), timing=RealTiming())
    known, unknown = spans["anna"], spans["nobody"]
    assert mann_whitney_p(known, unknown) > 0.001
    assert kolmogorov_smirnov_p(known, unknown) > 0.001


def test_the_statistics_would_see_a_difference() -> None:
    draw = random.Random(5)
    same = [[draw.gauss(60.0, 3.0) for _ in range(300)] for _ in range(2)]
    later = [span + 1.0 for span in same[1]]
    assert mann_whitney_p(*same) > 0.01
    assert kolmogorov_smirnov_p(*same) > 0.01
    assert mann_whitney_p(same[0], later) < 0.001
    assert kolmogorov_smirnov_p(same[0], later) < 0.001


async def _spans(clock: Clock, folder: Path) -> dict[str, list[float]]:
    desk = AccountsDesk(clock, folder, Rules())
    await desk.open()
    try:
        assert isinstance(await desk.redeem(console(folder, clock), "anna", GOOD, Client("192.168.1.2")), Admitted)
        names = ["anna", "nobody"] * 300
        random.Random(1).shuffle(names)
        spans: dict[str, list[float]] = {"anna": [], "nobody": []}
        assert desk._accounts is not None
        for number, name in enumerate(names):
            desk._accounts._throttle = Throttle()  # each try is a first one: what is compared is not the waiting
            client = Client(f"10.0.{number // 200}.{number % 200}")
            begun_s = clock.real_s()
            refused = await desk.login(name, WRONG, client)
            spans[name].append(clock.real_s() - begun_s)
            assert isinstance(refused, Refused)
            assert refused.reason is Reason.WRONG
    finally:
        await desk.close()
    return spans


def mann_whitney_p(one: Sequence[float], other: Sequence[float]) -> float:
    """Two-sided, by the normal approximation (no ties: spans in nanoseconds)."""
    ranked = sorted((span, which) for which, spans in enumerate((one, other)) for span in spans)
    ranks = sum(rank for rank, (_, which) in enumerate(ranked, 1) if which == 0)
    first, second = len(one), len(other)
    mean = first * (first + second + 1) / 2
    deviation = sqrt(first * second * (first + second + 1) / 12)
    return erfc(abs(ranks - mean) / deviation / sqrt(2))


def kolmogorov_smirnov_p(one: Sequence[float], other: Sequence[float]) -> float:
    """By the asymptotic distribution."""
    ranked = sorted((span, which) for which, spans in enumerate((one, other)) for span in spans)
    apart = widest = 0.0
    for _, which in ranked:
        apart += 1 / len(one) if which == 0 else -1 / len(other)
        widest = max(widest, abs(apart))
    effective = sqrt(len(one) * len(other) / (len(one) + len(other)))
    scaled = (effective + 0.12 + 0.11 / effective) * widest
    series = ((-1) ** (k - 1) * exp(-2 * (k * scaled) ** 2) for k in range(1, 101))
    return min(1.0, max(0.0, 2 * sum(series)))
