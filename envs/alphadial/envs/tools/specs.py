"""The tools of each setting as data: what a policy is told of them, and how its arguments are read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from alphadial.envs.types import Setting

SOLUTION = "solution.py"
"""The file of an agentic workspace that is tested and judged."""
MAX_ARGUMENT_BYTES = 100_000
MAX_STORED_BYTES = 10 * MAX_ARGUMENT_BYTES
"""Of the arguments of one call, JSON escapes and all."""
TOO_LONG = "sha256:"
"""How arguments that are longer begin where they are stored."""
_KINDS: dict[str, type] = {"string": str, "integer": int}


class BadCallError(Exception):
    """A call that cannot be made; the message tells the policy why. Never leaves ``alphadial.envs.tools.session``."""


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of a tool."""

    name: str
    description: str
    kind: str = "string"
    """ "string" or "integer", as in JSON Schema."""
    required: bool = True


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
            "properties": {a.name: {"type": a.kind, "description": a.description} for a in self.arguments},
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
        usage = f"{self.name}({', '.join(a.name for a in self.arguments)})"
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
            if isinstance(value, str):
                _check_text(argument.name, value)
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


def _check_text(name: str, value: str) -> None:
    try:
        size = len(value.encode())
    except UnicodeEncodeError:
        raise BadCallError(f"argument {name!r} is not valid Unicode text") from None
    if size > MAX_ARGUMENT_BYTES:
        raise BadCallError(f"argument {name!r} is longer than {MAX_ARGUMENT_BYTES:,} bytes")
    if "\0" in value:
        raise BadCallError(f"argument {name!r} contains a NUL character")


_PROGRAM = Argument("program", "The whole Python program: it defines the function that the problem asks for.")
_SUBMIT = "Hands in {what} as the final answer and ends the attempt. It can be called once; nothing can follow it."
_RUN_TESTS = (
    "Runs {what} on the public tests of the problem and says, test by test, whether it passed, with the input, the "
    "expected and the returned value. Hidden tests, larger ones among them, are not run."
)

TOOLS: dict[Setting, tuple[ToolSpec, ...]] = {
    Setting.REASONING: (ToolSpec("submit", _SUBMIT.format(what="the program"), (_PROGRAM,)),),
    Setting.TOOLS: (
        ToolSpec("run_tests", _RUN_TESTS.format(what="a program"), (_PROGRAM,)),
        ToolSpec("submit", _SUBMIT.format(what="the program"), (_PROGRAM,)),
    ),
    Setting.AGENTIC: (
        ToolSpec(
            "shell",
            "Runs a bash command in the workspace and returns its output, stdout and stderr together, and its exit "
            "status. Every command is a new shell: directory and variables are not kept, files in the workspace are; "
            "files elsewhere and background processes are not. No network. A command that takes too long is stopped "
            "and its changes are undone.",
            (Argument("command", "The command, as for bash -c."),),
        ),
        ToolSpec(
            "view",
            "Shows a text file of the workspace with line numbers, or lists a folder.",
            (
                Argument("path", 'Relative to the workspace, as "src/main.py"; "." lists all files.'),
                Argument("start", "First line to show, from 1; the first by default.", "integer", required=False),
                Argument("end", "Last line to show; the last by default.", "integer", required=False),
            ),
        ),
        ToolSpec(
            "edit",
            "Replaces one piece of text in a file of the workspace, or creates a file.",
            (
                Argument("path", "Relative to the workspace."),
                Argument(
                    "old", "The text to replace: it must occur exactly once. Empty: create the file with the new text."
                ),
                Argument("new", "The text to put there."),
            ),
        ),
        ToolSpec("run_tests", _RUN_TESTS.format(what=f"{SOLUTION} of the workspace")),
        ToolSpec("submit", _SUBMIT.format(what=f"{SOLUTION} of the workspace")),
    ),
}
"""Setting to its tools."""
