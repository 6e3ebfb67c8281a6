"""Which agent makes the attempts of a setting."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from alphadial.agents.agent.single_turn import SingleTurn
from alphadial.agents.types import Agent
from alphadial.envs.types import Setting

AgentMaker = Callable[[Any], Agent]
"""Makes an agent, given LangGraph's checkpointer or None; an agent that keeps nothing there takes no notice of it."""


def _single_turn(_checkpointer: Any) -> Agent:
    return SingleTurn()


def _langgraph(checkpointer: Any) -> Agent:
    from alphadial.agents.agent.langgraph_agent import LangGraphAgent  # only here: a single turn needs no LangGraph

    return LangGraphAgent(checkpointer)


AGENTS: Mapping[Setting, AgentMaker] = {
    Setting.REASONING: _single_turn,
    Setting.TOOLS: _langgraph,
    Setting.AGENTIC: _langgraph,
}
"""Setting to its agent. An agent of your own stands beside these in one line."""
