"""Attempts in full, packed small: each text once, deflated, as base64 that a browser unpacks by itself."""

from __future__ import annotations

import json
import zlib
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from random import Random
from typing import Any

from alphadial.agents.agent.prompts import find_strategy
from alphadial.agents.errors import AgentsError
from alphadial.agents.experiments.attempt_flow import arm_names
from alphadial.agents.runs.attempt_rows import TEXTS
from alphadial.agents.runs.config import ArmChoice
from alphadial.agents.runs.reading_runs import StoredRun
from alphadial.agents.types import Attempt
from alphadial.cli.report.text import arm, cut
from alphadial.cli.visible import visible
from alphadial.envs.errors import EnvsError
from alphadial.envs.types import FailedTest, Problem, Verdict

PACKED_BYTES = 6 * 2**20
"""Deflated transcripts take no more: 8 MiB as base64, which leaves room for plotly and the charts in 15 MB."""
UNPACKED_BYTES = 96 * 2**20
"""Their JSON takes no more: a phone has to hold it."""
TEXT_CHARACTERS = 20_000
"""A message or program is cut after so many; ``alphadial show`` has the rest."""
_LEVEL = 6
PARTS = 400
"""Messages of a transcript, and tool calls of a message."""


@dataclass(frozen=True, slots=True)
class Packed:
    """Transcripts as they travel."""

    payload: str
    """Base64 of zlib's deflate of JSON; "" when empty."""
    ids: tuple[str, ...]
    """Ids of the attempts in it."""


def sample_ids(attempts: Sequence[Attempt], most: int, seed: int) -> list[str]:
    """Draws at most so many ids without replacement; the same for the same seed."""
    ids = sorted(attempt.id for attempt in attempts)
    return Random(seed).sample(ids, min(most, len(ids)))


def pack(run: StoredRun, ids: Sequence[str], failed: Mapping[str, FailedTest]) -> Packed:
    """Packs attempts, in this order, until the room for them is used up.

    Args:
        run: that made them.
        ids: of the attempts.
        failed: the first public test that an attempt fails, by its id.

    Raises:
        StoreError: the store cannot be read.
    """
    strings = _Strings()
    posed: dict[tuple[str, str], _Posed] = {}
    choices = run.config.choices_by_key()
    names = arm_names(run.config)
    meter = zlib.compressobj(_LEVEL)
    packed = unpacked = 0
    rows: list[dict[str, Any]] = []
    for attempt in run.whole(ids):
        known = len(strings.texts)
        key = attempt.problem, attempt.arm_key
        if key not in posed:
            posed[key] = _pose(run.problems.get(attempt.problem), choices[attempt.arm_key], run.config.language)
        row = _row(attempt, posed[key], strings)
        row["arm"] = arm(names[attempt.arm_key])
        row["failed"] = _failed(failed[attempt.id], strings) if attempt.id in failed else None
        added = json.dumps([row, strings.texts[known:]]).encode()
        packed += len(meter.compress(added))
        unpacked += len(added)
        if packed > PACKED_BYTES or unpacked > UNPACKED_BYTES:
            del strings.texts[known:]
            break
        rows.append(row)
    if not rows:
        return Packed("", ())
    whole = json.dumps({"strings": strings.texts, "attempts": rows}, separators=(",", ":")).encode()
    return Packed(b64encode(zlib.compress(whole, _LEVEL)).decode(), tuple(row["id"] for row in rows))


class _Strings:
    """Texts, each once: attempts share prompts, and often programs."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._places: dict[str, int] = {}

    def place(self, text: str) -> int:
        shown = visible(cut(text, TEXT_CHARACTERS), lines=True)
        if shown not in self._places:
            self._places[shown] = len(self.texts)
            self.texts.append(shown)
        return self._places[shown]


@dataclass(frozen=True, slots=True)
class _Posed:
    """How a problem was put to the model; empty where the problem or the strategy is not at hand."""

    messages: tuple[Mapping[str, Any], ...] = ()
    levels: int | None = None
    statement: str = ""
    """For people; "" where the messages hold it."""


def _pose(problem: Problem | None, choice: ArmChoice, language: str | None) -> _Posed:
    if problem is None:
        return _Posed()
    try:
        messages = find_strategy(choice.prompt, choice.setting).messages(problem, choice.setting, language)
    except (AgentsError, EnvsError):
        return _Posed((), problem.levels, problem.statement)
    told = any(problem.statement in message["content"] for message in messages)
    return _Posed(tuple(dict(message) for message in messages), problem.levels, "" if told else problem.statement)


def _row(attempt: Attempt, posed: _Posed, strings: _Strings) -> dict[str, Any]:
    row: dict[str, Any] = {field.name: getattr(attempt, field.name) for field in fields(Attempt)}
    row = {
        name: visible(cut(value, 500), lines=True) if isinstance(value, str) else value for name, value in row.items()
    }
    for name in TEXTS:
        del row[name]
    row["tests"] = _tests(attempt.tests)
    row["levels"] = posed.levels
    statement = [{"role": "problem", "content": posed.statement}] if posed.statement.strip() else []
    row["messages"] = [_message(message, strings) for message in [*statement, *_messages(attempt, posed)]]
    row["program"] = strings.place(attempt.program) if attempt.program.strip() else None
    return row


def _tests(stored: str) -> list[tuple[int, int, int, list[list[str | None]]]]:
    """Level, how many tests of it passed, how many ran, and name and verdict of each as far as there is room."""
    levels: dict[int, list[tuple[str, str | None]]] = {}
    for name, level, verdict in json.loads(stored) if stored else ():
        levels.setdefault(level, []).append((name, verdict))
    return [
        (
            level,
            sum(verdict == Verdict.AC for _, verdict in tests),
            len(tests),
            [[visible(cut(name, 200)), verdict] for name, verdict in tests[:PARTS]],
        )
        for level, tests in sorted(levels.items())
    ]


def _failed(failed: FailedTest, strings: _Strings) -> dict[str, Any]:
    """A test that a program failed: only public ones come here."""
    texts = {"input": failed.input, "expected": failed.expected, "got": failed.got}
    told = ", ".join(part for part in (str(failed.verdict), failed.cause) if part)
    return {
        "test": visible(cut(failed.test, 80)),
        "told": visible(cut(told, 300), lines=True),
        **{name: strings.place(text) for name, text in texts.items()},
    }


def _messages(attempt: Attempt, posed: _Posed) -> list[Mapping[str, Any]]:
    """The conversation: as stored, or for a single turn the question and the answer."""
    if not attempt.transcript:
        # A bare program is its own answer: it is shown once, as the program.
        bare = attempt.answer.strip() == attempt.program.strip()
        return [*posed.messages, *([] if bare else [{"role": "assistant", "content": attempt.answer}])]
    stored: list[Mapping[str, Any]] = json.loads(attempt.transcript)
    left_out = len(stored) - PARTS
    note = [{"role": "report", "content": f"{left_out:,} more messages"}] if left_out > 0 else []
    return [*stored[:PARTS], *note]


def _message(message: Mapping[str, Any], strings: _Strings) -> dict[str, Any]:
    packed: dict[str, Any] = {"role": visible(message["role"])[:40]}
    if message["content"]:
        packed["content"] = strings.place(message["content"])
    if calls := message.get("tool_calls"):
        packed["calls"] = [_call(call, strings) for call in calls[:PARTS]]
    if "tool_call_id" in message:
        packed["call"] = visible(message["tool_call_id"])[:80]
    return packed


def _call(call: Mapping[str, Any], strings: _Strings) -> dict[str, Any]:
    written = call["function"]["arguments"]
    try:
        given = json.loads(written)
        named = given if isinstance(given, dict) else {"": given}
        shown = {
            name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            for name, value in named.items()
        }
    except (ValueError, RecursionError):
        # Malformed: shown as the model wrote it.
        shown = {"": written}
    return {
        "id": visible(call["id"])[:80],
        "name": visible(call["function"]["name"])[:80],
        "arguments": [[visible(name)[:80], strings.place(value)] for name, value in shown.items()][:PARTS],
    }


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
