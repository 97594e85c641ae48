"""A session's key is exchanged while it is used; nobody is logged out by an answer that was lost."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from heg.runtime.clock import Clock
from heg.web.accounts.renewal import Renewal
from heg.web.accounts.rules import Rules
from heg.web.gate import SESSION_COOKIE
from tests.support.stepped import stepped
from tests.web.test_login import PASSWORD, Browser, owned

RULES = Rules()
OLD, NEW, NEWER = b"old", b"new", b"newer"


def test_a_key_is_due_after_an_hour_of_use() -> None:
    renewal = Renewal(RULES)
    assert not renewal.due(OLD, 0.0)
    renewal.used(OLD, 0.0)
    assert not renewal.due(OLD, RULES.key_s - 1)
    assert renewal.due(OLD, RULES.key_s)


def test_of_requests_at_once_one_brings_a_new_key() -> None:
    renewal = Renewal(RULES)
    renewal.used(OLD, 0.0)
    assert renewal.exchanged(OLD, NEW, 4000.0) is None
    assert not renewal.due(OLD, 4000.0)


def test_a_key_that_never_came_back_is_replaced() -> None:
    renewal = Renewal(RULES)
    renewal.used(OLD, 0.0)
    renewal.exchanged(OLD, NEW, 4000.0)
    assert renewal.over(9000.0) == ()
    assert renewal.due(OLD, 4000.0 + RULES.key_grace_s)
    assert renewal.exchanged(OLD, NEWER, 4070.0) == NEW


def test_the_old_key_ends_a_little_after_the_new_one_came_back() -> None:
    renewal = Renewal(RULES)
    renewal.used(OLD, 0.0)
    renewal.exchanged(OLD, NEW, 4000.0)
    renewal.used(NEW, 4001.0)
    renewal.used(NEW, 4050.0)  # its first use counts
    assert not renewal.due(OLD, 4500.0)
    assert renewal.over(4001.0 + RULES.key_grace_s - 1) == ()
    assert renewal.over(4001.0 + RULES.key_grace_s) == (OLD,)
    assert renewal.over(9000.0) == ()


@given(st.lists(st.tuples(st.sampled_from(["use old", "use new", "ask", "look"]), st.floats(1.0, 2000.0)), max_size=40))
def test_an_old_key_never_ends_before_its_new_one_was_used(steps: list[tuple[str, float]]) -> None:
    renewal, now_s, current, fresh, came_back = Renewal(RULES), 0.0, b"0", None, False
    for number, (what, later_s) in enumerate(steps):
        now_s += later_s
        if what == "use old":
            renewal.used(current, now_s)
        elif what == "use new" and fresh is not None:
            renewal.used(fresh, now_s)
            came_back = True
        elif what == "ask" and not came_back and renewal.due(current, now_s):
            fresh = str(number + 1).encode()
            renewal.exchanged(current, fresh, now_s)
        for ended in renewal.over(now_s):
            assert came_back
            assert ended == current
            current, fresh, came_back = fresh or current, None, False


def key_of(browser: Browser) -> str:
    return browser.cookies[SESSION_COOKIE]


@stepped
async def test_a_browser_gets_another_key_and_the_old_one_ends(clock: Clock, tmp_path: Path) -> None:
    async with owned(clock, tmp_path) as owner:
        first = key_of(owner)
        await owner.get("/api/v1/session")
        await clock.sleep(RULES.key_s + 1)
        assert (await owner.get("/api/v1/state")).status == 200
        second = key_of(owner)
        assert second != first
        thief = owner.another()
        thief.cookies = {SESSION_COOKIE: first}
        assert (await thief.get("/api/v1/state")).status == 200  # the new key may still be on its way
        assert key_of(thief) == first
        assert (await owner.get("/api/v1/state")).status == 200
        assert key_of(owner) == second
        await clock.sleep(RULES.key_grace_s + 5)
        assert (await thief.get("/api/v1/state")).status == 401
        assert (await owner.get("/api/v1/state")).status == 200


@stepped
async def test_an_answer_that_was_lost_logs_nobody_out(clock: Clock, tmp_path: Path) -> None:
    async with owned(clock, tmp_path) as owner:
        first = dict(owner.cookies)
        await owner.get("/api/v1/session")
        await clock.sleep(RULES.key_s + 1)
        await owner.get("/api/v1/state")
        owner.cookies = dict(first)
        await clock.sleep(10 * RULES.key_grace_s)
        assert (await owner.get("/api/v1/state")).status == 200
        assert key_of(owner) != first[SESSION_COOKIE]


@stepped
async def test_logging_out_ends_both_keys(clock: Clock, tmp_path: Path) -> None:
    async with owned(clock, tmp_path) as owner:
        other = owner.another()
        await owner.get("/api/v1/session")
        other.cookies = dict(owner.cookies)
        await clock.sleep(RULES.key_s + 1)
        await owner.get("/api/v1/state")
        assert (await owner.post("/api/v1/session/end")).status == 200
        assert (await other.get("/api/v1/state")).status == 401
        assert (await owner.post("/api/v1/session", {"name": "anna", "password": PASSWORD})).status == 200
