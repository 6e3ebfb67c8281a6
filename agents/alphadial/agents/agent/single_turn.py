"""The agent: a LangGraph graph that takes one turn. The model is asked, its answer becomes the submission."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime

from alphadial.agents.agent.prompts import AnswerParser
from alphadial.agents.types import Completion, Request


class EpisodeState(TypedDict, total=False):
    """What one attempt knows; begins with the request alone."""

    request: Request
    answer: Completion
    submission: str


@dataclass(frozen=True, slots=True)
class EpisodeContext:
    """What one attempt may use."""

    complete: Callable[[Request], Awaitable[Completion]]
    parser: AnswerParser


async def _model(state: EpisodeState, runtime: Runtime[EpisodeContext]) -> EpisodeState:
    return {"answer": await runtime.context.complete(state["request"])}


async def _submit(state: EpisodeState, runtime: Runtime[EpisodeContext]) -> EpisodeState:
    return {"submission": runtime.context.parser.parse(state["answer"].text)}


@cache
def single_turn() -> Any:
    """The compiled graph: request -> model -> submit. It holds no state, so every attempt shares it."""
    graph = StateGraph(EpisodeState, context_schema=EpisodeContext)
    graph.add_node("model", _model)
    graph.add_node("submit", _submit)
    graph.add_edge(START, "model")
    graph.add_edge("model", "submit")
    graph.add_edge("submit", END)
    return graph.compile(name="single_turn")
