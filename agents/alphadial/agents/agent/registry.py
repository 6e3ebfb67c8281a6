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
    """The model answers once, and the program in its answer is judged."""
    return SingleTurn()


def _with_tools(checkpointer: Any) -> Agent:
    """The model's program is run on the public tests, and the model may mend it, up to so many answers."""
    return _langgraph(checkpointer)


def _in_a_workspace(checkpointer: Any) -> Agent:
    """The model works in a folder with a shell, edits files and hands in; its strategy must call tools."""
    return _langgraph(checkpointer)


def _langgraph(checkpointer: Any) -> Agent:
    from alphadial.agents.agent.langgraph_agent import LangGraphAgent  # only here: a single turn needs no LangGraph

    return LangGraphAgent(checkpointer)


AGENTS: Mapping[Setting, AgentMaker] = {
    Setting.REASONING: _single_turn,
    Setting.TOOLS: _with_tools,
    Setting.AGENTIC: _in_a_workspace,
}
"""Setting to its agent, which its docstring describes. An agent of your own stands beside these in one line."""
