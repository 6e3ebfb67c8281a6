"""From the arguments of ``alphadial judge PATH`` and ``alphadial rejudge`` to their results."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import typer

from alphadial.cli.boundary import USAGE
from alphadial.cli.errors import CliError
from alphadial.cli.interrupt import keeps
from alphadial.cli.judging.listing import notes
from alphadial.cli.judging.progress import JudgingProgress
from alphadial.cli.judging.reading import read_set
from alphadial.cli.judging.rows import Row, Terms, agreement, as_json, rows_of
from alphadial.cli.judging.session import KeptJudge, judge_set
from alphadial.cli.judging.single import judge_file, one_package, solution_in, tests_table
from alphadial.cli.judging.store import FORMAT, JudgingStore, Settings
from alphadial.cli.judging.table import tables
from alphadial.cli.options import RUNS, parse_coverage, split_list
from alphadial.cli.output import STDOUT, check_json_target, headline, print_line, results, say, write_json
from alphadial.envs.judging.calibration import host_speed
from alphadial.envs.judging.pythons import Pythons
from alphadial.envs.judging.verdicts import telling_line
from alphadial.envs.problems.formats import LoadError
from alphadial.envs.problems.formats.flags import checker as parse_flags
from alphadial.envs.problems.formats.packages import FormatError
from alphadial.envs.sandbox import open_sandbox


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the user asked for."""

    path: Path
    coverage: str | None
    all_tests: bool
    problems: str | None
    limit_s: float | None
    python: str | None
    doubtful: str | None
    sandbox: str
    workers: int | None


def execute(wishes: Wishes, out: Path | None, json_to: str | None) -> None:
    """Judges what has no record yet, and shows rows and agreement of all. Status 2 where something could not be judged.

    Raises:
        CliError, AgentsError, EnvsError: something that the user can mend.
    """
    check_json_target(json_to)
    doubtful, coverage = parse_doubtful(wishes.doubtful), parse_coverage(wishes.coverage)
    items = read_set(wishes.path, _only(wishes.problems))
    settings = Settings(str(wishes.path.resolve()), wishes.sandbox, wishes.limit_s, wishes.all_tests, wishes.python)
    out = out or default_folder(settings)
    with ExitStack() as stack:
        sandbox = stack.enter_context(open_sandbox(wishes.sandbox))
        pythons = Pythons(sandbox, wishes.python, tell)
        store = stack.enter_context(JudgingStore(out, settings))
        progress = JudgingProgress()
        judge = KeptJudge(sandbox, wishes.workers, store, progress)
        stack.callback(judge.close)
        keeps(f"what was judged is in {out}; the same command goes on from there")
        with progress:
            judged, faults = judge_set(items, store, judge, pythons, progress, coverage)
        if wishes.problems is None:
            store.end()
        rows, more = parted(rows_of(store, Terms(coverage=coverage), doubtful, judged))
        faults += more
        result = {
            **summary(rows, doubtful),
            "faults": [_fault(fault) for fault in faults if not fault.harmless],
            "warnings": [_fault(fault) for fault in faults if fault.harmless],
        }
        result |= {
            "minutes": round(sum(row.judging_s - row.extra_s for row in rows) / 60, 2),
            "extra_minutes": round(sum(row.extra_s for row in rows) / 60, 2),
            "host_speed": host_speed(),
            "run": str(out),
        }
    if not rows and not faults:
        say(f"no solutions come with these problems; to judge a program of yours: alphadial judge {wishes.path} FILE")
    show(rows, result, json_to)
    if result["faults"] or any(row.judge_error for row in rows):
        raise typer.Exit(USAGE)


def judge_one(wishes: Wishes, file: str, json_to: str | None) -> None:
    """Judges one program of the user's on the one problem there; status 2 where our side cannot say.

    Raises:
        CliError, EnvsError: something that the user can mend.
    """
    check_json_target(json_to)
    solution = solution_in(file)
    package, faults = one_package(wishes.path, _only(wishes.problems))
    for fault in faults:
        say(f"alphadial: {fault}")
    coverage = parse_coverage(wishes.coverage)
    with open_sandbox(wishes.sandbox) as sandbox:
        pythons = Pythons(sandbox, wishes.python, tell)
        with JudgingProgress() as progress:
            progress.begin(package.problem.id, 1)
            row, tests = judge_file(
                sandbox, pythons, package, solution, coverage, wishes.limit_s, wishes.all_tests, wishes.workers
            )
    if json_to is not None:
        write_json(json_to, {**as_json(row), "tests": tests})
    if json_to != STDOUT:
        cause = row.judge_error or telling_line(row.cause)
        outcome = headline(row.problem, row.verdict, row.failure_kind, row.level_reached, cause)
        print_line(outcome)
        results().print(tests_table(tests))
        for line in notes(row):
            print_line(line)
        limit = f"limit {row.limit_s:g} s ({row.limit_source})"
        print_line(f"{row.language}, {limit}{', borderline' if row.borderline else ''}")
    if row.judge_error or not all(fault.harmless for fault in faults):
        raise typer.Exit(USAGE)


def rejudge_records(
    folder: Path,
    limit_s: float | None,
    limit_factor: float,
    coverage: str | None,
    checker: str | None,
    doubtful: str | None,
    json_to: str | None,
) -> None:
    """Shows rows and agreement under other terms; runs nothing. Status 2 where the terms leave some without a row.

    Raises:
        CliError, StoreError, ProblemError: something that the user can mend.
    """
    check_json_target(json_to)
    if limit_s is not None and limit_factor != 1:
        raise CliError("--limit and --limit-factor exclude each other: give one of them")
    try:
        flags = None if checker is None else parse_flags(checker)
    except FormatError as error:
        raise CliError(f"--checker: {error}") from None
    left_out = parse_doubtful(doubtful)
    with JudgingStore(folder) as store:
        rows, faults = parted(rows_of(store, Terms(limit_s, limit_factor, parse_coverage(coverage), flags), left_out))
        validated = 0 if flags is None else sum(facts.validated for facts in store.problems())
    if validated:
        say(f"--checker: {validated} problems are not of the default checker, and keep their own")
    if faults and not rows:
        raise typer.Exit(USAGE)
    terms = {"limit": limit_s, "limit_factor": limit_factor, "coverage": coverage, "checker": checker}
    show(rows, {**summary(rows, left_out), "terms": terms, "run": str(folder)}, json_to)
    if faults:
        raise typer.Exit(USAGE)


def parted(found: Iterable[Row | LoadError]) -> tuple[list[Row], list[LoadError]]:
    """Rows, and faults, which are said."""
    rows: list[Row] = []
    faults: list[LoadError] = []
    for item in found:
        if isinstance(item, Row):
            rows.append(item)
        else:
            say(f"alphadial: {item}")
            faults.append(item)
    return rows, faults


def summary(rows: Sequence[Row], doubtful: frozenset[str]) -> dict[str, Any]:
    """What ``--json`` holds of the rows."""
    if strangers := doubtful - {name for row in rows for name in row.names}:
        say(f"--doubtful: no solution is named {', '.join(sorted(strangers))}")
    languages = sorted(Counter(row.language for row in rows).items())
    return {"rows": [as_json(row) for row in rows], "languages": dict(languages), **agreement(rows)}


def show(rows: Sequence[Row], result: dict[str, Any], json_to: str | None) -> None:
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


def default_folder(settings: Settings) -> Path:
    """``runs/judge-NAME-ID``: the same settings find their folder again."""
    digest = blake2b(json.dumps([FORMAT, asdict(settings)]).encode(), digest_size=4).hexdigest()
    return RUNS / f"judge-{Path(settings.path).name}-{digest}"


def tell(line: str) -> None:
    """A notice of what judges."""
    say(f"alphadial: {line}")


def _only(problems: str | None) -> list[str] | None:
    return None if problems is None else split_list(problems, "--problems")


def _fault(fault: LoadError) -> dict[str, Any]:
    return {"path": str(fault.path), "line": fault.line, "message": fault.message}
