"""The official rule of SWE-bench: resolved, unresolved, or no measurement.

Source: ``get_eval_report`` and ``make_run_report`` of SWE-bench/SWE-bench: resolved where all of FAIL_TO_PASS and of
PASS_TO_PASS pass; an error where the patch does not apply, the tests run out of time, or the harness fails. An empty
patch is not run there.
"""

from __future__ import annotations

from enum import StrEnum

from alphadial.envs.types import JudgeReport, Verdict


class Resolution(StrEnum):
    """What SWE-bench says of a patch."""

    RESOLVED = "resolved"
    UNRESOLVED = "unresolved"
    ERROR = "error"


_TESTS = 2
"""The level of PASS_TO_PASS; what lies above is ours."""


def resolution(report: JudgeReport) -> Resolution:
    """What SWE-bench says, of a report at its level 2 or above.

    A patch that deceives tests is unresolved here, though its tests pass there.
    """
    failed = [test.verdict for test in report.tests if test.level <= _TESTS and test.verdict is not Verdict.AC]
    if report.tests and not failed:
        return Resolution.RESOLVED
    stopped = (None, Verdict.CE, Verdict.TLE)
    return Resolution.ERROR if report.verdict in stopped else Resolution.UNRESOLVED
