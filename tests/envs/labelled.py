"""Labelled submissions, and what the judge makes of them: the verdict beside the record that it follows from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from alphadial.envs.judging import Judge
from alphadial.envs.judging.records import SubmissionRecord
from alphadial.envs.judging.verdicts import report
from alphadial.envs.labelled import LabelledSubmission
from alphadial.envs.types import JudgeReport, Problem, Submission


@dataclass(frozen=True, slots=True, kw_only=True)
class Found(JudgeReport):
    record: SubmissionRecord


def labelled(name: str, language: str, files: Mapping[str, str], expected: str | None = None) -> LabelledSubmission:
    """The first file is the main one."""
    return LabelledSubmission(name, Submission(language, files, next(iter(files))), expected)


def judged_at(judge: Judge, problem: Problem, submission: LabelledSubmission, limit_s: float, **more: Any) -> Found:
    record = judge.record(problem, submission, limit_s, **more)
    found = report(record, limit_s)
    return Found(**{field.name: getattr(found, field.name) for field in fields(JudgeReport)}, record=record)
