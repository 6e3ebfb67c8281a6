"""What is solved, and how it is judged."""

from alphadial.envs.errors import EnvsError, ProblemError, SandboxFailedError, SandboxUnavailableError
from alphadial.envs.types import (
    FailureKind,
    JudgeReport,
    KilledBy,
    Limits,
    Problem,
    RunResult,
    Test,
    TestResult,
    Verdict,
)

__all__ = [
    "EnvsError",
    "FailureKind",
    "JudgeReport",
    "KilledBy",
    "Limits",
    "Problem",
    "ProblemError",
    "RunResult",
    "SandboxFailedError",
    "SandboxUnavailableError",
    "Test",
    "TestResult",
    "Verdict",
]
