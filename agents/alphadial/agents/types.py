"""The words of solving: requests to a policy, its completions, and the attempt they make up."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NotRequired, Protocol, TypedDict

from alphadial.controller.types import Decision
from alphadial.envs.checks import (
    Count,
    EndName,
    FailureName,
    FinishName,
    Flag,
    Id,
    Name,
    NotNegative,
    Number,
    Seconds,
    Seed,
    SettingName,
    Share,
    StatusName,
    Text,
    VerdictName,
)
from alphadial.envs.tools.session import ToolSession
from alphadial.envs.types import EndReason, JudgeReport, Problem, Rules, Submission


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
    """The tools that an assistant calls."""
    tool_call_id: NotRequired[str]
    """The call that a tool's result answers."""


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
    """Hash of the tensors that answered (merge_engine.weights_id); None where nobody vouches for it."""
    prompt_tokens: int
    completion_tokens: int
    finish_reason: str = "stop"
    """"stop"; "length" where ``max_tokens`` cut the answer; "context" where the messages no longer fit the model's
    context: there is no answer then, and the attempt ends."""
    token_ids: tuple[int, ...] = ()
    """The completion's tokens, end token included; () where a server does not give them."""
    logprobs: tuple[float, ...] = ()
    """Log probabilities at the sampling temperature, aligned with token_ids."""
    tool_calls: tuple[ToolCall, ...] = ()
    seconds: float = field(default=0.0, compare=False)
    """Wall time that the answer took, or its share of its batch's."""


NO_ANSWER = Completion("", None, 0, 0, finish_reason="none")
"""Stands for the answer of an attempt that got none."""


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


DEFAULT_AGENT = "langgraph"
"""Works in the setting agentic where nobody chooses another one."""


@dataclass(frozen=True, slots=True)
class AttemptSpec:
    """One attempt to be made. Everything but its times follows from these fields."""

    id: str
    """Names the attempt in the store, the journal and the checkpoints, so that it can be resumed."""
    problem: Problem
    sample: int
    """Counts the attempts on this problem, from 0."""
    request: Request
    """The first question; what an agent asks later follows from it."""
    rules: Rules
    prompt: str
    """Name of the prompting strategy, which words every further request."""
    parser: str
    """Name of the answer parser, which reads a program from an answer."""
    alpha: float | None = None
    """None for a model without one."""
    decision: Decision | None = None
    """What the controller decided; None where the model was given."""
    setting: str = ""
    """As its row has it; see ``Attempt``."""
    strategy: str = ""
    """Likewise."""
    agent: str = DEFAULT_AGENT
    """Who works in the setting agentic, by the name that ``agent.registry`` has, and what that agent was told."""

    @property
    def arm_key(self) -> str:
        """What tells its arm within its run."""
        return arm_key(self.request.model, self.request.temperature, self.setting, self.strategy)


@dataclass(frozen=True, slots=True)
class Rollout:
    """One attempt that was made. Times are in seconds."""

    request: Request
    """The first question."""
    answers: tuple[Completion, ...]
    """One per turn, in order; none where not even the first could be used."""
    submission: Submission | None
    """The program; None where the attempt brought none."""
    report: JudgeReport
    end_reason: EndReason
    judge_s: float
    """Wall time of the judge, retries included."""
    tools_s: float = 0.0
    """Wall time of the tool calls other than the submission."""
    transcript: tuple[Message, ...] = ()
    """Every message, tool call and result in order; () for a single turn, where request and answer are all."""
    workspace: str = ""
    """Digest of the final workspace; "" where the setting has none."""

    @property
    def program(self) -> str:
        """The text of the submission's main file; "" without one."""
        return self.submission.source if self.submission is not None else ""

    @property
    def completion(self) -> Completion:
        """The last answer, an empty one where there is none."""
        return self.answers[-1] if self.answers else NO_ANSWER

    @property
    def model_s(self) -> float:
        """What the answers took; see ``Completion.seconds``."""
        return sum(answer.seconds for answer in self.answers)

    @property
    def prompt_tokens(self) -> int:
        """Tokens of all requests together."""
        return sum(answer.prompt_tokens for answer in self.answers)

    @property
    def completion_tokens(self) -> int:
        """Tokens of all answers together."""
        return sum(answer.completion_tokens for answer in self.answers)


Ask = Callable[[Request], Awaitable[Completion]]
"""Asks the policy and refuses the answers of other weights. It raises BadAnswerError where the answer is unusable."""


class Agent(Protocol):
    """Turns a policy's answers into a submission. One object makes many attempts at a time, in one event loop.

    An agent sees the problem, the tools and its answers, and nothing else: no policy, no judge and no store. What it
    runs through the tools blocks, so it calls them in a thread (``asyncio.to_thread``).
    """

    async def attempt(self, spec: AttemptSpec, tools: ToolSession, ask: Ask) -> Rollout:
        """Makes an attempt, or goes on with it where a killed process left it.

        Whatever the policy does wrong is in the rollout, and its end reason says how the attempt ended.

        Raises:
            AgentsError, EnvsError: what ends the whole run, as ``ask`` and the tools raise it.
        """
        ...


def arm_key(model: str, temperature: float, setting: str, strategy: str) -> str:
    """What tells an attempt's arm within a run: the model, and in a run over arms all that arms can differ in."""
    return f"{model} T={temperature!r} {setting} {strategy}" if setting else model


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
    """Text of the submission's main file; "" where there is none."""
    language: Name
    """Language of the submission; "" where there is none."""
    verdict: VerdictName | None
    public_verdict: VerdictName | None
    failure_kind: FailureName | None
    level_reached: Count
    cause: Text
    error: Text
    """Why it is unmeasurable; "" where it was measured."""
    borderline: Flag
    """1 where a time near the limit decided, so that the verdict may be another one elsewhere."""
    cpu_s: Seconds
    """CPU time of the program over all tests."""
    judge_s: Seconds
    model_s: Seconds
    tools_s: Seconds
    status: StatusName
    """"judged" or "unmeasurable"."""
    end_reason: EndName = "submitted"
    """How the attempt ended; see ``EndReason``."""
    transcript: Text = ""
    """JSON list of every message, tool call and result; "" for a single turn, which ``answer`` holds whole."""
    workspace: Name = ""
    """Digest of the final workspace; "" where the setting has none."""
    token_ids: Text = ""
    """JSON list of the token ids of every answer; "" where none were given."""
    logprobs: Text = ""
    """JSON list of the log probabilities of every answer, aligned with ``token_ids``; "" where none were given."""
    decision: Name | None = None
    """Id of the controller's decision; None where the alpha was given."""
    propensity: Share | None = None
    """Probability with which the controller chose this alpha."""
    success_prob: Share | None = None
    """The controller's estimate of the chance of success."""
    reason: Text = ""
    """The controller's, for people."""
    model_cost: NotNegative | None = None
    """What the tokens cost, in the currency of the run's prices; None without prices."""
    sandbox_cost: NotNegative | None = None
    """What tools and judge cost, alike."""
    setting: SettingName = ""
    """How the attempt was made, in a run over arms; "" where the whole run has one setting."""
    strategy: Name = ""
    """The prompting strategy, likewise."""
    tests: Text = ""
    """JSON list of name, level and verdict of every test that a patch was graded by; "" for programs."""
    ratio: NotNegative | None = None
    """CPU time beside the gold patch's; None where it was not measured."""
    shared_verifier: Flag = 0
    """1 where a script in the candidate's own box decided, which can be deceived."""

    @property
    def arm_key(self) -> str:
        """What tells its arm within its run."""
        return arm_key(self.model, self.temperature, self.setting, self.strategy)

    @property
    def cost(self) -> float | None:
        """What the attempt cost; None without prices."""
        if self.model_cost is None or self.sandbox_cost is None:
            return None
        return self.model_cost + self.sandbox_cost
