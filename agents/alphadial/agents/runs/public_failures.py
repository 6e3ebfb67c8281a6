"""What stored programs did wrong where people may see it: the first public test that each fails.

A row says that public tests failed, not on what: what programs write is not kept. So they run again, in a sandbox.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from alphadial.agents.runs.reading_runs import StoredRun
from alphadial.agents.types import Attempt
from alphadial.envs.errors import ProblemError
from alphadial.envs.judging import Judge
from alphadial.envs.sandbox import open_sandbox
from alphadial.envs.types import TOOL_LIMITS, FailedTest, Interface, Problem, Submission, Verdict


@dataclass(frozen=True, slots=True)
class PublicFailures:
    """The failed public tests of some attempts."""

    found: dict[str, FailedTest]
    """By the id of the attempt."""
    left_out: int
    """Attempts that failed a public test for which it is not known here: time was up, or the problem is not at hand."""


def public_failure(judge: Judge, problem: Problem, attempt: Attempt) -> FailedTest | None:
    """Runs the program of a stored attempt on the public tests again.

    Args:
        judge: runs the program in its sandbox.
        problem: the one that was attempted; where no time limit of it is known, tests get that of tools.
        attempt: with its texts.

    Returns:
        The first public test, by level, that the program fails; None where it fails none, there is no program or it
        does not compile, or our machinery fails on it.

    Raises:
        ProblemError: the judge does not know the language, or there is no compiler for it.
    """
    if not fails_publicly(attempt) or not attempt.program.strip() or problem.repository is not None:
        return None  # of a patch, the row itself tells how each test went
    shown = replace(problem, tests=tuple(test for test in problem.tests if test.public))
    if shown.time_limit_s is None and shown.interface is Interface.STDIO:
        shown = replace(shown, time_limit_s=TOOL_LIMITS.cpu_s)
    if not shown.tests:
        return None
    return judge.judge(shown, Submission.of(attempt.program, attempt.language)).public_failure


def public_failures(run: StoredRun, ids: Sequence[str], seconds: float) -> PublicFailures:
    """The failed public tests of attempts of a run, as far as they are found in time.

    Args:
        run: whose problems are known as far as they are at hand.
        ids: of the attempts; one after the other is run again.
        seconds: after so long, the rest is left out.

    Raises:
        SandboxUnavailableError: no sandbox works here.
    """
    wanted = set(ids)
    failing = {one.id for one in run.attempts if one.id in wanted and fails_publicly(one)}
    here = {one.id for one in run.attempts if one.id in failing and one.problem in run.problems}
    if not here:
        return PublicFailures({}, len(failing))
    known: dict[tuple[str, str], FailedTest | None] = {}
    found: dict[str, FailedTest] = {}
    seen, end = 0, time.monotonic() + seconds
    with open_sandbox() as sandbox, Judge(sandbox) as judge:
        for attempt in run.whole([name for name in ids if name in here]):
            key = attempt.problem, attempt.program
            if key not in known:
                if time.monotonic() > end:
                    break
                known[key] = _tried(judge, run.problems[attempt.problem], attempt)
            seen += 1
            if (failed := known[key]) is not None:
                found[attempt.id] = failed
    return PublicFailures(found, len(failing) - seen)


def fails_publicly(attempt: Attempt) -> bool:
    """Whether a public test failed."""
    return attempt.public_verdict not in (None, Verdict.AC)


def _tried(judge: Judge, problem: Problem, attempt: Attempt) -> FailedTest | None:
    try:
        return public_failure(judge, problem, attempt)
    except ProblemError:
        return None
