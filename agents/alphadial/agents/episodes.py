"""The one path of an attempt: request -> graph -> batcher -> policy -> submission -> judge, many at a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from alphadial.agents.batcher import Batcher
from alphadial.agents.errors import WrongWeightsError
from alphadial.agents.graph import EpisodeContext, single_turn
from alphadial.agents.prompts import AnswerParser
from alphadial.agents.types import Completion, Judge, Policy, Request, Rollout
from alphadial.envs.types import JudgeReport, Problem

ASKING_BATCHES = 2
"""Batches' worth of attempts that may be asking: one with the policy, one gathering."""
OPEN_BATCHES = 4
"""Batches' worth of attempts that may be open, judging included: what a kill can lose."""


@dataclass(frozen=True, slots=True)
class Episode:
    """An attempt to be made."""

    problem: Problem
    request: Request
    coverage: str | None
    weights_id: str | None = None
    """That must answer; None accepts any."""


async def play(
    episodes: Sequence[Episode],
    *,
    parser: AnswerParser,
    policy: Policy,
    judge: Judge,
    on_rollout: Callable[[int, Rollout], None],
) -> None:
    """Makes all attempts, started in their order.

    Args:
        episodes: the attempts.
        parser: reads the answers.
        policy: answers; called in one thread.
        judge: judges; called in ``judge.workers`` threads.
        on_rollout: told the position and the outcome of each attempt as it ends, in the loop's thread.

    Raises:
        WrongWeightsError: an answer came from other weights than its episode asks for.
        AgentsError, EnvsError: the first error of policy or judge; attempts still open are dropped.
    """
    asking = asyncio.Semaphore(ASKING_BATCHES * policy.batch_size)
    opened = asyncio.Semaphore(OPEN_BATCHES * policy.batch_size)
    batcher = Batcher(policy)
    judges = ThreadPoolExecutor(max_workers=judge.workers, thread_name_prefix="judge")
    context = EpisodeContext(batcher.complete, parser)
    graph = single_turn()

    async def attempt(position: int, episode: Episode) -> None:
        try:
            try:
                with batcher.attempt():
                    state = await graph.ainvoke({"request": episode.request}, context=context)
            finally:
                asking.release()
            completion, model_s = state["answer"]
            _check_weights(episode, completion)
            submission = state["submission"]
            loop = asyncio.get_running_loop()
            report, judge_s = await loop.run_in_executor(judges, _judge, judge, episode, submission)
            on_rollout(position, Rollout(episode.request, completion, submission, report, model_s, judge_s))
        finally:
            opened.release()

    try:
        async with asyncio.TaskGroup() as group:
            for position, episode in enumerate(episodes):
                await opened.acquire()
                await asking.acquire()
                group.create_task(attempt(position, episode))
    except BaseExceptionGroup as errors:
        raise _first(errors) from None
    finally:
        batcher.close()
        judges.shutdown(wait=True, cancel_futures=True)


def _judge(judge: Judge, episode: Episode, submission: str) -> tuple[JudgeReport, float]:
    start = time.perf_counter()
    report = judge.judge(episode.problem, submission or None, coverage=episode.coverage)
    return report, time.perf_counter() - start


def _check_weights(episode: Episode, completion: Completion) -> None:
    if episode.weights_id is not None and completion.weights_id != episode.weights_id:
        raise WrongWeightsError(
            f"{episode.request.model} was answered by weights {completion.weights_id}, not {episode.weights_id}: "
            "the family changed since the run began, or the policy serves another one"
        )


def _first(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    error: BaseException = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
