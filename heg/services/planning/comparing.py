"""On demand: what every other way in the first slot of the plan would have cost (spec ebr.md, Explainable)."""

from collections.abc import Iterable
from dataclasses import asdict

from heg.data.door import CommandAnswer, Outcome
from heg.model.plan import Alternative, Degradation, PlanRequest
from heg.model.refusals import Refusal, RefusalCode
from heg.services.planning.planner import Planner
from heg.services.planning.standing import Standing

NO_PLAN = CommandAnswer(
    Outcome.REFUSED,
    "There is no plan to compare with.",
    Refusal(RefusalCode.NOT_READY, "a plan in force", "none", "wait for one, or see what it lacks"),
)
_NAMES = {"ess": "Battery", "pev": "Vehicle"}


async def compared(planner: Planner, stands: Standing | None, number: int, limit_s: float) -> CommandAnswer:
    """Have the problem of the plan that stands planned again, and its alternatives costed, within `limit_s` real
    seconds.

    The answer's `detail` has them as values, for each storage (`ess`, `pev`) nothing, charge, discharge and follow.
    """
    if stands is None or stands.problem is None:
        return NO_PLAN
    reply = await planner.ask(PlanRequest(id=number, problem=stands.problem, otherwise=True), limit_s)
    if isinstance(reply, Degradation):
        lacking = Refusal(RefusalCode.NOT_READY, "an answer of the planner", reply.text, "ask again")
        return CommandAnswer(Outcome.REFUSED, "The alternatives could not be costed.", lacking)
    begins = f"{stands.plan.start:%H:%M} UTC"
    if not reply.otherwise:
        return CommandAnswer(
            Outcome.DONE, f"In the slot from {begins} there is nothing else to do.", detail=_detail(())
        )
    words = " ".join(f"{_NAMES[one.storage]}: {one.text}" for one in reply.otherwise)
    return CommandAnswer(Outcome.DONE, f"In the slot from {begins}: {words}", detail=_detail(reply.otherwise))


def _detail(others: Iterable[Alternative]) -> dict[str, object]:
    return {"alternatives": [asdict(one) | {"kind": str(one.kind)} for one in others]}
