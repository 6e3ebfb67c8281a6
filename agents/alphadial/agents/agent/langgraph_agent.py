"""The agent with tools: attempts begun or resumed, each in a LangGraph graph of its own thread of checkpoints."""

from __future__ import annotations

from typing import Any

from alphadial.agents.agent.prompts import find_parser, find_strategy
from alphadial.agents.agent.tool_attempt import ToolAttempt
from alphadial.agents.agent.tool_graph import AgentContext, tool_agent
from alphadial.agents.errors import BadAnswerError
from alphadial.agents.types import Ask, AttemptSpec, Rollout
from alphadial.envs.errors import SandboxFailedError
from alphadial.envs.tools.session import ToolSession


class LangGraphAgent:
    """Implements ``Agent`` for settings with tools.

    Args:
        checkpointer: LangGraph's, from which an interrupted attempt is resumed; None: nothing is kept.
    """

    def __init__(self, checkpointer: Any = None) -> None:
        self._saver = checkpointer
        self._graph = tool_agent(checkpointer)

    async def attempt(self, spec: AttemptSpec, tools: ToolSession, ask: Ask) -> Rollout:
        """See ``Agent``. Its turns are in the checkpoints, and what its calls gave in the tools' journal.

        Raises:
            StoreError: the checkpoints cannot be read or written.
        """
        config = {"configurable": {"thread_id": spec.id}, "recursion_limit": 2 * spec.rules.max_turns + 8}
        known = await self._saver.aget_tuple(config) if self._saver is not None else None
        if known is None:  # calls that no checkpoint knows of would be taken for those of this attempt
            tools.restart()
        said = known.checkpoint["channel_values"].get("messages", []) if known is not None else []
        strategy = find_strategy(spec.prompt, spec.rules.setting)
        attempt = ToolAttempt(spec, tools, ask, strategy, find_parser(spec.parser), said)
        begin: dict[str, Any] | None = None if known is not None else {"messages": []}
        durability = {"durability": "sync"} if self._saver is not None else {}
        try:
            state = await self._graph.ainvoke(begin, config, context=AgentContext(attempt), **durability)
        except SandboxFailedError as error:
            return attempt.broken(str(error))
        except BadAnswerError as error:
            return await attempt.unanswered(str(error))
        return await attempt.outcome(state["messages"])
