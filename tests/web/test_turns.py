"""One request begins in a turn of the loop, in the order they came."""

import asyncio

from heg.runtime.clock import Clock
from heg.web.turns import Turns
from tests.support.stepped import stepped


async def begun(turns: Turns, order: list[object], name: object) -> None:
    await turns.mine()
    order.append(name)


def other_work(order: list[object]) -> None:
    """What else is due in every turn, such as the control cycle's timer."""
    order.append("-")
    if order.count("-") < 20:
        asyncio.get_running_loop().call_soon(other_work, order)


@stepped
async def test_what_else_is_due_runs_between_any_two(clock: Clock) -> None:
    turns = Turns()
    order: list[object] = []
    asyncio.get_running_loop().call_soon(other_work, order)
    await asyncio.gather(*(begun(turns, order, number) for number in range(5)))
    said = "".join(map(str, order))
    assert [letter for letter in said if letter != "-"] == list("01234")
    for pair in ("01", "12", "23", "34"):
        assert pair not in said
    await clock.sleep(0.1)


@stepped
async def test_who_goes_away_takes_no_turn_along(clock: Clock) -> None:
    turns = Turns()
    order: list[object] = []
    tasks = [asyncio.create_task(begun(turns, order, number)) for number in range(5)]
    await clock.sleep(0)
    for number in (1, 2, 4):
        tasks[number].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert order == [0, 3]
    await asyncio.wait_for(turns.mine(), 1.0)
    await clock.sleep(0.1)


@stepped
async def test_a_lone_request_waits_for_nothing(clock: Clock) -> None:
    turns = Turns()
    for _ in range(3):
        coroutine = turns.mine()
        try:
            coroutine.send(None)
        except StopIteration:
            pass
        else:
            raise AssertionError("it waited")
        await clock.sleep(0.1)
