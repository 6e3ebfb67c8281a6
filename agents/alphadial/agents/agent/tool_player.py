"""Attempts with tools: begun or resumed, made, and forgotten once their rows are stored."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from alphadial.agents.agent.checkpoint_store import Toolbox
from alphadial.agents.agent.tool_attempt import Means, ToolAttempt
from alphadial.agents.agent.tool_graph import AgentContext, tool_agent
from alphadial.agents.types import Rollout
from alphadial.envs.errors import SandboxFailedError
from alphadial.envs.tools.session import ToolSession

if TYPE_CHECKING:
    from alphadial.agents.runs.episodes import Episode

P = TypeVar("P")
T = TypeVar("T")


class ToolPlayer:
    """Makes attempts with tools, many at a time, in one event loop. See ``open_player``."""

    def __init__(self, toolbox: Toolbox, means: Means, saver: Any) -> None:
        self._toolbox, self._means, self._saver = toolbox, means, saver
        self._graph = tool_agent(saver)

    async def make(self, episode: Episode) -> Rollout:
        """Makes an attempt, or goes on with it where a killed process left it.

        Raises:
            AgentsError, EnvsError: of policy, judge, journal or checkpoints.
        """
        config = {"configurable": {"thread_id": episode.id}, "recursion_limit": 2 * episode.rules.max_turns + 8}
        known = await self._saver.aget_tuple(config) if self._saver is not None else None
        if known is None:  # calls that no checkpoint knows of would be taken for those of this attempt
            await self._in_thread(self._toolbox.journal.forget, episode.id)
        session = await self._in_thread(self._session, episode)
        said = known.checkpoint["channel_values"].get("messages", []) if known is not None else []
        attempt = ToolAttempt(episode, session, self._means, said)
        begin: dict[str, Any] | None = None if known is not None else {"messages": []}
        durability = {"durability": "sync"} if self._saver is not None else {}
        try:
            state = await self._graph.ainvoke(begin, config, context=AgentContext(attempt), **durability)
        except SandboxFailedError:
            return attempt.broken()
        return await attempt.outcome(state["messages"])

    def _session(self, episode: Episode) -> ToolSession:
        return ToolSession(
            episode.problem,
            episode.rules,
            self._toolbox.sandbox,
            self._means.judge,
            journal=self._toolbox.journal,
            episode=episode.id,
        )

    async def forget(self, attempt: str) -> None:
        """Drops what the attempt would be resumed from: its row is stored."""
        await self._in_thread(self._toolbox.journal.forget, attempt)
        if self._saver is not None:
            await self._saver.adelete_thread(attempt)

    async def _in_thread(self, work: Callable[[P], T], given: P) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._means.threads, work, given)


@asynccontextmanager
async def open_player(toolbox: Toolbox, means: Means) -> AsyncIterator[ToolPlayer]:
    """Opens the checkpoints of a toolbox.

    Raises:
        StoreError: they cannot be read or written.
    """
    async with toolbox.checkpointer() as saver:
        yield ToolPlayer(toolbox, means, saver)
