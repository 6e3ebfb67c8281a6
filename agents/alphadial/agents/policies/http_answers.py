"""What a server sent, read leniently where a model wrote it and strictly where the server did."""

from __future__ import annotations

import json
from typing import Annotated, Any

from pydantic import BaseModel, Field, ValidationError

from alphadial.agents.errors import BadAnswerError
from alphadial.agents.types import Completion, ToolCall
from alphadial.envs.checks import Count, first_fault

_Tokens = Annotated[Count, Field(le=2**24)]
"""No context is as long; the sum over all turns of an attempt still fits a column."""


class _Part(BaseModel):
    type: str
    text: str = ""


class _Message(BaseModel):
    content: str | list[_Part] | None = None
    tool_calls: Any = None

    @property
    def text(self) -> str:
        """The content; parts of it that are no text are left out."""
        if isinstance(self.content, list):
            return "".join(part.text for part in self.content if part.type == "text")
        return self.content or ""


class _TokenLogprob(BaseModel):
    logprob: float = Field(allow_inf_nan=False)


class _Logprobs(BaseModel):
    content: list[_TokenLogprob] | None = None


class _Choice(BaseModel):
    index: int = 0
    message: _Message
    finish_reason: str | None = None
    logprobs: _Logprobs | None = None
    token_ids: list[Count] | None = None


class _Usage(BaseModel):
    prompt_tokens: _Tokens = 0
    completion_tokens: _Tokens = 0


class HttpAnswer(BaseModel):
    """A chat completion, as far as it is used."""

    choices: list[_Choice] = Field(min_length=1)
    usage: _Usage | None = None
    system_fingerprint: str | None = None

    def completion(self) -> Completion:
        """The first choice."""
        choice = min(self.choices, key=lambda choice: choice.index)
        usage = self.usage or _Usage()
        logprobs = (choice.logprobs.content if choice.logprobs else None) or []
        return Completion(
            text=choice.message.text,
            weights_id=self.system_fingerprint or None,
            prompt_tokens=usage.prompt_tokens,
            completion_tokens=usage.completion_tokens,
            finish_reason="length" if choice.finish_reason == "length" else "stop",
            token_ids=tuple(choice.token_ids or ()),
            logprobs=tuple(entry.logprob for entry in logprobs),
            tool_calls=_tool_calls(choice.message.tool_calls),
        )


class _Model(BaseModel):
    id: str


class _Models(BaseModel):
    data: list[_Model]


def read_answer(content: bytes, server: str) -> HttpAnswer:
    """Reads the body of an answer.

    Raises:
        BadAnswerError: it is no chat completion.
    """
    try:
        return HttpAnswer.model_validate_json(content)
    except ValidationError as error:
        begins = " ".join(content[:100].decode(errors="replace").split())
        raise BadAnswerError(
            f"{server} answered what is no chat completion ({first_fault(error)}; it begins {begins!r}): is it an "
            "OpenAI-compatible server?"
        ) from error


def read_models(content: bytes) -> frozenset[str] | None:
    """The names in an answer of ``GET /v1/models``; None where it is none."""
    try:
        return frozenset(model.id for model in _Models.model_validate_json(content).data)
    except ValidationError:
        return None


def _tool_calls(entries: Any) -> tuple[ToolCall, ...]:
    if not entries:
        return ()
    return tuple(_tool_call(entry) for entry in (entries if isinstance(entries, list) else [entries]))


def _tool_call(entry: Any) -> ToolCall:
    """A malformed call stays one, so that the tools can tell the model what is wrong with it."""
    function = entry.get("function") if isinstance(entry, dict) else None
    if not isinstance(function, dict):
        return ToolCall("", json.dumps(entry))
    name, arguments = function.get("name"), function.get("arguments", "")
    return ToolCall(
        name if isinstance(name, str) else "", arguments if isinstance(arguments, str) else json.dumps(arguments)
    )
