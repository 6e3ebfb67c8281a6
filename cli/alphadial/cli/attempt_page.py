"""One attempt of a run: what was asked and said, the program, and what became of it."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from rich.console import RenderableType
from rich.panel import Panel
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from alphadial.agents.types import Attempt
from alphadial.cli.failed_test import failed_test
from alphadial.cli.output import VERDICT_STYLES, cell
from alphadial.cli.problem_page import statement_panel
from alphadial.cli.visible import visible
from alphadial.envs.types import PATCH, FailedTest, Problem

_LEXERS = {"python3": "python", "pypy3": "python", "cpp": "cpp", "c": "c", "java": "java", "patch": "diff"}
"""The language of a program to what colours it."""
_DECEIVABLE = "a script in the candidate's own box, which can be deceived"
_NEARLY = "a time is so near the limit that another run may end differently"


def attempt_page(
    attempt: Attempt, problem: Problem | None, messages: Sequence[Mapping[str, Any]], failed: FailedTest | None
) -> Iterator[RenderableType]:
    """The whole attempt.

    Args:
        attempt: with its texts.
        problem: None where it is not at hand.
        messages: of the attempt; of a single turn the question alone, since the answer is the program.
        failed: the first public test that the program fails, where one is known.
    """
    if problem is not None and not any(problem.statement in message["content"] for message in messages):
        yield statement_panel(problem)  # the model read a form that few people can
    heard: set[str] = set()
    for message in messages:
        heard.add(message["content"].strip())
        said = Text(visible(_spoken(message, heard), lines=True))
        yield Panel(said, title=cell(message["role"]), title_align="left")
    source = visible(attempt.program, lines=True)
    program: RenderableType = Text("(none)")
    if source.strip():
        program = Syntax(source, _LEXERS.get(attempt.language, "text"), line_numbers=True)
    what = "patch" if attempt.language == PATCH else "program"
    yield Panel(program, title=cell(f"{what} of {attempt.model}"), title_align="left")
    if attempt.tests:
        yield _tests_by_level(attempt.tests)
    if failed is not None:
        yield failed_test(failed, public=True)
    yield _facts(attempt, None if problem is None else problem.levels)


def _tests_by_level(stored: str) -> Table:
    """How the tests went that a patch was graded by."""
    table = Table("level", "test", "verdict", box=None, pad_edge=False)
    for name, level, verdict in json.loads(stored):
        verdict = verdict or "unmeasurable"
        table.add_row(str(level), cell(name), cell(verdict, VERDICT_STYLES.get(verdict, "red")))
    return table


def _spoken(message: Mapping[str, Any], heard: Collection[str]) -> str:
    """The text of a message and the tool calls in it."""
    calls = [call["function"] for call in message.get("tool_calls", ())]
    called = [_called(call["name"], call["arguments"], heard) for call in calls]
    return "\n\n".join([message["content"].strip(), *called]).strip()


def _called(name: str, arguments: str, heard: Collection[str]) -> str:
    """A tool call. A program that was said before is not said again, and others keep their lines."""
    try:
        given = json.loads(arguments)
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, dict):
        return f"{name}({arguments})"
    texts = {key: value for key, value in given.items() if isinstance(value, str) and "\n" in value}
    where = {key: f"the {key} {'above' if text.strip() in heard else 'below'}" for key, text in texts.items()}
    words = [where.get(key, f"{key}={value!r}") for key, value in given.items()]
    shown = [text.rstrip("\n") for text in texts.values() if text.strip() not in heard]
    return "\n".join([f"{name}({', '.join(words)})", *shown])


def _facts(attempt: Attempt, levels: int | None) -> Table:
    """What became of the attempt, one fact per line."""
    verdict = attempt.verdict or "unmeasurable"
    kind = f"{attempt.failure_kind} failure" if attempt.failure_kind else "solved"
    rows = {
        "verdict": cell(f"{verdict} ({kind})", VERDICT_STYLES.get(verdict, "red")),
        "cause": cell(attempt.cause),
        "error": cell(attempt.error),
        "borderline": cell(_NEARLY if attempt.borderline else ""),
        "chosen": cell(_choice(attempt)),
        "level": cell(f"{attempt.level_reached} of {'?' if levels is None else levels} passed"),
        "public tests": cell(attempt.public_verdict or ""),
        "speed": cell("" if attempt.ratio is None else f"{attempt.ratio:.3g} times the CPU time of the gold patch"),
        "verifier": cell(_DECEIVABLE if attempt.shared_verifier else ""),
        "times": cell(
            f"program {attempt.cpu_s * 1e3:.1f} ms CPU, judge {attempt.judge_s * 1e3:.1f} ms, "
            f"tools {attempt.tools_s * 1e3:.1f} ms, model {attempt.model_s * 1e3:.1f} ms"
        ),
        "language": cell(attempt.language),
        "cost": cell("" if attempt.cost is None else f"{attempt.cost:g}"),
        "turns": cell(f"{attempt.turns}, the last ended by {attempt.finish_reason}"),
        "tokens": cell(f"{attempt.prompt_tokens} in, {attempt.completion_tokens} out"),
        "sampling": cell(f"temperature {attempt.temperature:g}, seed {attempt.seed}, sample {attempt.sample}"),
        "problem": cell(f"{attempt.problem} ({attempt.group})" if attempt.group else attempt.problem),
        "weights id": cell(attempt.weights_id or "none: the server reported none"),
    }
    if attempt.end_reason != "submitted":
        rows["ended by"] = cell(attempt.end_reason)
    table = Table(box=None, pad_edge=False, show_header=False)
    for name, value in rows.items():
        if value.plain:
            table.add_row(cell(name, "bold"), value)
    return table


def _choice(attempt: Attempt) -> str:
    if attempt.decision is None:
        return ""
    chance = "" if attempt.success_prob is None else f", expected to solve with {attempt.success_prob:.2f}"
    return f"alpha {attempt.alpha:g}, {attempt.reason} (probability {attempt.propensity:.3g}{chance})"
