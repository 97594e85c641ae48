"""A planner's process that does what a file says at each request: `python -m tests.planner.changing_worker FILE`.

`plan` is the real thing; `garbage` puts noise before the answer; every other word is one of `odd_workers`.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from heg.model.plan import PlanReply, PlanRequest
from heg.planner.answering import Answerer
from heg.planner.serving import Pipes, run, settle
from tests.planner.odd_workers import ANSWERS


def main() -> int:
    settle()
    pipes = Pipes.taken_from_standard()
    from heg.planner.forecast import forecast
    from heg.planner.otherwise import otherwise
    from heg.planner.plan import plan

    real = Answerer(forecast, plan, otherwise, lambda: 0.0)
    way_file = Path(sys.argv[1])

    def answer(request: PlanRequest) -> PlanReply:
        way = way_file.read_text()
        if way == "garbage":
            os.write(pipes.send, os.urandom(64))
        return ANSWERS.get(way, real)(request)

    return run(pipes, answer)


if __name__ == "__main__":
    sys.exit(main())
