"""The planner's process: `python -m heg.planner.worker` (DESIGN.md, Rules of the house; `heg.planner.serving`)."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

from heg.planner.serving import IDLE_S, Pipes, run, settle


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve the real forecast, plan and week; the exit code is an `Ending`."""
    settle()
    pipes = Pipes.taken_from_standard()
    # Only now: the number of threads is read when the libraries load, and what they print has a place to go.
    from heg.planner.answering import Answerer
    from heg.planner.forecast import forecast
    from heg.planner.otherwise import otherwise
    from heg.planner.plan import plan
    from heg.planner.week import days_ahead

    parser = argparse.ArgumentParser(prog="heg.planner.worker", description="Plans for a gateway, over pipes.")
    parser.add_argument("--idle-s", type=float, default=IDLE_S, help="real seconds without a request until it ends")
    wanted = parser.parse_args(arguments)
    now_s = time.perf_counter  # noqa: TID251 - a process without an event loop: there is no Clock to inject
    return run(pipes, Answerer(forecast, plan, otherwise, now_s, days_ahead), idle_s=wanted.idle_s)


if __name__ == "__main__":
    sys.exit(main())
