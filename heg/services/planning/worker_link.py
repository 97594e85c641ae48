"""The slot loop's link to the planner's process: one question at a time, an answer or a named lack (DESIGN.md, Rules).

A thread of its own does the blocking talk, because its limits are real seconds: on a stepped loop every timer is
simulated, and `run_in_executor` holds the clock while the thread works. The process stays between questions until it
idles out by itself; it dies with this thread at the latest. Whatever it does costs one answer, never the loop.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from heg.model.losses import loss
from heg.model.plan import Degradation, DegradationCode, PlanReply, PlanRequest
from heg.model.planner_wire import Failure, MessageTooLongError
from heg.runtime.clock import Clock
from heg.runtime.supervisor import Backoff
from heg.services.planning.answer import doubt, refusal
from heg.services.planning.worker_process import (
    LostError,
    RefusedAnswerError,
    RestedError,
    StalledError,
    WorkerProcess,
)

logger = logging.getLogger(__name__)

COMMAND = (sys.executable, "-m", "heg.planner.worker")
START_LIMIT_S = 30.0
"""Real seconds a start may take: a cold card on a small machine loads the solver slowly."""
AGAIN = Backoff(first_s=1.0, longest_s=loss("planner-lost").within.seconds)
"""House seconds between starts after failures: below the shortest slot, so that each slot has its try."""


class WorkerLink:
    """One per slot loop. `ask` never raises for what the process does; `close` leaves nothing behind.

    `counts` has how often what happened: starts, answers, and each degradation by its code.
    """

    def __init__(
        self,
        clock: Clock,
        command: Sequence[str] = COMMAND,
        *,
        start_limit_s: float = START_LIMIT_S,
        backoff: Backoff = AGAIN,
    ) -> None:
        self._clock = clock
        self._backoff = backoff
        self._desk = _Desk(tuple(command), start_limit_s, clock.real_s)
        self._thread: ThreadPoolExecutor | None = None
        self._turn = asyncio.Lock()
        self._question: _Question | None = None
        self._watched: int | None = None
        self._failures = 0
        self._failed: Degradation | None = None
        self._not_before_s = clock.monotonic_s()
        self._closed = False
        self.counts: Counter[str] = Counter()

    @property
    def pid(self) -> int | None:
        """Number of the process, None while there is none."""
        return self._desk.pid

    async def ask(self, request: PlanRequest, limit_s: float) -> PlanReply | Degradation:
        """Return the plan of this request, or the lack that stands in its place.

        `limit_s` is real seconds for question and answer, not counting a start; at the limit the process is killed.
        Questions wait for each other. A cancelled one takes its process with it.
        """
        async with self._turn:
            reply = self._refused_now() or await self._asked(_Question(request, limit_s))
        self.counts["answer" if isinstance(reply, PlanReply) else str(reply.code)] += 1
        return reply

    async def close(self) -> None:
        """End process and thread; a question under way is given up. A second call finds nothing left to do."""
        self._closed = True
        self._unwatch()
        if self._question is not None:
            self._desk.give_up(self._question)
        thread, self._thread = self._thread, None
        if thread is not None:
            await asyncio.get_running_loop().run_in_executor(thread, self._desk.clear)
            thread.shutdown()

    def _refused_now(self) -> Degradation | None:
        if self._closed:
            return Degradation(DegradationCode.WORKER_LOST, "The planner is closed.")
        wait_s = self._not_before_s - self._clock.monotonic_s()
        if self._failed is None or wait_s <= 0.0:
            return None
        again = f"It failed {self._failures} times in a row and is tried again in {wait_s:.0f} s."
        return replace(self._failed, text=f"{self._failed.text} {again}")

    async def _asked(self, question: _Question) -> PlanReply | Degradation:
        self._unwatch()
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="planner")
        loop = asyncio.get_running_loop()
        self._question = question
        try:
            outcome = await loop.run_in_executor(self._thread, self._desk.talk, question)
        except asyncio.CancelledError:
            self._desk.give_up(question)
            if self._thread is not None:
                # Nobody waits for it: the next question's turn on the thread is behind it.
                loop.run_in_executor(self._thread, self._desk.clear)
            raise
        finally:
            self._question = None
        self.counts["start"] += outcome.starts
        self._watch()
        self._remember(outcome)
        return outcome.reply

    def _remember(self, outcome: _Outcome) -> None:
        reply = outcome.reply
        if outcome.words:
            logger.warning("the planner's process said something", extra={"words": outcome.words})
        if isinstance(reply, Degradation):
            logger.warning("no plan: %s", reply.text, extra={"code": str(reply.code)})
        if outcome.is_worker_sound or not isinstance(reply, Degradation):
            self._failures, self._failed = 0, None
            return
        self._failures, self._failed = self._failures + 1, reply
        self._not_before_s = self._clock.monotonic_s() + self._backoff.delay_s(self._failures)

    def _watch(self) -> None:
        """Between questions nothing comes from the process but its end: it is reaped when it idles out, not later."""
        if not self._closed and (descriptor := self._desk.answers_on) is not None:
            self._watched = descriptor
            asyncio.get_running_loop().add_reader(descriptor, self._ended_between)

    def _unwatch(self) -> None:
        if self._watched is not None:
            asyncio.get_running_loop().remove_reader(self._watched)
            self._watched = None

    def _ended_between(self) -> None:
        self._unwatch()
        if self._thread is not None:
            asyncio.get_running_loop().run_in_executor(self._thread, self._desk.clear)


@dataclass(slots=True)
class _Question:
    request: PlanRequest
    limit_s: float
    is_given_up: bool = False


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What became of a question. A worker that answers, be it by a failure of its plan, is sound."""

    reply: PlanReply | Degradation
    is_worker_sound: bool
    starts: int
    words: str = ""


class _Desk:
    """The side of the link that lives on its thread and holds the process. `give_up`, `pid` and `answers_on` are the
    loop's, the latter only while nothing runs on the thread.
    """

    def __init__(self, command: tuple[str, ...], start_limit_s: float, real_s: Callable[[], float]) -> None:
        self._command = command
        self._start_limit_s = start_limit_s
        self._real_s = real_s
        self._worker: WorkerProcess | None = None
        self._starts = 0

    @property
    def pid(self) -> int | None:
        worker = self._worker
        return None if worker is None else worker.pid

    @property
    def answers_on(self) -> int | None:
        worker = self._worker
        return None if worker is None else worker.answers_on

    def give_up(self, question: _Question) -> None:
        """Make the thread stop waiting. Marked first: whichever of the two looks later sees what the other did."""
        question.is_given_up = True
        if (worker := self._worker) is not None:
            worker.kill()

    def talk(self, question: _Question) -> _Outcome:
        """Ask; afterwards there is a process that may be asked again, or none."""
        self._starts = 0
        try:
            answer = self._answer(question)
        except LostError as lost:
            return self._failed(DegradationCode.WORKER_LOST, f"The planner's process was lost: {lost}.")
        except StalledError as stalled:
            return self._failed(DegradationCode.WORKER_STALLED, f"The planner {stalled}; it was ended.")
        except RefusedAnswerError as refused:
            return self._failed(DegradationCode.ANSWER_REFUSED, refusal(str(refused)))
        except MessageTooLongError as too_long:
            lack = Degradation(DegradationCode.SOLVER_FAILED, f"The planner could not be asked: {too_long}.")
            return self._outcome(lack)
        if isinstance(answer, Failure):
            return self._outcome(Degradation(DegradationCode.SOLVER_FAILED, f"The planner failed: {answer.text}."))
        return self._outcome(answer)

    def clear(self) -> str:
        """End the process, if there is one; its last words."""
        worker, self._worker = self._worker, None
        if worker is None:
            return ""
        how = worker.end(gently=True)
        logger.debug("the planner's process ended: %s", how)
        return worker.last_words

    def _answer(self, question: _Question) -> PlanReply | Failure:
        try:
            return self._answer_once(question)
        except RestedError:
            # It idled out while the question was on its way to it: nothing is wrong, another one answers.
            self._end()
            return self._answer_once(question)

    def _answer_once(self, question: _Question) -> PlanReply | Failure:
        self._check(question)
        if self._worker is None:
            self._worker = WorkerProcess(self._command, self._real_s)
            self._starts += 1
            self._check(question)
            self._worker.wait_ready(self._start_limit_s)
        answer = self._worker.ask(question.request, question.limit_s)
        if isinstance(answer, PlanReply) and (wrong := doubt(question.request, answer)):
            raise RefusedAnswerError(wrong)
        return answer

    def _check(self, question: _Question) -> None:
        if question.is_given_up:
            raise LostError("the question was given up")

    def _failed(self, code: DegradationCode, text: str) -> _Outcome:
        return _Outcome(Degradation(code, text), is_worker_sound=False, starts=self._starts, words=self._end())

    def _outcome(self, reply: PlanReply | Degradation) -> _Outcome:
        words = "" if self._worker is None else self._worker.last_words
        return _Outcome(reply, is_worker_sound=True, starts=self._starts, words=words)

    def _end(self) -> str:
        worker, self._worker = self._worker, None
        if worker is None:
            return ""
        worker.end()
        return worker.last_words
