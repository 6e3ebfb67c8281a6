"""What is solved, and how it is judged."""

from alphadial.envs.errors import (
    EnvsError,
    JournalError,
    ProblemError,
    SandboxFailedError,
    SandboxUnavailableError,
    WorkspaceError,
)
from alphadial.envs.types import (
    FailureKind,
    Feedback,
    JudgeReport,
    KilledBy,
    Limits,
    Problem,
    PublicResult,
    Rules,
    RunResult,
    Setting,
    Test,
    TestResult,
    Verdict,
)

__all__ = [
    "EnvsError",
    "FailureKind",
    "Feedback",
    "JournalError",
    "JudgeReport",
    "KilledBy",
    "Limits",
    "Problem",
    "ProblemError",
    "PublicResult",
    "Rules",
    "RunResult",
    "SandboxFailedError",
    "SandboxUnavailableError",
    "Setting",
    "Test",
    "TestResult",
    "Verdict",
    "WorkspaceError",
]
