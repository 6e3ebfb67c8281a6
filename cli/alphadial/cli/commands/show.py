"""``alphadial show``: one attempt of a run."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from alphadial.cli.options import RUNS, JsonOption

if TYPE_CHECKING:
    from rich.table import Table

    from alphadial.agents.runs.config import RunConfig
    from alphadial.agents.types import Attempt, Message
    from alphadial.envs.types import Problem

LEXERS = {"python3": "python", "pypy3": "python", "cpp": "cpp", "c": "c", "java": "java"}
"""The language of a program to what colours it."""


def show(
    attempt_id: Annotated[str, typer.Argument(metavar="ATTEMPT", help="Id of an attempt, as a run prints it.")],
    run: Annotated[
        Path | None, typer.Option("--run", metavar="DIR", help="Its run folder.", show_default="all in runs/")
    ] = None,
    json_to: JsonOption = None,
) -> None:
    """Show one attempt: the prompt, the program, the verdict, the levels it passed and its times."""
    from rich.panel import Panel
    from rich.syntax import Syntax
    from rich.text import Text

    from alphadial.cli.output import STDOUT, cell, check_json_target, results, write_json
    from alphadial.cli.visible import visible

    check_json_target(json_to)
    attempt, config = find(attempt_id, run)
    problem = problem_of(attempt, config)
    messages = transcript(attempt, asked(problem, config))
    if json_to is not None:
        write_json(json_to, {**asdict(attempt), "messages": messages})
    if json_to != STDOUT:
        for message in messages:
            said = Text(visible(spoken(message), lines=True))
            results().print(Panel(said, title=cell(message["role"]), title_align="left"))
        source = visible(attempt.program, lines=True)
        program = (
            Syntax(source, LEXERS.get(attempt.language, "text"), line_numbers=True)
            if source.strip()
            else Text("(none)")
        )
        results().print(Panel(program, title=cell(f"program of {attempt.model}"), title_align="left"))
        results().print(facts(attempt, None if problem is None else problem.levels))


def problem_of(attempt: Attempt, config: RunConfig) -> Problem | None:
    """The problem, or None, with a remark, where it is not at hand here."""
    from alphadial.cli.output import say
    from alphadial.envs.errors import EnvsError
    from alphadial.envs.problems import find_problem

    try:
        return find_problem(config.problem_set, attempt.problem, config.split, recorded=True)
    except EnvsError as error:
        say(f"the question cannot be shown: {error}")
        return None


def asked(problem: Problem | None, config: RunConfig) -> Sequence[Message]:
    """The first messages of an attempt, as far as they can be made again."""
    from alphadial.agents.agent.prompts import find_strategy

    if problem is None:
        return ()
    return find_strategy(config.prompt, config.setting).messages(problem, config.setting, config.language)


def transcript(attempt: Attempt, asked: Sequence[Message]) -> list[dict[str, Any]]:
    """Every message of the attempt; of a single turn the question alone, since the answer is the program."""
    messages: list[dict[str, Any]] = json.loads(attempt.transcript) if attempt.transcript else [dict(m) for m in asked]
    return messages


def spoken(message: Mapping[str, Any]) -> str:
    """The text of a message and the tool calls in it."""
    calls = [call["function"] for call in message.get("tool_calls", ())]
    return "\n".join([message["content"], *(f"{call['name']}({call['arguments']})" for call in calls)]).strip()


def find(attempt_id: str, run: Path | None) -> tuple[Attempt, RunConfig]:
    """The attempt, and the configuration of its run.

    Raises:
        CliError: there is no such attempt.
        StoreError: no run folder, or one that cannot be read.
    """
    from alphadial.agents.runs.reading_runs import find_attempt
    from alphadial.agents.runs.run_folder import STORE_FILE
    from alphadial.cli.errors import CliError

    folders = [run] if run is not None else sorted(path.parent for path in RUNS.glob(f"*/{STORE_FILE}"))
    if found := find_attempt(attempt_id, folders):
        return found
    where = str(run) if run is not None else f"the {len(folders)} runs in {RUNS}/"
    raise CliError(f"no attempt {attempt_id!r} in {where}: a run prints ids at its end; --run DIR names its folder")


def facts(attempt: Attempt, levels: int | None) -> Table:
    """What became of the attempt, one fact per line."""
    from rich.table import Table

    from alphadial.cli.output import VERDICT_STYLES, cell

    verdict = attempt.verdict or "unmeasurable"
    kind = f"{attempt.failure_kind} failure" if attempt.failure_kind else "solved"
    rows = {
        "verdict": cell(f"{verdict} ({kind})", VERDICT_STYLES.get(verdict, "red")),
        "cause": cell(attempt.cause),
        "borderline": cell(
            "a time is so near the limit that another run may end differently" if attempt.borderline else ""
        ),
        "chosen": cell(_choice(attempt)),
        "level": cell(f"{attempt.level_reached} of {'?' if levels is None else levels} passed"),
        "public tests": cell(attempt.public_verdict or ""),
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
