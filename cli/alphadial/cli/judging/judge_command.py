"""What ``alphadial judge`` and ``alphadial rejudge`` show, made from their arguments."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import typer

from alphadial.cli.boundary import USAGE
from alphadial.cli.errors import CliError
from alphadial.cli.failed_test import failed_test
from alphadial.cli.interrupt import keeps
from alphadial.cli.judging.judging_progress import JudgingProgress
from alphadial.cli.judging.listing import notes
from alphadial.cli.judging.program_table import program_table
from alphadial.cli.judging.table import tables
from alphadial.cli.options import RUNS, parse_coverage, split_list
from alphadial.cli.output import (
    STDOUT,
    check_json_target,
    headline,
    print_line,
    read_source,
    results,
    say,
    write_json,
)
from alphadial.envs.judging.batch import BatchStep, judge_set
from alphadial.envs.judging.calibration import host_speed
from alphadial.envs.judging.judged_rows import JudgedSet, RejudgeOptions, Row
from alphadial.envs.judging.judging_store import FORMAT, JudgingSettings
from alphadial.envs.judging.one_program import judge_program, one_package, submission_in
from alphadial.envs.judging.rejudge import rejudge
from alphadial.envs.judging.verdicts import telling_line
from alphadial.envs.labelled import LabelledSubmission
from alphadial.envs.problems.formats import LoadError
from alphadial.envs.problems.formats.flags import checker as parse_flags
from alphadial.envs.problems.formats.packages import FormatError
from alphadial.envs.sandbox import open_sandbox
from alphadial.envs.sandbox.boxes.lazy_boxes import LazyBoxes
from alphadial.envs.types import Interface, Problem, Submission


@dataclass(frozen=True, slots=True)
class JudgeOptions:
    """What the user asked for."""

    path: Path
    coverage: str | None
    all_tests: bool
    problems: str | None
    limit_s: float | None
    python: str | None
    doubtful: str | None
    sandbox: str
    box: str
    workers: int | None

    @property
    def settings(self) -> JudgingSettings:
        """What binds the folder of records."""
        path = str(self.path.resolve())
        return JudgingSettings(path, self.sandbox, self.limit_s, self.all_tests, self.python, self.box)


def show_set(options: JudgeOptions, out: Path | None, json_to: str | None) -> None:
    """Judges what has no record yet, and shows rows and agreement of all. Status 2 where something could not be judged.

    Raises:
        CliError, EnvsError: something that the user can fix.
    """
    check_json_target(json_to)
    doubtful, coverage = parse_doubtful(options.doubtful), parse_coverage(options.coverage)
    folder = out or default_folder(options.settings)
    with JudgingProgress() as progress:

        def show(step: BatchStep) -> None:
            keeps(f"what was judged is in {folder}; the same command goes on from there")
            progress.show(step)

        found = judge_set(
            options.path,
            folder,
            sandbox=options.sandbox,
            box=options.box,
            limit_s=options.limit_s,
            all_tests=options.all_tests,
            python=options.python,
            only=_only(options.problems),
            coverage=coverage,
            doubtful=doubtful,
            workers=options.workers,
            tell=tell,
            on_step=show,
        )
    result = {
        **summary(found, doubtful),
        "faults": [_fault(fault) for fault in found.faults if not fault.harmless],
        "warnings": [_fault(fault) for fault in found.faults if fault.harmless],
        "minutes": round(sum(row.judging_s - row.extra_s for row in found.rows) / 60, 2),
        "extra_minutes": round(sum(row.extra_s for row in found.rows) / 60, 2),
        "host_speed": host_speed(),
        "run": str(folder),
    }
    if not found.rows and not found.faults:
        say(f"no solutions come with these problems; to judge a program of yours: alphadial judge {options.path} FILE")
    show_rows(found.rows, result, json_to)
    if result["faults"] or any(row.judge_error for row in found.rows):
        raise typer.Exit(USAGE)


def show_program(options: JudgeOptions, file: str, json_to: str | None) -> None:
    """Judges one program of the user's on the one problem there; status 2 where our side cannot say.

    Raises:
        CliError, EnvsError: something that the user can fix.
    """
    check_json_target(json_to)
    labelled = None if file == STDOUT else submission_in(Path(file))
    package, faults = one_package(options.path, _only(options.problems), tell)
    for fault in faults:
        tell(str(fault))
    coverage = parse_coverage(options.coverage)
    labelled = labelled or _on_stdin(package.problem)
    with open_sandbox(options.sandbox) as sandbox, LazyBoxes(options.box) as boxes, JudgingProgress() as progress:
        progress.show(BatchStep(package.problem.id, 1))
        found = judge_program(
            sandbox,
            package,
            labelled,
            coverage=coverage,
            limit_s=options.limit_s,
            all_tests=options.all_tests,
            python=options.python,
            workers=options.workers,
            boxes=boxes,
            tell=tell,
        )
    row = found.row
    if json_to is not None:
        shown = None if found.failed is None else asdict(found.failed)
        write_json(json_to, {**asdict(row), "tests": found.tests, "failed_test": shown})
    if json_to != STDOUT:
        cause = row.judge_error or telling_line(row.cause)
        print_line(headline(row.problem, row.verdict, row.failure_kind, row.level_reached, cause))
        results().print(program_table(found.report))
        for line in notes(row, failure=found.failed is None):
            print_line(line)
        if found.failed is not None:
            results().print(failed_test(found.failed, public=False))
        limit = f"limit {row.limit_s:g} s ({row.limit_source})"
        print_line(f"{row.language}, {limit}{', borderline' if row.borderline else ''}")
    if row.judge_error or not all(fault.harmless for fault in faults):
        raise typer.Exit(USAGE)


def show_rejudged(
    folder: Path,
    limit_s: float | None,
    limit_factor: float,
    coverage: str | None,
    checker: str | None,
    doubtful: str | None,
    json_to: str | None,
) -> None:
    """Shows rows and agreement under other options; runs nothing. Status 2 where they leave some without a row.

    Raises:
        CliError, EnvsError: something that the user can fix.
    """
    check_json_target(json_to)
    if limit_s is not None and limit_factor != 1:
        raise CliError("--limit and --limit-factor exclude each other: give one of them")
    try:
        flags = None if checker is None else parse_flags(checker)
    except FormatError as error:
        raise CliError(f"--checker: {error}") from None
    left_out = parse_doubtful(doubtful)
    options = RejudgeOptions(limit_s, limit_factor, parse_coverage(coverage), flags)
    found = rejudge(folder, options, doubtful=left_out, tell=tell)
    if found.faults and not found.rows:
        raise typer.Exit(USAGE)
    terms = {"limit": limit_s, "limit_factor": limit_factor, "coverage": coverage, "checker": checker}
    show_rows(found.rows, {**summary(found, left_out), "terms": terms, "run": str(folder)}, json_to)
    if found.faults:
        raise typer.Exit(USAGE)


def summary(found: JudgedSet, doubtful: frozenset[str]) -> dict[str, Any]:
    """What ``--json`` holds of the rows."""
    if strangers := doubtful - {name for row in found.rows for name in row.names}:
        say(f"--doubtful: no solution is named {', '.join(sorted(strangers))}")
    languages = sorted(Counter(row.language for row in found.rows).items())
    return {"rows": [asdict(row) for row in found.rows], "languages": dict(languages), **found.agreement}


def show_rows(rows: Sequence[Row], result: dict[str, Any], json_to: str | None) -> None:
    """Writes the JSON and prints the tables."""
    if json_to is not None:
        write_json(json_to, result)
    if json_to != STDOUT:
        for part in tables(rows, result):
            if isinstance(part, str):
                print_line(part)
            else:
                results().print(part)


def parse_doubtful(text: str | None) -> frozenset[str]:
    """Names in a list, or in a file with one on each line; the rest of a line after a space says why.

    Raises:
        CliError: the file cannot be read.
    """
    if text is None:
        return frozenset()
    if "," in text or not Path(text).is_file():
        return frozenset(split_list(text, "--doubtful"))
    try:
        lines = Path(text).read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise CliError(f"cannot read --doubtful {text}: {error}") from None
    return frozenset(line.split()[0] for line in lines if line.strip() and not line.startswith("#"))


def default_folder(settings: JudgingSettings) -> Path:
    """``runs/judge-NAME-ID``: the same settings find their folder again."""
    named = {name: value for name, value in asdict(settings).items() if (name, value) != ("box", "rootfs")}
    digest = blake2b(json.dumps([FORMAT, named]).encode(), digest_size=4).hexdigest()
    return RUNS / f"judge-{Path(settings.path).name}-{digest}"


def tell(line: str) -> None:
    """Shows a notice of what judges."""
    say(f"alphadial: {line}")


def _on_stdin(problem: Problem) -> LabelledSubmission:
    source = read_source(STDOUT)
    if problem.interface is Interface.REPOSITORY:
        return LabelledSubmission("stdin.patch", Submission.patch(source))
    return LabelledSubmission("main.py", Submission.of(source))


def _only(problems: str | None) -> list[str] | None:
    return None if problems is None else split_list(problems, "--problems")


def _fault(fault: LoadError) -> dict[str, Any]:
    return {"path": str(fault.path), "line": fault.line, "message": fault.message}
