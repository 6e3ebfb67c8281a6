"""The words of solving: requests to a policy, its completions, and the attempt they make up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NotRequired, Protocol, TypedDict

from alphadial.controller.types import Decision
from alphadial.envs.checks import (
    Count,
    EndName,
    FailureName,
    FinishName,
    Id,
    Name,
    NotNegative,
    Number,
    Seconds,
    Seed,
    Share,
    StatusName,
    Text,
    VerdictName,
)
from alphadial.envs.types import JudgeReport, Problem, PublicResult, Rules


class CalledFunction(TypedDict):
    """The inner part of a tool call in a message."""

    name: str
    arguments: str
    """JSON, or what the model wrote in its place."""


class CallEntry(TypedDict):
    """A tool call in a message, in OpenAI's form."""

    id: str
    type: str
    """Always "function"."""
    function: CalledFunction


class Message(TypedDict):
    """One chat message, in OpenAI's form."""

    role: str
    """"system", "user", "assistant" or "tool"."""
    content: str
    tool_calls: NotRequired[list[CallEntry]]
    """Of an assistant."""
    tool_call_id: NotRequired[str]
    """Of a tool's result: the call that it answers."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool call as a model wrote it. Its id is given by the agent: models repeat theirs, and draw them anew."""

    name: str
    arguments: str
    """A JSON object, unless the model erred."""


@dataclass(frozen=True, slots=True)
class Request:
    """One question to a policy. A policy's answer depends on nothing but these fields and the weights."""

    model: str
    """``family@alpha`` ("tiny@1.25") or ``family@checkpoint`` ("tiny@init")."""
    messages: tuple[Message, ...]
    seed: int
    temperature: float = 1.0
    """0 is greedy."""
    max_tokens: int = 96
    tools: tuple[Mapping[str, Any], ...] = ()
    """Function schemas in OpenAI's form that the model may call."""


@dataclass(frozen=True, slots=True)
class Completion:
    """A policy's answer."""

    text: str
    weights_id: str | None
    """Hash of the tensors that answered (merge_engine.weights_id); None where a server reports none."""
    prompt_tokens: int
    completion_tokens: int
    finish_reason: str = "stop"
    """"stop"; "length" where ``max_tokens`` cut the answer; "context" where the messages no longer fit the model's
    context: there is no answer then, and the attempt ends."""
    token_ids: tuple[int, ...] = ()
    """Of the completion, end token included; () where a server does not give them."""
    logprobs: tuple[float, ...] = ()
    """At the sampling temperature, aligned with token_ids."""
    tool_calls: tuple[ToolCall, ...] = ()
    seconds: float = field(default=0.0, compare=False)
    """Wall time that the answer took, or its share of its batch's."""


class Policy(Protocol):
    """A model that answers.

    Requests may come from any event loop, of any thread and of a forked child too. None of them waits for another one,
    unless the model itself is shared: in this process requests are answered in batches.
    """

    @property
    def concurrency(self) -> int:
        """How many requests it is worth having under way at once."""
        ...

    async def complete(self, request: Request) -> Completion:
        """Answers one request. Cancelling the wait withdraws it.

        Raises:
            BadAnswerError: this one answer is unusable; others may be well.
            WrongWeightsError: other weights answered than the name asks for.
            PolicyError: nothing more is to be expected: there is no such model, or no server.
        """
        ...

    def close(self) -> None:
        """Frees the model or the connections; whoever still waits gets a PolicyError. Idempotent."""
        ...


class Judge(Protocol):
    """What the runner needs of ``alphadial.envs.judging.Judge``. Thread-safe."""

    @property
    def workers(self) -> int:
        """How many judgements run side by side."""
        ...

    def judge(self, problem: Problem, source: str | None, coverage: str | None = None) -> JudgeReport:
        """Judges a submission, None for an answer without one; what the program does wrong is in the report."""
        ...

    def run_public(self, problem: Problem, source: str) -> tuple[PublicResult, ...]:
        """Runs a program on the public tests alone, for the tools of an attempt."""
        ...


@dataclass(frozen=True, slots=True)
class AttemptSpec:
    """One attempt to be made. Everything but its times follows from these fields."""

    id: str
    """Names the attempt within every store; derived from the run and the fields below."""
    problem: Problem
    sample: int
    request: Request
    alpha: float | None
    """None for a checkpoint asked for by name."""
    weights_id: str | None
    """Of the weights that must answer; None accepts any (``--unverified-weights``)."""
    rules: Rules
    decision: Decision | None = None
    """The controller's; None where the alpha was given."""


@dataclass(frozen=True, slots=True)
class Rollout:
    """One attempt that was made. Times are in seconds."""

    request: Request
    """The first."""
    answers: tuple[Completion, ...]
    """Of every turn, in order; at least one."""
    submission: str
    """The program; "" where the attempt brought none."""
    report: JudgeReport
    model_s: float
    """What the answers took; see ``Completion.seconds``."""
    judge_s: float
    """Wall time of the judge, retries included."""
    tools_s: float = 0.0
    """Wall time of the tool calls other than the submission."""
    end_reason: str = "submitted"
    """"submitted"; else "turns", "context" (the chat outgrew the model's) or "machinery" (ours: unmeasurable)."""
    transcript: tuple[Message, ...] = ()
    """Every message, tool call and result in order; () for a single turn, where request and answer are all."""
    workspace: str = ""
    """Digest of the final workspace; "" where the setting has none."""

    @property
    def completion(self) -> Completion:
        """The last answer."""
        return self.answers[-1]

    @property
    def prompt_tokens(self) -> int:
        """Over all turns."""
        return sum(answer.prompt_tokens for answer in self.answers)

    @property
    def completion_tokens(self) -> int:
        """Over all turns."""
        return sum(answer.completion_tokens for answer in self.answers)


@dataclass(frozen=True, slots=True)
class Attempt:
    """A row of the store: a finished attempt. Times are in seconds. Stores check the fields as they are declared."""

    id: Id
    run: Id
    problem: Name
    template: Name
    group: Name
    sample: Count
    model: Name
    alpha: Number | None
    weights_id: Name | None
    seed: Seed
    temperature: NotNegative
    coverage: Name | None
    prompt_tokens: Count
    completion_tokens: Count
    finish_reason: FinishName
    turns: Count
    answer: Text
    program: Text
    verdict: VerdictName | None
    public_verdict: VerdictName | None
    failure_kind: FailureName | None
    level_reached: Count
    cause: Text
    cpu_s: Seconds
    """CPU time of the program over all tests."""
    judge_s: Seconds
    model_s: Seconds
    tools_s: Seconds
    status: StatusName
    """"judged" or "unmeasurable"."""
    end_reason: EndName = "submitted"
    """"submitted", or why the attempt was cut short."""
    transcript: Text = ""
    """JSON list of every message, tool call and result; "" for a single turn, which ``answer`` holds whole."""
    workspace: Name = ""
    """Digest of the final workspace; "" where the setting has none."""
    decision: Name | None = None
    """Id of the controller's decision; None where the alpha was given."""
    propensity: Share | None = None
    """Probability with which the controller chose this alpha."""
    p_hat: Share | None = None
    """The controller's estimate of the chance of success."""
    reason: Text = ""
    """The controller's, for people."""
    cost: Number | None = None
    """In the unit of the run's budget; None without one."""
