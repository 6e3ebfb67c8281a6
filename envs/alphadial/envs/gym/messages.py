"""Chat messages as environments exchange them: an assistant's message read or written."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from alphadial.envs.tools.specs import MAX_CALLS, BadCallError

MAX_ACTION_BYTES = 1 << 20
_MAX_ID_CHARS = 200
_MESSAGE = {"role", "content", "tool_calls"}
"""An object with one of these is meant to be a message."""


@dataclass(frozen=True, slots=True)
class Call:
    """One tool call of an assistant's message."""

    id: str
    name: str
    arguments: str | Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Action:
    """An assistant's message."""

    content: str
    calls: tuple[Call, ...] = ()
    """The tool calls that are made of it."""
    more_calls: bool = False
    """It has others, which are left out."""


def tool_call(name: str, /, call_id: str = "call", **arguments: object) -> str:
    """An action that makes one tool call: the JSON of an assistant's message."""
    function = {"name": name, "arguments": json.dumps(arguments)}
    call = {"id": call_id, "type": "function", "function": function}
    return json.dumps({"role": "assistant", "content": "", "tool_calls": [call]})


def read_action(action: object) -> Action:
    """An action as a message.

    Args:
        action: a message, its JSON, or any other text, which is the content of one.

    Raises:
        BadCallError: it is none of them; the message says what is wrong.
    """
    if isinstance(action, str):
        if len(action) > MAX_ACTION_BYTES:
            raise BadCallError(f"an action is a text of at most {MAX_ACTION_BYTES:,} bytes")
        message = _message(action)
        if message is None:
            return Action(action)
    elif isinstance(action, dict):
        message = action
    else:
        raise BadCallError("an action is a text, or a message of an assistant as a dict or as JSON")
    return _read(message)


def _message(text: str) -> dict[str, Any] | None:
    """The message whose JSON this is."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) and value.keys() & _MESSAGE else None


def _read(message: Mapping[str, Any]) -> Action:
    if message.get("role", "assistant") != "assistant":
        raise BadCallError("an action is a message with the role 'assistant'")
    content, calls = message.get("content"), message.get("tool_calls")
    if not isinstance(content, str | None) or not isinstance(calls, list | None):
        raise BadCallError("'content' must be a text and 'tool_calls' a list, where the message has them")
    made = tuple(_call(call, number) for number, call in enumerate((calls or [])[:MAX_CALLS]))
    return Action(content or "", made, len(calls or []) > MAX_CALLS)


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
