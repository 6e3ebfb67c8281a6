"""Reports: one HTML file that needs nothing else, made from the folder of a run or a comparison."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from alphadial.cli.errors import CliError

__all__ = ["MOST_BYTES", "MOST_TRANSCRIPTS", "Written", "write_report"]

MOST_TRANSCRIPTS = 2000
MOST_BYTES = 15_000_000


@dataclass(frozen=True, slots=True)
class Written:
    """What a report holds."""

    attempts: int
    transcripts: int
    size: int
    """In bytes."""


def write_report(folder: Path, out: Path, transcripts: int = MOST_TRANSCRIPTS, seed: int = 0) -> Written:
    """Writes the report of a folder, whole or not at all.

    Args:
        folder: of a run, finished or not, or of a comparison.
        out: the file; replaced.
        transcripts: attempts to show in full, at most; a sample where the run has more, and fewer where they are too
            large for a file of ``MOST_BYTES``.
        seed: of the sample.

    Raises:
        CliError: a run without attempts, or a file that cannot be written or would be too large.
        StoreError: not such a folder, or one of another version, or it cannot be read.
    """
    from alphadial.agents.runs.reading_runs import StoredRun, read_results
    from alphadial.cli.report.comparison_page import comparison_page
    from alphadial.cli.report.page import render
    from alphadial.cli.report.sections import run_page
    from alphadial.cli.report.transcripts import pack, sample_ids
    from alphadial.envs.folders import write_atomically

    source = read_results(folder)
    if isinstance(source, StoredRun):
        if not source.attempts:
            raise CliError(f"{folder} has no attempts yet: report it when some are made")
        packed = pack(source, sample_ids(source.attempts, transcripts, seed))
        page, attempts, shown = run_page(source, packed, seed), len(source.attempts), len(packed.ids)
    else:
        page, attempts, shown = comparison_page(source), 0, 0
    content = render(page).encode()
    if len(content) > MOST_BYTES:
        raise CliError(f"the report would take {len(content):,} bytes, more than {MOST_BYTES:,}: give --transcripts 0")
    try:
        write_atomically(out, content)
    except OSError as error:
        raise CliError(f"cannot write {out}: {error.strerror}; choose another --out") from error
    return Written(attempts, shown, len(content))
