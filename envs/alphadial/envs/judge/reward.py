"""From a report to the number that training sees."""

from __future__ import annotations

from ..types import JudgeReport


def reward(report: JudgeReport, coverage: int) -> float | None:
    """1.0 if every test up to level ``coverage`` passed, else 0.0; None when unmeasurable: leave the sample out.

    The report must come from a judgement at ``coverage`` or above. Speed never pays for a wrong program.
    """
    if report.verdict is None:
        return None
    return 1.0 if report.level_reached >= coverage else 0.0
