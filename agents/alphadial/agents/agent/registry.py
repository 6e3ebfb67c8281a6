"""The agents by setting and name, and how one is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alphadial.agents.agent.single_turn import SingleTurn
from alphadial.agents.errors import MissingExtraError, OptionError
from alphadial.agents.types import DEFAULT_AGENT, Agent
from alphadial.envs.types import Setting


@dataclass(frozen=True, slots=True)
class AgentOptions:
    """What an agent is made with."""

    named: str = DEFAULT_AGENT
    """The agent's name as a run was asked for it: "langgraph", or all of "command: PROGRAM"."""
    checkpointer: Any = None
    """LangGraph's checkpointer; None where interrupted attempts begin anew."""
    folder: Path | None = None
    """The folder in which an agent keeps what it resumes attempts from: one folder for each, named by the attempt's
    id and removed once its row is stored. None where interrupted attempts begin anew."""


AgentMaker = Callable[[AgentOptions], Agent]


def _single_turn(_options: AgentOptions) -> Agent:
    """The model answers once, and the program in its answer is judged."""
    return SingleTurn()


def _with_tools(options: AgentOptions) -> Agent:
    """The model's program is run on the public tests, and the model may mend it, up to so many answers."""
    return _langgraph(options)


def _in_a_workspace(options: AgentOptions) -> Agent:
    """The model works in a folder with a shell, edits files and hands in; its strategy must call tools."""
    return _langgraph(options)


def _openhands(options: AgentOptions) -> Agent:
    """The same tools, and a conversation that the OpenHands SDK leads, in a process of its own."""
    try:
        from alphadial.agents.agent.openhands_agent import OpenHandsAgent  # only here: it needs a server of its own
    except ModuleNotFoundError as error:
        raise _without(error, "openhands") from error
    return OpenHandsAgent(options.folder)


def _command(options: AgentOptions) -> Agent:
    """Any program, as "command: PROGRAM": it works on a repository in its box and asks the model by a socket there."""
    try:
        from alphadial.agents.agent.command_agent import CommandAgent
    except ModuleNotFoundError as error:
        raise _without(error, "repositories") from error
    return CommandAgent(options.named, options.folder)


def _langgraph(options: AgentOptions) -> Agent:
    from alphadial.agents.agent.langgraph_agent import LangGraphAgent  # only here: a single turn needs no LangGraph

    return LangGraphAgent(options.checkpointer)


def _without(error: ModuleNotFoundError, extra: str) -> Exception:
    """What to say where a module is not there; the error itself where no extra brings the module."""
    if error.name not in ("starlette", "uvicorn"):
        return error
    return MissingExtraError(f"this agent needs {error.name}: pip install 'alphadial[{extra}]'")


AGENTS: Mapping[tuple[Setting, str], AgentMaker] = {
    (Setting.REASONING, "single turn"): _single_turn,
    (Setting.TOOLS, "langgraph"): _with_tools,
    (Setting.AGENTIC, "langgraph"): _in_a_workspace,
    (Setting.AGENTIC, "openhands"): _openhands,
    (Setting.AGENTIC, "command"): _command,
}
"""Setting and name to an agent, which its docstring describes. An agent of your own stands beside these in one line."""


def find_agent(setting: Setting, named: str = DEFAULT_AGENT) -> AgentMaker:
    """The agent of a setting.

    Args:
        setting: of the attempt.
        named: which agent works in the setting agentic, the one that has several; what follows a colon is the agent's
            own affair.

    Raises:
        OptionError: there is none of this name.
    """
    of_setting = {name: make for (each, name), make in AGENTS.items() if each is setting}
    if setting is not Setting.AGENTIC:
        (make,) = of_setting.values()
        return make
    name = named.partition(":")[0]
    if name not in of_setting:
        raise OptionError(f"there is no agent {name[:80]!r}; choose one of {', '.join(of_setting)}")
    return of_setting[name]
