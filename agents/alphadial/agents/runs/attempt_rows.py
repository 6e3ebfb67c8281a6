"""The tables of a store, and the only place where their rows are read: every one is checked before it is used.

A store is a file that may come from anywhere, and a database keeps whatever is put into a column. What does not hold is
one line that names file, row and column.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields
from typing import Any

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from alphadial.agents.errors import StoreError
from alphadial.agents.runs.config import RunConfig, attempt_id
from alphadial.agents.types import Attempt
from alphadial.envs.checks import Count, Number, Positive, Text, VerdictName, first_fault
from alphadial.envs.types import EndReason, FailureKind, Verdict
from alphadial.merge_engine import is_blend_id

TIMES = frozenset({"cpu_s", "judge_s", "model_s", "tools_s", "sandbox_cost", "ratio"})
"""Columns that differ between two runs of one configuration."""
TEXTS = frozenset({"answer", "program", "transcript", "token_ids", "logprobs", "tests"})
"""Columns that may be longer than all others together."""
_UNANSWERED = (EndReason.POLICY, EndReason.CONTEXT)
"""How attempts end whose last answer could not be used, so that no weights vouch for it."""
FIELDS = tuple(field.name for field in fields(Attempt))
_ATTEMPT = TypeAdapter(Attempt)


METADATA = sa.MetaData()
RUNS = sa.Table(
    "runs",
    METADATA,
    sa.Column("id", sa.String(16), primary_key=True),
    sa.Column("format", sa.Integer, nullable=False),
    sa.Column("config", sa.Text, nullable=False),
)
ATTEMPTS = sa.Table(
    "attempts",
    METADATA,
    sa.Column("id", sa.String(16), primary_key=True),
    sa.Column("run", sa.String(16), sa.ForeignKey("runs.id"), nullable=False, index=True),
    sa.Column("problem", sa.Text, nullable=False),
    sa.Column("template", sa.Text, nullable=False),
    sa.Column("group", sa.Text, nullable=False),
    sa.Column("sample", sa.Integer, nullable=False),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("alpha", sa.Double),
    sa.Column("weights_id", sa.Text),
    sa.Column("seed", sa.BigInteger, nullable=False),
    sa.Column("temperature", sa.Double, nullable=False),
    sa.Column("coverage", sa.Text),
    sa.Column("prompt_tokens", sa.Integer, nullable=False),
    sa.Column("completion_tokens", sa.Integer, nullable=False),
    sa.Column("finish_reason", sa.Text, nullable=False),
    sa.Column("turns", sa.Integer, nullable=False),
    sa.Column("answer", sa.Text, nullable=False),
    sa.Column("program", sa.Text, nullable=False),
    sa.Column("language", sa.Text, nullable=False),
    sa.Column("verdict", sa.Text),
    sa.Column("public_verdict", sa.Text),
    sa.Column("failure_kind", sa.Text),
    sa.Column("level_reached", sa.Integer, nullable=False),
    sa.Column("cause", sa.Text, nullable=False),
    sa.Column("error", sa.Text, nullable=False),
    sa.Column("borderline", sa.Integer, nullable=False),
    sa.Column("cpu_s", sa.Double, nullable=False),
    sa.Column("judge_s", sa.Double, nullable=False),
    sa.Column("model_s", sa.Double, nullable=False),
    sa.Column("tools_s", sa.Double, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("end_reason", sa.Text, nullable=False),
    sa.Column("transcript", sa.Text, nullable=False),
    sa.Column("workspace", sa.Text, nullable=False),
    sa.Column("token_ids", sa.Text, nullable=False),
    sa.Column("logprobs", sa.Text, nullable=False),
    sa.Column("decision", sa.Text),
    sa.Column("propensity", sa.Double),
    sa.Column("success_prob", sa.Double),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("model_cost", sa.Double),
    sa.Column("sandbox_cost", sa.Double),
    sa.Column("setting", sa.Text, nullable=False),
    sa.Column("strategy", sa.Text, nullable=False),
    sa.Column("tests", sa.Text, nullable=False),
    sa.Column("ratio", sa.Double),
    sa.Column("shared_verifier", sa.Integer, nullable=False),
)


def selection(*, texts: bool = True) -> sa.Select[Any]:
    """The columns of an attempt, in the order of ``FIELDS``; without ``texts``, the long ones are empty."""
    empty = frozenset() if texts else TEXTS
    return sa.select(*(sa.literal("").label(name) if name in empty else ATTEMPTS.c[name] for name in FIELDS))


class _Function(BaseModel):
    model_config = ConfigDict(strict=True)

    name: Text
    arguments: Text


class _Call(BaseModel):
    model_config = ConfigDict(strict=True)

    id: Text
    function: _Function


class _Message(BaseModel):
    model_config = ConfigDict(strict=True)

    role: Text
    content: Text
    tool_calls: list[_Call] = []
    tool_call_id: Text = ""


_JSON: dict[str, TypeAdapter[Any]] = {
    "transcript": TypeAdapter(list[_Message]),
    "token_ids": TypeAdapter(list[list[Count]]),
    "logprobs": TypeAdapter(list[list[Number | None]]),
    "tests": TypeAdapter(list[tuple[Text, Positive, VerdictName | None]]),
}
"""Columns that hold JSON, "" where there is nothing, to what they hold."""


def read_rows(
    connection: sa.Connection, query: sa.Select[Any], source: str, config: RunConfig | None = None
) -> Iterator[Attempt]:
    """The attempts that a selection gives.

    Args:
        connection: to the store.
        query: from ``selection``.
        source: what the store is called in messages.
        config: of the run whose attempts they must be; None: of any.

    Raises:
        StoreError: a row that no run can have written.
    """
    stranger = _stranger(config) if config is not None else None
    for row in connection.execute(query):
        yield checked(row, source, stranger)


def checked(row: Sequence[Any], source: str, stranger: Callable[[Attempt], str] | None = None) -> Attempt:
    """An attempt of these values, in the order of ``FIELDS``.

    Args:
        row: the values.
        source: where they are from, for messages.
        stranger: says why an attempt cannot be there, "" where it can; None: every attempt can.

    Raises:
        StoreError: one of them cannot be; the message names it.
    """
    values, column = dict(zip(FIELDS, row, strict=True)), ""
    try:
        attempt = _ATTEMPT.validate_python(values)
        for column, held in _JSON.items():
            if values[column]:
                held.validate_json(values[column])
    except ValidationError as error:
        where = f"{column}: " if column else ""
        raise StoreError(_damaged(source, row[0], where + first_fault(error))) from error
    if fault := (stranger(attempt) if stranger is not None else "") or _contradiction(attempt):
        raise StoreError(_damaged(source, attempt.id, fault))
    return attempt


def _damaged(source: str, row: object, fault: str) -> str:
    column, _, what = fault.partition(": ")
    return f"{source} is damaged: row {row!r:.60} of attempts, column {column}: {what}"


def _contradiction(attempt: Attempt) -> str:
    if attempt.id != attempt_id(attempt.run, attempt.problem, attempt.arm_key, attempt.sample):
        return "id: it does not follow from run, problem, arm and sample"
    if (attempt.failure_kind is None) != (attempt.verdict == Verdict.AC):
        return f"failure_kind: {attempt.failure_kind} does not fit verdict {attempt.verdict}"
    if (attempt.failure_kind == FailureKind.UNMEASURABLE) != (attempt.verdict is None):
        return f"failure_kind: {attempt.failure_kind} does not fit verdict {attempt.verdict}"
    if (attempt.status == "unmeasurable") != (attempt.verdict is None):
        return f"status: {attempt.status} does not fit verdict {attempt.verdict}"
    if (attempt.model_cost is None) != (attempt.sandbox_cost is None):
        return "model_cost: one cost without the other"
    if attempt.decision is not None and (attempt.propensity is None or (attempt.alpha is None and not attempt.setting)):
        return "decision: one without an arm or a propensity"
    return ""


class OneKind:
    """Sees to it that answers of merged weights and of blends never stand beside each other: blends are near merged
    weights, and what is measured with the one does not hold for the other.
    """

    def __init__(self) -> None:
        self._blended: bool | None = None

    def fault(self, weights_id: str | None) -> str:
        """What is wrong with an answer by these weights beside those that were told before; "" where nothing is."""
        if weights_id is None:
            return ""
        blended = is_blend_id(weights_id)
        if self._blended is None:
            self._blended = blended
        if blended == self._blended:
            return ""
        kinds = ("merged weights", "a blend")
        return f"an answer of {kinds[blended]} beside those of {kinds[self._blended]}: begin another run for these"


def _stranger(config: RunConfig) -> Callable[[Attempt], str]:
    choices, problems = config.choices_by_key(), frozenset(config.problems)
    kind = OneKind()

    def fault(attempt: Attempt) -> str:
        choice = choices.get(attempt.arm_key)
        if choice is None or attempt.alpha != choice.arm.alpha:
            return f"model: {attempt.arm_key[:80]!r} at alpha {attempt.alpha} is none of the run's"
        if attempt.problem not in problems:
            return f"problem: {attempt.problem[:80]!r} is none of the run's"
        if choice.weights is not None and attempt.weights_id is None and attempt.end_reason not in _UNANSWERED:
            return "weights_id: there is none, and the run's weights are verified"
        if mixed := kind.fault(attempt.weights_id):
            return f"weights_id: {mixed}"
        if attempt.sample >= config.samples:
            return f"sample: {attempt.sample}, and the run makes {config.samples} at most"
        return ""

    return fault
