"""The values of the agent's graph as plain JSON, for its checkpoints.

LangGraph's own serialiser names classes and calls them when it reads, so whoever wrote a run folder could run code on
the machine that resumes it. This one knows the few values that the graph keeps, and refuses everything else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from langchain_core.messages import AIMessage, AnyMessage, ToolMessage
from langchain_core.messages.tool import ToolCall as LangChainCall
from langgraph.checkpoint.serde.base import SerializerProtocol
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from alphadial.envs.checks import Count, Seconds

FORMAT = "alphadial-1"
"""What the column ``type`` of every value says."""
_MODEL_NEXT = frozenset({"__start__", "branch:to:model"})
MESSAGES = "messages"


class _Plain(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, ser_json_inf_nan="constants")


class _Call(_Plain):
    id: str
    name: str
    arguments: str


class _Completion(_Plain):
    weights_id: str | None
    prompt_tokens: Count
    completion_tokens: Count
    finish_reason: str
    token_ids: list[Count]
    logprobs: list[float]


class _Metadata(_Plain):
    completion: _Completion
    seconds: Seconds
    cut: bool


class _Said(_Plain):
    """An answer of the model; without metadata, a call that the agent makes itself."""

    role: Literal["assistant"] = "assistant"
    text: str
    calls: list[_Call]
    metadata: _Metadata | None

    def message(self) -> AIMessage:
        calls = [
            LangChainCall(id=call.id, name=call.name, args={"arguments": call.arguments}, type="tool_call")
            for call in self.calls
        ]
        metadata = self.metadata.model_dump() if self.metadata is not None else {}
        return AIMessage(self.text, tool_calls=calls, response_metadata=metadata)


class _Told(_Plain):
    """A call has run; what it gave is in the journal."""

    role: Literal["tool"] = "tool"
    name: str
    call: str
    ok: bool

    def message(self) -> ToolMessage:
        return ToolMessage("", name=self.name, tool_call_id=self.call, status="success" if self.ok else "error")


_Message = Annotated[_Said | _Told, Field(discriminator="role")]
_Channel = Annotated[str, StringConstraints(pattern=r"^(messages|__start__|branch:to:(model|tools|submit))$")]
_Version = Annotated[str, StringConstraints(pattern=r"^[0-9]{32}\.[0-9.e-]{1,40}$")]
_Node = Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,40}$")]


class _Checkpoint(_Plain):
    """LangGraph's state between two steps."""

    v: Annotated[int, Field(ge=4, le=99)]
    id: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]
    ts: Annotated[str, StringConstraints(pattern=r"^[0-9T:.+-]{1,40}$")]
    messages: list[_Message]
    waiting: list[_Channel]
    """Channels that hold no value, only that a node comes next."""
    channel_versions: dict[_Channel, _Version]
    versions_seen: dict[_Node, dict[_Channel, _Version]]
    updated_channels: list[_Channel] | None

    @model_validator(mode="after")
    def _holds_together(self) -> _Checkpoint:
        first = self.messages[0] if self.messages else None
        if first is None and not _MODEL_NEXT & set(self.waiting):
            raise ValueError("no answer, and none is asked for")
        if first is not None and (not isinstance(first, _Said) or first.metadata is None):
            raise ValueError("the first message is no answer of the model")
        return self


class _Value(_Plain):
    """What one column holds: a checkpoint, messages, or nothing."""

    checkpoint: _Checkpoint | None = None
    messages: list[_Message] | None = None


class PlainSerializer(SerializerProtocol):
    """The values of ``graph.AgentState``, to and from JSON. Reading builds messages and nothing else."""

    def dumps_typed(self, obj: Any) -> tuple[str, bytes]:
        """See LangGraph's protocol.

        Raises:
            TypeError: a value that the agent's graph does not hold.
        """
        return FORMAT, _value(obj).model_dump_json().encode()

    def loads_typed(self, data: tuple[str, bytes]) -> Any:
        """See LangGraph's protocol.

        Raises:
            ValueError: it is not what ``dumps_typed`` wrote.
        """
        kind, content = data
        if kind != FORMAT:
            raise ValueError(f"column type: {str(kind)[:40]!r} is not {FORMAT}")
        if not isinstance(content, bytes):
            raise ValueError("column checkpoint or value: no bytes")
        value = _Value.model_validate_json(content)
        if value.checkpoint is not None:
            return _state(value.checkpoint)
        return None if value.messages is None else [message.message() for message in value.messages]


def _value(obj: Any) -> _Value:
    if obj is None or isinstance(obj, BaseException):
        # An error ends the process that met it, and is told there; who resumes makes that step anew.
        return _Value()
    if isinstance(obj, list):
        return _Value(messages=[_stored(message) for message in obj])
    if isinstance(obj, dict):
        return _Value(checkpoint=_stored_state(obj))
    raise TypeError(f"the agent's graph keeps no {type(obj).__name__}")


def _stored(message: AnyMessage) -> _Said | _Told:
    if isinstance(message, ToolMessage):
        return _Told(name=str(message.name), call=message.tool_call_id, ok=message.status == "success")
    if not isinstance(message, AIMessage):
        raise TypeError(f"the agent's graph keeps no {type(message).__name__}")
    calls = [
        _Call(id=str(call["id"]), name=call["name"], arguments=call["args"]["arguments"]) for call in message.tool_calls
    ]
    metadata = _Metadata.model_validate(message.response_metadata) if message.response_metadata else None
    return _Said(text=str(message.content), calls=calls, metadata=metadata)


def _stored_state(state: Mapping[str, Any]) -> _Checkpoint:
    values = state["channel_values"]
    return _Checkpoint(
        v=state["v"],
        id=state["id"],
        ts=state["ts"],
        messages=[_stored(message) for message in values.get(MESSAGES, ())],
        waiting=[name for name in values if name != MESSAGES],
        channel_versions=state["channel_versions"],
        versions_seen=state["versions_seen"],
        updated_channels=state["updated_channels"],
    )


def _state(checkpoint: _Checkpoint) -> dict[str, Any]:
    values: dict[str, Any] = {name: _empty(name) for name in checkpoint.waiting}
    if MESSAGES in checkpoint.channel_versions:
        messages: Sequence[AnyMessage] = [message.message() for message in checkpoint.messages]
        values[MESSAGES] = messages
    return {
        "v": checkpoint.v,
        "id": checkpoint.id,
        "ts": checkpoint.ts,
        "channel_values": values,
        "channel_versions": dict(checkpoint.channel_versions),
        "versions_seen": {node: dict(seen) for node, seen in checkpoint.versions_seen.items()},
        "updated_channels": checkpoint.updated_channels,
    }


def _empty(channel: str) -> dict[str, Any] | None:
    """The graph begins with an empty state; every other channel that waits holds None."""
    return {MESSAGES: []} if channel == "__start__" else None
