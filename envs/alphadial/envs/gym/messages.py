"""Chat messages as environments exchange them: a problem posed, an assistant's message read or written."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from alphadial.envs.tools.specs import SOLUTION, BadCallError
from alphadial.envs.types import Problem, Setting

MAX_ACTION_BYTES = 1 << 20
MAX_CALLS = 16
"""Tool calls in one message."""
_MAX_ID_CHARS = 200

PROMPTS = ("statement", "compact")
"""How a problem may be posed: in words with examples, or as ``Problem.prompt`` alone."""
_HOW = {
    Setting.REASONING: "Hand in the whole program by calling submit. There is one answer.",
    Setting.TOOLS: "Call run_tests to try programs on the public tests, and submit to hand in the final one.",
    Setting.AGENTIC: f"Work in the workspace by calling tools. The function belongs in {SOLUTION}; call submit at the "
    "end.",
}


@dataclass(frozen=True, slots=True)
class Call:
    """One tool call of an assistant's message."""

    id: str
    name: str
    arguments: str | Mapping[str, object]


def pose(problem: Problem, setting: Setting, prompt: str) -> list[dict[str, Any]]:
    """The messages that an attempt begins with."""
    if prompt == "compact":
        return [{"role": "user", "content": problem.prompt}]
    shown = "\n".join(f"{problem.entry}({t.input[1:-1]}) == {t.answer}" for t in problem.tests if t.public)
    parts = [problem.statement, f"Write a Python function named {problem.entry}. Examples:", shown, _HOW[setting]]
    if setting is Setting.AGENTIC and problem.files:
        parts.append(f"The workspace holds: {', '.join(sorted(problem.files))}")
    return [{"role": "user", "content": "\n\n".join(part for part in parts if part)}]


def tool_call(name: str, /, call_id: str = "call", **arguments: object) -> str:
    """An action that makes one tool call: the JSON of an assistant's message."""
    function = {"name": name, "arguments": json.dumps(arguments)}
    call = {"id": call_id, "type": "function", "function": function}
    return json.dumps({"role": "assistant", "content": "", "tool_calls": [call]})


def read_action(action: object) -> tuple[Call, ...]:
    """The tool calls of an action, at least one.

    Raises:
        BadCallError: it is not the JSON of an assistant's message with tool calls; the message says what is wrong.
    """
    if not isinstance(action, str) or len(action) > MAX_ACTION_BYTES:
        raise BadCallError(f"an action is a text of at most {MAX_ACTION_BYTES:,} bytes")
    try:
        message = json.loads(action)
    except (ValueError, RecursionError) as error:
        raise BadCallError(f"an action is the JSON of one assistant message: {error}") from None
    if not isinstance(message, dict) or message.get("role", "assistant") != "assistant":
        raise BadCallError("an action is the JSON of one message with the role 'assistant'")
    calls = message.get("tool_calls")
    if not isinstance(calls, list) or not calls:
        raise BadCallError("the message calls no tool: put at least one call in 'tool_calls'")
    if len(calls) > MAX_CALLS:
        raise BadCallError(f"the message calls {len(calls)} tools: {MAX_CALLS} at most")
    return tuple(_call(call, number) for number, call in enumerate(calls))


def _call(call: object, number: int) -> Call:
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(call, dict) or not isinstance(function, dict):
        raise BadCallError(f"tool_calls[{number}] has no 'function'")
    call_id, name, arguments = call.get("id"), function.get("name"), function.get("arguments", "")
    if not isinstance(call_id, str) or not isinstance(name, str):
        raise BadCallError(f"tool_calls[{number}] needs an 'id' and a 'function.name', both of them texts")
    if not isinstance(arguments, str | dict):
        raise BadCallError(f"tool_calls[{number}].function.arguments is neither a text nor an object")
    try:
        f"{call_id}{name}".encode()
    except UnicodeEncodeError:
        raise BadCallError(f"tool_calls[{number}] has an 'id' or a name that is not text") from None
    if len(call_id) > _MAX_ID_CHARS or len(name) > _MAX_ID_CHARS:
        raise BadCallError(f"tool_calls[{number}] has an 'id' or a name of more than {_MAX_ID_CHARS} characters")
    return Call(call_id, name, arguments)
