"""Translates between LangGraph's messages, which checkpoints hold, and those that models and people read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from langchain_core.messages import AIMessage
from langchain_core.messages.tool import ToolCall as LangChainCall

from alphadial.agents.agent.prompts import PromptStrategy, Turn
from alphadial.agents.types import CalledFunction, CallEntry, Completion, Message, ToolCall
from alphadial.envs.tools.session import ToolResult
from alphadial.envs.tools.specs import LEFT_OUT, MAX_CALLS
from alphadial.envs.types import Problem, Rules


def call_id(turn: int, index: int) -> str:
    """Nine letters and digits, which every server's chat template takes; models repeat their own ids."""
    return f"call{turn % 1000:03}{index:02}"


def pack(completion: Completion, turn: int, calls: Sequence[ToolCall]) -> AIMessage:
    """An answer and the calls that it makes, as they are checkpointed."""
    facts = {
        "weights_id": completion.weights_id,
        "prompt_tokens": completion.prompt_tokens,
        "completion_tokens": completion.completion_tokens,
        "finish_reason": completion.finish_reason,
        "token_ids": list(completion.token_ids),
        "logprobs": list(completion.logprobs),
    }
    metadata = {"completion": facts, "seconds": completion.seconds, "cut": len(calls) > MAX_CALLS}
    return AIMessage(storable(completion.text), tool_calls=_packed(turn, calls), response_metadata=metadata)


def pack_submission(turn: int, call: ToolCall) -> AIMessage:
    """A call that the agent makes without asking the model."""
    return AIMessage("", tool_calls=_packed(turn, [call]))


def is_answer(message: object) -> bool:
    """Whether the model gave it."""
    return isinstance(message, AIMessage) and "completion" in message.response_metadata


def unpack(message: AIMessage, *, native: bool) -> Completion:
    """The answer that was packed; its calls are the model's own only where it calls tools itself."""
    facts = dict(message.response_metadata["completion"])
    facts |= {"token_ids": tuple(facts["token_ids"]), "logprobs": tuple(facts["logprobs"])}
    made = message.tool_calls if native else ()
    calls = tuple(ToolCall(call["name"], call["args"]["arguments"]) for call in made)
    facts["seconds"] = message.response_metadata["seconds"]
    return Completion(str(message.content), **facts, tool_calls=calls)


def said(message: AIMessage) -> Message:
    """The answer as the chat shows it."""
    shown = Message(role="assistant", content=str(message.content))
    if message.tool_calls:
        shown["tool_calls"] = [
            CallEntry(
                id=str(call["id"]),
                type="function",
                function=CalledFunction(name=call["name"], arguments=call["args"]["arguments"]),
            )
            for call in message.tool_calls
        ]
    return shown


def told(message: AIMessage, results: Mapping[str, ToolResult]) -> tuple[Message, ...]:
    """What the tools answered to it, where they did."""
    answers = (results[str(call["id"])] for call in message.tool_calls if str(call["id"]) in results)
    shown = [Message(role="tool", content=answer.content, tool_call_id=answer.call_id) for answer in answers]
    if message.response_metadata.get("cut"):
        shown.append(Message(role="user", content=LEFT_OUT))
    return tuple(shown)


def transcript(
    strategy: PromptStrategy,
    problem: Problem,
    rules: Rules,
    turns: Sequence[Turn],
    submission: Sequence[Message],
) -> tuple[Message, ...]:
    """Everything that was said, in order: what each request added, each answer, and what came of it.

    Args:
        strategy: made the requests.
        problem: of the attempt.
        rules: of the attempt.
        turns: of the attempt.
        submission: the agent's own call and its result, where it made one.
    """
    spoken: list[Message] = []
    for number, turn in enumerate(turns):
        request = strategy.next_messages(problem, rules.setting, turns[:number], rules.language)
        spoken += request if number == 0 else [request[-1]] if request[-1] not in turns[number - 1].results else []
        spoken += [turn.answer, *turn.results]
    return (*spoken, *submission)


def storable(text: str) -> str:
    """The text without lone surrogates, which neither databases nor servers take."""
    return text.encode("utf-8", "replace").decode()


def _packed(turn: int, calls: Sequence[ToolCall]) -> list[LangChainCall]:
    # Arguments stay as the model wrote them: the tools read them, and say what is wrong with them.
    return [
        LangChainCall(
            id=call_id(turn, index),
            name=storable(call.name),
            args={"arguments": storable(call.arguments)},
            type="tool_call",
        )
        for index, call in enumerate(calls[:MAX_CALLS])
    ]
