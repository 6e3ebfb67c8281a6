"""``alphadial show``: one attempt of a run."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from alphadial.cli.options import RUNS, JsonOption

if TYPE_CHECKING:
    from alphadial.agents.runs.config import RunConfig
    from alphadial.agents.types import Attempt, Message
    from alphadial.envs.types import FailedTest, Problem

_LISTED = 10
"""Attempts to choose from, at most, where an id is not given whole."""


def show(
    attempt_id: Annotated[
        str, typer.Argument(metavar="ATTEMPT", help="Id of an attempt, as a run prints it, or how it begins.")
    ],
    run: Annotated[
        Path | None, typer.Option("--run", metavar="DIR", help="Its run folder.", show_default="all in runs/")
    ] = None,
    problem_set: Annotated[
        str | None,
        typer.Option(
            "--problem-set",
            metavar="NAME|PATH|module:Class",
            help="Looks its problem up there: needed where it has moved, or comes from a class of yours.",
            show_default="the run's",
        ),
    ] = None,
    json_to: JsonOption = None,
) -> None:
    """Show one attempt: the problem, what the model was asked and said, the program, its verdict, levels and times.

    A program that failed public tests runs on them once more in the sandbox, to show the first. Hidden tests are never
    shown.
    """
    from alphadial.cli.attempt_page import attempt_page
    from alphadial.cli.output import STDOUT, check_json_target, results, write_json

    check_json_target(json_to)
    attempt, config = find(attempt_id, run)
    problem = problem_of(attempt, config, problem_set)
    messages = transcript(attempt, asked(attempt, problem, config))
    failed = None if problem is None else failed_in(problem, attempt)
    if json_to is not None:
        shown = None if failed is None else asdict(failed)
        write_json(json_to, {**asdict(attempt), "messages": messages, "failed_test": shown})
    if json_to != STDOUT:
        for part in attempt_page(attempt, problem, messages, failed):
            results().print(part)


def problem_of(attempt: Attempt, config: RunConfig, problem_set: str | None) -> Problem | None:
    """The problem, or None, with a remark, where it is not at hand here.

    Raises:
        EnvsError: it is not where the user says.
    """
    from alphadial.cli.output import say
    from alphadial.envs.errors import EnvsError
    from alphadial.envs.problems import load_split

    try:
        split = load_split(problem_set or config.problem_set, config.split, recorded=problem_set is None)
        (problem,) = split.select([attempt.problem])
    except EnvsError as error:
        if problem_set is not None:
            raise
        say(f"the problem cannot be shown: {error}")
        return None
    if split.hash != config.split_hash:
        say(f"the problems of {split.problem_set} are not those of the run any more")
    return problem


def failed_in(problem: Problem, attempt: Attempt) -> FailedTest | None:
    """The first public test that the program fails, or None, with a remark where that cannot be found here."""
    from alphadial.agents.runs.public_failures import fails_publicly, public_failure
    from alphadial.cli.output import say
    from alphadial.envs import Judge, open_sandbox
    from alphadial.envs.errors import EnvsError

    if not fails_publicly(attempt):
        return None
    try:
        with open_sandbox() as sandbox, Judge(sandbox, workers=1) as judge:
            return public_failure(judge, problem, attempt)
    except EnvsError as error:
        say(f"which public test failed cannot be shown: {error}")
        return None


def asked(attempt: Attempt, problem: Problem | None, config: RunConfig) -> Sequence[Message]:
    """The first messages of an attempt, as far as they can be made again."""
    from alphadial.agents.agent.prompts import find_strategy

    choice = config.choices_by_key().get(attempt.arm_key)
    if problem is None or choice is None:  # a store may hold several runs, and the configuration is of one
        return ()
    return find_strategy(choice.prompt, choice.setting).messages(problem, choice.setting, config.language)


def transcript(attempt: Attempt, asked: Sequence[Message]) -> list[dict[str, Any]]:
    """Every message of the attempt; of a single turn the question alone, since the answer is the program."""
    messages: list[dict[str, Any]] = json.loads(attempt.transcript) if attempt.transcript else [dict(m) for m in asked]
    return messages


def find(attempt_id: str, run: Path | None) -> tuple[Attempt, RunConfig]:
    """The attempt of an id, or the only one whose id begins so, and the configuration of its run.

    Raises:
        CliError: there is no such attempt, or several, which are listed.
        StoreError: no run folder, or one that cannot be read.
    """
    from alphadial.agents.runs.reading_runs import attempts_like, find_attempt
    from alphadial.agents.runs.run_folder import STORE_FILE
    from alphadial.cli.errors import CliError

    folders = [run] if run is not None else sorted(path.parent for path in RUNS.glob(f"*/{STORE_FILE}"))
    if found := find_attempt(attempt_id, folders):
        return found
    like = attempts_like(attempt_id, folders, _LISTED + 1) if attempt_id else []
    if len(like) == 1:
        folder, attempt = like[0]
        if found := find_attempt(attempt.id, [folder]):
            return found
    if like:
        _list(like[:_LISTED])
        many = f"{len(like)}" if len(like) <= _LISTED else f"more than {_LISTED}"
        raise CliError(f"{many} attempts begin with {attempt_id!r}: give more of the id")
    where = str(run) if run is not None else f"the {len(folders)} runs in {RUNS}/"
    raise CliError(f"no attempt {attempt_id!r} in {where}: a run prints ids at its end; --run DIR names its folder")


def _list(attempts: Sequence[tuple[Path, Attempt]]) -> None:
    """Shows attempts to choose from."""
    from rich.table import Table

    from alphadial.cli.output import cell, notices

    table = Table("attempt", "problem", "model", "number", "verdict", "run", box=None, pad_edge=False)
    for folder, one in attempts:
        row = (one.id, one.problem, one.model, str(one.sample), one.verdict or "unmeasurable", str(folder))
        table.add_row(*map(cell, row))
    notices().print(table)
