"""Many attempts at once: each asks, calls its tools and is judged without waiting for another one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from alphadial.agents.agent.checkpoint_store import CheckpointStore
from alphadial.agents.agent.registry import AgentOptions, find_agent
from alphadial.agents.types import Agent, Ask, AttemptSpec, Completion, Policy, Request, Rollout
from alphadial.envs.errors import ImageError, SandboxFailedError, SandboxUnavailableError, WorkspaceError
from alphadial.envs.judging import Judge
from alphadial.envs.tools.session import ToolSession
from alphadial.envs.types import EndReason, FailureKind, JudgeReport, Setting

OPEN_FACTOR = 2
"""Attempts that may be open, judging included, for each that the policy answers at once: what a kill can lose."""
THREADS_PER_WORKER = 2
"""Threads for tools and judge. The judge bounds itself, so that a command which only waits keeps no thread from it."""

_CLOSING_THREADS = 4


@dataclass(frozen=True, slots=True)
class AttemptDeps:
    """What attempts are made with; all of it stays the caller's."""

    policy: Policy
    judge: Judge
    """Its sandbox is where the commands of agentic attempts run, too."""
    checkpoints: CheckpointStore | None = None
    """Keeps what interrupted attempts with tools are resumed from; None: they begin anew."""


OnRollout = Callable[[int, Rollout], None]
"""Told the position of an attempt among those to be made, and what came of it, in the loop's thread."""


def make_attempts(specs: Sequence[AttemptSpec], deps: AttemptDeps, on_rollout: OnRollout) -> None:
    """Makes all attempts, started in their order.

    Args:
        specs: the attempts.
        deps: what they are made with.
        on_rollout: told of every attempt as it ends. One with tools cannot be resumed after it: then its row must be
            stored.

    Raises:
        SandboxUnavailableError: boxes were not to be had any more. All other attempts are made; those on repositories
            can be resumed.
        AgentsError, EnvsError: the first error of policy, judge or tools; attempts still open are dropped.
    """
    try:
        asyncio.run(_make_all(specs, deps, on_rollout))
    except BaseExceptionGroup as errors:
        raise _first(errors) from None


async def _make_all(specs: Sequence[AttemptSpec], deps: AttemptDeps, on_rollout: OnRollout) -> None:
    threads = ThreadPoolExecutor(THREADS_PER_WORKER * deps.judge.workers, thread_name_prefix="attempt")
    asyncio.get_running_loop().set_default_executor(threads)
    async with AsyncExitStack() as stack:
        saver = None
        if deps.checkpoints is not None:
            saver = await stack.enter_async_context(deps.checkpoints.checkpointer())
        running = _Running(deps, saver, on_rollout)
        stack.callback(running.close)
        async with asyncio.TaskGroup() as group:
            for position, spec in enumerate(specs):
                await running.admit()
                group.create_task(running.attempt(position, spec))
        if running.unavailable is not None:
            raise running.unavailable


class _Running:
    """What the attempts of one call of ``make_attempts`` share."""

    def __init__(self, deps: AttemptDeps, saver: Any, on_rollout: OnRollout) -> None:
        self._deps, self._saver, self._on_rollout = deps, saver, on_rollout
        self._asking = asyncio.Semaphore(deps.policy.concurrency)
        self._opened = asyncio.Semaphore(OPEN_FACTOR * deps.policy.concurrency)
        self._agents: dict[tuple[Setting, str], Agent] = {}
        self.unavailable: SandboxUnavailableError | None = None
        """Why attempts on repositories wait for another process."""
        self._closing = ThreadPoolExecutor(_CLOSING_THREADS, thread_name_prefix="closing")

    def close(self) -> None:
        """Ends the threads that it has of its own."""
        self._closing.shutdown()

    async def admit(self) -> None:
        """Waits until one more attempt may begin."""
        await self._opened.acquire()

    async def attempt(self, position: int, spec: AttemptSpec) -> None:
        try:
            if self.unavailable is not None and spec.problem.repository is not None:
                return
            self._on_rollout(position, await self._made(spec))
            if self._deps.checkpoints is not None:
                await asyncio.to_thread(self._deps.checkpoints.forget_calls, spec.id)
                await self._saver.adelete_thread(spec.id)
        except SandboxUnavailableError as error:
            self.unavailable = self.unavailable or error
        finally:
            self._opened.release()

    async def _made(self, spec: AttemptSpec) -> Rollout:
        if spec.problem.repository is None:
            return await self._agent(spec).attempt(spec, self._tools(spec), self._ask(spec))
        try:  # reading a repository, opening its box and ending it take their time
            tools = await asyncio.to_thread(self._tools, spec)
        except (ImageError, SandboxFailedError, WorkspaceError) as error:
            report = JudgeReport(None, FailureKind.UNMEASURABLE, 0, "machinery", error=str(error))
            return Rollout(spec.request, (), None, report, EndReason.MACHINERY, 0.0)
        try:
            return await self._agent(spec).attempt(spec, tools, self._ask(spec))
        finally:
            # By a thread of its own: those of the loop may all be waiting for commands, which this ends.
            await asyncio.get_running_loop().run_in_executor(self._closing, tools.close)

    def _agent(self, spec: AttemptSpec) -> Agent:
        setting, named = spec.rules.setting, spec.agent
        if (setting, named) not in self._agents:
            checkpoints = self._deps.checkpoints
            folder = checkpoints.agent_folder if checkpoints is not None else None
            self._agents[setting, named] = find_agent(setting, named)(AgentOptions(named, self._saver, folder))
        return self._agents[setting, named]

    def _tools(self, spec: AttemptSpec) -> ToolSession:
        checkpoints = self._deps.checkpoints
        return ToolSession(
            spec.problem,
            spec.rules,
            self._deps.judge.sandbox,
            self._deps.judge,
            journal=checkpoints.journal if checkpoints is not None else None,
            episode=spec.id,
        )

    def _ask(self, spec: AttemptSpec) -> Ask:
        async def ask(request: Request) -> Completion:
            async with self._asking:
                return await self._deps.policy.complete(request)

        return ask


def _first(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    error: BaseException = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
