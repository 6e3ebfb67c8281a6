"""The one path of an attempt: request -> graph -> batcher -> policy -> submission -> judge, many at a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from alphadial.agents.errors import AgentsError, PolicyError, WrongWeightsError
from alphadial.agents.agent.single_turn import EpisodeContext, single_turn
from alphadial.agents.agent.prompts import AnswerParser, PromptStrategy
from alphadial.agents.types import Completion, Judge, Policy, Request, Rollout
from alphadial.envs.types import JudgeReport, Problem, Rules, Setting

if TYPE_CHECKING:
    from alphadial.agents.agent.tool_player import ToolPlayer
    from alphadial.agents.agent.checkpoint_store import Toolbox

OPEN_FACTOR = 2
"""Attempts that may be open, judging included, for each that the policy answers at once: what a kill can lose."""


@dataclass(frozen=True, slots=True)
class Episode:
    """An attempt to be made."""

    id: str
    """Names the attempt; it is resumed by it."""
    problem: Problem
    request: Request
    """The first; where there are tools, its messages are left to the strategy."""
    rules: Rules
    weights_id: str | None = None
    """That must answer; None accepts any."""


async def play(
    episodes: Sequence[Episode],
    *,
    parser: AnswerParser,
    policy: Policy,
    judge: Judge,
    on_rollout: Callable[[int, Rollout], None],
    strategy: PromptStrategy | None = None,
    toolbox: Toolbox | None = None,
) -> None:
    """Makes all attempts, started in their order.

    Args:
        episodes: the attempts.
        parser: reads the answers.
        policy: answers.
        judge: judges; called in ``judge.workers`` threads.
        on_rollout: told the position and the outcome of each attempt as it ends, in the loop's thread. An attempt with
            tools cannot be resumed after it: then its row must be in the store.
        strategy: of attempts with tools, which need it.
        toolbox: of attempts with tools, which need it.

    Raises:
        WrongWeightsError: an answer came from other weights than its episode asks for.
        AgentsError, EnvsError: the first error of policy or judge; attempts still open are dropped.
    """
    play = _Play(parser, policy, judge, on_rollout)
    try:
        async with AsyncExitStack() as stack:
            if any(episode.rules.setting is not Setting.REASONING for episode in episodes):
                await play.open_tools(stack, strategy, toolbox)
            async with asyncio.TaskGroup() as group:
                for position, episode in enumerate(episodes):
                    await play.admit()
                    group.create_task(play.attempt(position, episode))
    except BaseExceptionGroup as errors:
        raise _first(errors) from None
    finally:
        play.close()


class _Play:
    """What the attempts of one call of ``play`` share."""

    def __init__(
        self, parser: AnswerParser, policy: Policy, judge: Judge, on_rollout: Callable[[int, Rollout], None]
    ) -> None:
        self._parser, self._judge, self._on_rollout = parser, judge, on_rollout
        self._asking = asyncio.Semaphore(policy.concurrency)
        self._opened = asyncio.Semaphore(OPEN_FACTOR * policy.concurrency)
        self._policy = policy
        self._threads = ThreadPoolExecutor(max_workers=judge.workers, thread_name_prefix="judge")
        self._context = EpisodeContext(policy.complete, parser)
        self._graph = single_turn()
        self._tools: ToolPlayer | None = None

    async def open_tools(self, stack: AsyncExitStack, strategy: PromptStrategy | None, toolbox: Toolbox | None) -> None:
        if strategy is None or toolbox is None:
            raise AgentsError("attempts with tools need a prompting strategy and a toolbox")
        from alphadial.agents.agent.tool_attempt import Means
        from alphadial.agents.agent.tool_player import open_player

        means = Means(self._complete, strategy, self._parser, self._judge, self._threads)
        self._tools = await stack.enter_async_context(open_player(toolbox, means))

    async def admit(self) -> None:
        """Waits until one more attempt may begin."""
        await self._opened.acquire()
        await self._asking.acquire()

    async def attempt(self, position: int, episode: Episode) -> None:
        try:
            if self._tools is not None and episode.rules.setting is not Setting.REASONING:
                await self._with_tools(self._tools, position, episode)
            else:
                await self._single_turn(position, episode)
        finally:
            self._opened.release()

    def close(self) -> None:
        self._threads.shutdown(wait=True, cancel_futures=True)

    async def _single_turn(self, position: int, episode: Episode) -> None:
        try:
            state = await self._graph.ainvoke({"request": episode.request}, context=self._context)
        finally:
            self._asking.release()
        answer: Completion = state["answer"]
        if answer.finish_reason == "context":
            raise PolicyError(f"problem {episode.problem.id} does not fit the context of {episode.request.model}")
        _check_weights(episode, answer)
        submission = state["submission"]
        loop = asyncio.get_running_loop()
        report, judge_s = await loop.run_in_executor(self._threads, _judge, self._judge, episode, submission)
        rollout = Rollout(episode.request, (answer,), submission, report, answer.seconds, judge_s)
        self._on_rollout(position, rollout)

    async def _with_tools(self, tools: ToolPlayer, position: int, episode: Episode) -> None:
        try:
            rollout = await tools.make(episode)
        finally:
            self._asking.release()
        self._on_rollout(position, rollout)
        await tools.forget(episode.id)

    async def _complete(self, episode: Episode, request: Request) -> Completion:
        answer = await self._policy.complete(request)
        if answer.finish_reason != "context":
            _check_weights(episode, answer)
        return answer


def _judge(judge: Judge, episode: Episode, submission: str) -> tuple[JudgeReport, float]:
    start = time.perf_counter()
    report = judge.judge(episode.problem, submission or None, coverage=episode.rules.coverage)
    return report, time.perf_counter() - start


def _check_weights(episode: Episode, answer: Completion) -> None:
    weights_id = answer.weights_id
    if episode.weights_id is not None and weights_id != episode.weights_id:
        raise WrongWeightsError(
            f"{episode.request.model} was answered by weights {weights_id}, not {episode.weights_id}: "
            "the family changed since the run began, or the policy serves another one"
        )


def _first(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    error: BaseException = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
