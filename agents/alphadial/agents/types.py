"""The words of solving: requests to a policy, its completions, and the attempt they make up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypedDict

from alphadial.envs.types import JudgeReport, Problem


class Message(TypedDict):
    """One chat message."""

    role: str
    content: str


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


@dataclass(frozen=True, slots=True)
class Completion:
    """A policy's answer."""

    text: str
    weights_id: str | None
    """Hash of the tensors that answered (merge_engine.weights_id); None where a server reports none."""
    prompt_tokens: int
    completion_tokens: int
    finish_reason: str = "stop"
    """"stop" or "length"."""
    token_ids: tuple[int, ...] = ()
    """Of the completion, end token included; () where a server does not give them."""
    logprobs: tuple[float, ...] = ()
    """At the sampling temperature, aligned with token_ids."""


class Policy(Protocol):
    """A model that answers. Blocking; the batcher calls it in a thread of its own."""

    batch_size: int
    """How many requests of one model are best answered together."""

    def complete(self, requests: Sequence[Request]) -> list[Completion]:
        """Answers requests that all name the same model, in order.

        Raises:
            PolicyError: the model cannot be built, the server does not answer, or it answered nonsense.
            WrongWeightsError: the server answered with other weights than the name asks for.
        """
        ...

    def close(self) -> None:
        """Frees the model or the connection."""
        ...


class Judge(Protocol):
    """What the runner needs of ``alphadial.envs.judge.Judge``. Thread-safe."""

    @property
    def workers(self) -> int:
        """How many judgements run side by side."""
        ...

    def judge(self, problem: Problem, source: str | None, coverage: str | None = None) -> JudgeReport:
        """Judges a submission, None for an answer without one; what the program does wrong is in the report."""
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
    coverage: str | None = None
    """A named coverage of the problem; None: every level."""


@dataclass(frozen=True, slots=True)
class Rollout:
    """One attempt that was made."""

    request: Request
    completion: Completion
    submission: str
    """The program; "" where the answer held none."""
    report: JudgeReport
    model_s: float
    """This answer's share of its batch's wall time."""
    judge_s: float
    """Wall time of the judge, retries included."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A row of the store: a finished attempt. Times are in seconds."""

    id: str
    run: str
    problem: str
    template: str
    group: str
    sample: int
    model: str
    alpha: float | None
    weights_id: str | None
    seed: int
    temperature: float
    coverage: str | None
    prompt_tokens: int
    completion_tokens: int
    finish_reason: str
    turns: int
    answer: str
    program: str
    verdict: str | None
    public_verdict: str | None
    failure_kind: str | None
    level_reached: int
    cause: str
    cpu_s: float
    """CPU time of the program over all tests."""
    judge_s: float
    model_s: float
    status: str
    """"judged" or "unmeasurable"."""
    decision: str | None = None
    """Id of the controller's decision; None where the alpha was given."""
    propensity: float | None = None
    """Probability with which the controller chose this alpha."""
    cost: float | None = None
    """In the unit of the run's budget; None without one."""
