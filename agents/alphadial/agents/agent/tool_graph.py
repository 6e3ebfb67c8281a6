"""The agent with tools: a LangGraph graph in which the model answers and its tool calls run, turn by turn.

The state holds the model's answers and the names of the calls that have run; what the calls said is in the journal of
the tools, so that checkpoints stay small.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import Annotated, Any, Protocol, TypedDict

from langchain_core.messages import AIMessage, AnyMessage, ToolMessage
from langgraph.graph import END, START, StateGraph
from langgraph.prebuilt import ToolNode
from langgraph.prebuilt.tool_node import ToolCallRequest
from langgraph.runtime import Runtime


class AgentState(TypedDict):
    """Begins empty."""

    messages: Annotated[list[AnyMessage], operator.add]


class GraphAttempt(Protocol):
    """What the graph needs of one attempt; see ``tool_attempt.ToolAttempt``."""

    async def answer(self, messages: list[AnyMessage]) -> AIMessage:
        """Asks the model for its next turn."""
        ...

    async def call(self, call: Any) -> bool:
        """Runs a tool call of an answer, once; whether it went well."""
        ...

    async def next_step(self, messages: list[AnyMessage]) -> str:
        """What follows: "model", "submit" or "end"."""
        ...

    def submission(self, messages: list[AnyMessage]) -> AIMessage:
        """The call that hands in the last program."""
        ...


@dataclass(frozen=True, slots=True)
class AgentContext:
    """What the graph is run with."""

    attempt: GraphAttempt


async def _model(state: AgentState, runtime: Runtime[AgentContext]) -> dict[str, Any]:
    return {"messages": [await runtime.context.attempt.answer(state["messages"])]}


async def _submit(state: AgentState, runtime: Runtime[AgentContext]) -> dict[str, Any]:
    return {"messages": [runtime.context.attempt.submission(state["messages"])]}


async def _call(request: ToolCallRequest, execute: Any) -> ToolMessage:
    # The tools themselves answer unknown names and malformed arguments, in the same words as in the environment:
    # so no call is left to ToolNode's own parsing, and it knows no tools.
    call = request.tool_call
    context: Any = request.runtime.context
    ok = await context.attempt.call(call)
    return ToolMessage("", name=call["name"], tool_call_id=call["id"], status="success" if ok else "error")


async def _after_model(state: AgentState, runtime: Runtime[AgentContext]) -> str:
    last = state["messages"][-1]
    if isinstance(last, AIMessage) and last.tool_calls:
        return "tools"
    return await runtime.context.attempt.next_step(state["messages"])


async def _after_tools(state: AgentState, runtime: Runtime[AgentContext]) -> str:
    return await runtime.context.attempt.next_step(state["messages"])


def tool_agent(checkpointer: Any) -> Any:
    """The compiled graph: request -> model -> tools -> model ... -> end. Every attempt shares it."""
    graph = StateGraph(AgentState, context_schema=AgentContext)
    graph.add_node("model", _model)
    graph.add_node("submit", _submit)
    # Errors are ours: what a model does wrong is a result of the tools.
    graph.add_node("tools", ToolNode([], awrap_tool_call=_call, handle_tool_errors=False))
    steps: dict[Any, str] = {"model": "model", "submit": "submit", "end": END}
    graph.add_edge(START, "model")
    graph.add_conditional_edges("model", _after_model, steps | {"tools": "tools"})
    graph.add_edge("submit", "tools")
    graph.add_conditional_edges("tools", _after_tools, steps)
    return graph.compile(checkpointer=checkpointer, name="tool_agent")
