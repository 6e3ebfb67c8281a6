"""Tools as data: what a policy is told of one, and how its arguments are read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MAX_CALLS = 16
"""Tool calls of one answer that are made."""
LEFT_OUT = f"Only the first {MAX_CALLS} tool calls of an answer are made."
"""What is said where there were more."""
NO_CALL = "Your answer called no tool. Call one in every answer; submit ends the task."
"""What is said to an answer that should have called one."""
MAX_ARGUMENT_BYTES = 100_000
MAX_STORED_BYTES = 10 * MAX_ARGUMENT_BYTES
"""Of the arguments of one call, JSON escapes and all."""
TOO_LONG = "sha256:"
"""How arguments that are longer begin where they are stored."""
_KINDS: dict[str, type] = {"string": str, "integer": int}


class BadCallError(Exception):
    """A call that cannot be made; the message tells the policy why. Never leaves ``alphadial.envs.tools.session``."""


class BadTextError(BadCallError):
    """An argument that is too long, or no text: whatever was meant, it is no program."""


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of a tool."""

    name: str
    description: str
    kind: str = "string"
    """ "string" or "integer", as in JSON Schema."""
    required: bool = True
    told: bool = True
    """False: it is read where it is given, but no policy is told of it."""


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool as a policy sees it."""

    name: str
    description: str
    arguments: tuple[Argument, ...] = ()

    @property
    def parameters(self) -> dict[str, Any]:
        """The arguments as a JSON Schema."""
        return {
            "type": "object",
            "properties": {a.name: {"type": a.kind, "description": a.description} for a in self.arguments if a.told},
            "required": [a.name for a in self.arguments if a.required],
            "additionalProperties": False,
        }

    @property
    def function(self) -> dict[str, Any]:
        """An entry of ``tools`` in OpenAI's chat completions."""
        return {
            "type": "function",
            "function": {"name": self.name, "description": self.description, "parameters": self.parameters},
        }

    def read(self, given: str | Mapping[str, object]) -> dict[str, Any]:
        """The arguments by name, each of its kind; those left out are absent.

        Args:
            given: an object, or its JSON; "" stands for none.

        Raises:
            BadCallError: not an object, or an argument is missing, unknown, of another kind, too long or not text.
        """
        values = _object(given)
        usage = f"{self.name}({', '.join(a.name for a in self.arguments if a.told)})"
        known = {argument.name: argument for argument in self.arguments}
        unknown = sorted(set(values) - set(known))
        if unknown:
            raise BadCallError(f"unknown argument {unknown[0][:100]!r}; the tool is {usage}")
        for argument in self.arguments:
            if argument.name not in values:
                if argument.required:
                    raise BadCallError(f"argument {argument.name!r} is missing; the tool is {usage}")
                continue
            value = values[argument.name]
            # JSON's true is an int in Python, never one here.
            if type(value) is not _KINDS[argument.kind]:
                raise BadCallError(f"argument {argument.name!r} must be of type {argument.kind}")
            if isinstance(value, str) and (wrong := why_no_text(value, argument.name)):
                raise BadTextError(wrong)
        return values


def _object(given: str | Mapping[str, object]) -> dict[str, Any]:
    if not isinstance(given, str):
        return {key: value for key, value in given.items() if value is not None}
    try:
        values = json.loads(given or "{}")
    except (ValueError, RecursionError) as error:
        raise BadCallError(f"the arguments are not valid JSON: {error}") from None
    if not isinstance(values, dict):
        raise BadCallError("the arguments must be a JSON object")
    return {key: value for key, value in values.items() if value is not None}


def storable(given: str | Mapping[str, object]) -> str:
    """Text as a journal keeps it: lone surrogates escaped, and what no tool takes replaced by its hash."""
    text = given if isinstance(given, str) else _json(given)
    data = text.encode(errors="backslashreplace")
    return data.decode() if len(data) <= MAX_STORED_BYTES else f"{TOO_LONG}{hashlib.sha256(data).hexdigest()}"


def _json(arguments: Mapping[str, object]) -> str:
    try:
        return json.dumps(dict(arguments), default=str)
    except (ValueError, RecursionError):  # no tool takes such a thing, and no JSON makes it
        return "{"


def why_no_text(value: str, name: str = "program") -> str:
    """Why a text can be no argument; "" where it can."""
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        return f"argument {name!r} is not valid Unicode text"
    if size > MAX_ARGUMENT_BYTES:
        return f"argument {name!r} is longer than {MAX_ARGUMENT_BYTES:,} bytes"
    return f"argument {name!r} contains a NUL character" if "\0" in value else ""
