"""Reports: one HTML file that needs nothing else, made from the folder of a run or a comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from alphadial.cli.errors import CliError

if TYPE_CHECKING:
    from alphadial.agents.runs.reading_runs import StoredRun
    from alphadial.cli.report.page import Page
    from alphadial.envs.types import FailedTest

__all__ = ["MOST_BYTES", "MOST_TRANSCRIPTS", "Written", "write_pair", "write_report"]

MOST_TRANSCRIPTS = 2000
MOST_BYTES = 15_000_000
_FAILURE_SECONDS = 20.0
"""Programs that failed a public test run again for at most so long."""


@dataclass(frozen=True, slots=True)
class Written:
    """What a report holds."""

    attempts: int
    transcripts: int
    size: int
    """Bytes of the file."""
    missing: str = ""
    """Why the problems are not in it; "" where they are."""


def write_report(
    folder: Path, out: Path, transcripts: int = MOST_TRANSCRIPTS, seed: int = 0, problem_set: str | None = None
) -> Written:
    """Writes the report of a folder, whole or not at all.

    Args:
        folder: of a run, finished or not, or of a comparison.
        out: the file; replaced.
        transcripts: attempts to show in full, at most; a sample where the run has more, and fewer where they are too
            large for a file of ``MOST_BYTES``.
        seed: of the sample.
        problem_set: where the problems are; see ``agents.read_results``.

    Raises:
        CliError: a run without attempts, or a file that cannot be written or would be too large.
        EnvsError: the problems are not where the caller says.
        StoreError: not such a folder, or one of another version, or it cannot be read.
    """
    from alphadial.agents.runs.reading_runs import StoredRun, read_results
    from alphadial.cli.report.comparison_page import comparison_page
    from alphadial.cli.report.sections import run_page
    from alphadial.cli.report.transcripts import pack, sample_ids

    source = read_results(folder, problem_set)
    if not isinstance(source, StoredRun):
        return Written(0, 0, _write(comparison_page(source), out))
    _refuse_empty(source)
    ids = sample_ids(source.attempts, transcripts, seed)
    failed, remark = _failed_tests(source, ids)
    packed = pack(source, ids, failed)
    size = _write(run_page(source, packed, seed, remark), out)
    return Written(len(source.attempts), len(packed.ids), size, source.missing)


def _failed_tests(run: StoredRun, ids: Sequence[str]) -> tuple[Mapping[str, FailedTest], str]:
    """The first public test that each attempt fails, and what is to be said where that is not known of all."""
    from alphadial.agents.runs.public_failures import public_failures
    from alphadial.envs.errors import SandboxUnavailableError

    try:
        failures = public_failures(run, ids, _FAILURE_SECONDS)
    except SandboxUnavailableError as error:
        return {}, f"Which public tests failed is not shown: {error}."
    if not failures.left_out:
        return failures.found, ""
    why = "the problems are not at hand here" if not run.problems else "finding it would take too long"
    return failures.found, f"Of {failures.left_out:,} of them the failed public test is not shown: {why}."


def write_pair(first: Path, second: Path, out: Path) -> Written:
    """Writes the report of two runs of the same problems, whole or not at all.

    Args:
        first: folder of a run, finished or not.
        second: of another one.
        out: the file; replaced.

    Raises:
        CliError: a folder of a comparison, a run without attempts, or a file that cannot be written or is too large.
        OptionError: runs of different problems.
        StoreError: not such a folder, or one of another version, or it cannot be read.
    """
    from alphadial.agents.experiments.paired_runs import pair_runs
    from alphadial.agents.runs.reading_runs import StoredRun, read_results
    from alphadial.cli.report.pair_page import pair_page

    runs = []
    for folder in (first, second):
        source = read_results(folder)
        if not isinstance(source, StoredRun):
            raise CliError(f"{folder} is a comparison: a report of two takes folders of alphadial frontier or run")
        _refuse_empty(source)
        runs.append(source)
    pair = pair_runs(*runs)
    return Written(sum(used.attempts for used in pair.used), 0, _write(pair_page(pair), out))


def _refuse_empty(run: StoredRun) -> None:
    if not run.attempts:
        raise CliError(f"{run.folder} has no attempts yet: report it when some are made")


def _write(page: Page, out: Path) -> int:
    """Writes a page, and gives its size."""
    from alphadial.cli.report.page import render
    from alphadial.envs.folders import write_atomically

    content = render(page).encode()
    if len(content) > MOST_BYTES:
        raise CliError(f"the report would take {len(content):,} bytes, more than {MOST_BYTES:,}: give --transcripts 0")
    try:
        write_atomically(out, content)
    except OSError as error:
        raise CliError(f"cannot write {out}: {error.strerror}; choose another --out") from error
    return len(content)
