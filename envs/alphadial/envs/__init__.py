"""What is solved, and how it is judged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from alphadial.envs.errors import (
    EnvsError,
    JournalError,
    ProblemError,
    RewardError,
    SandboxFailedError,
    SandboxUnavailableError,
    WorkspaceError,
)
from alphadial.envs.forking import imported
from alphadial.envs.labelled import LabelledSubmission
from alphadial.envs.types import (
    Checker,
    FailedTest,
    FailureKind,
    Feedback,
    Interface,
    JudgeReport,
    KilledBy,
    Limits,
    Problem,
    PublicResult,
    Rules,
    RunResult,
    Setting,
    Submission,
    Test,
    TestResult,
    Validator,
    Verdict,
)

if TYPE_CHECKING:
    from alphadial.envs.gym import Backend, CodingEnv, tool_call
    from alphadial.envs.gym.vector import make_vec
    from alphadial.envs.harbor import Exported, export_tasks
    from alphadial.envs.judging import Judge, find_reward
    from alphadial.envs.judging.batch import judge_set
    from alphadial.envs.judging.judged_rows import RejudgeOptions
    from alphadial.envs.judging.preparing import Prepared, prepare
    from alphadial.envs.judging.rejudge import rejudge
    from alphadial.envs.judging.repositories.validating import CheckedTask, ValidatedSet, ValidationStep, validate_tasks
    from alphadial.envs.problems import LoadError, Package, ProblemSet, Split, find_problem, load_split
    from alphadial.envs.rewarding import reward
    from alphadial.envs.sandbox import Sandbox, open_sandbox
    from alphadial.envs.sandbox.boxes import open_boxes
    from alphadial.envs.sandbox.boxes.images import build_image, clean_images, list_images
    from alphadial.envs.tools.answers import read_submission
    from alphadial.envs.tools.posing import pose
    from alphadial.envs.tools.session import ToolSession

__all__ = [
    "Backend",
    "CheckedTask",
    "Checker",
    "CodingEnv",
    "EnvsError",
    "Exported",
    "FailedTest",
    "FailureKind",
    "Feedback",
    "Interface",
    "JournalError",
    "Judge",
    "JudgeReport",
    "KilledBy",
    "LabelledSubmission",
    "Limits",
    "LoadError",
    "Package",
    "Prepared",
    "Problem",
    "ProblemError",
    "ProblemSet",
    "PublicResult",
    "RejudgeOptions",
    "RewardError",
    "Rules",
    "RunResult",
    "Sandbox",
    "SandboxFailedError",
    "SandboxUnavailableError",
    "Setting",
    "Split",
    "Submission",
    "Test",
    "TestResult",
    "ToolSession",
    "ValidatedSet",
    "ValidationStep",
    "Validator",
    "Verdict",
    "WorkspaceError",
    "build_image",
    "clean_images",
    "export_tasks",
    "find_problem",
    "find_reward",
    "judge_set",
    "list_images",
    "load_split",
    "make_vec",
    "open_boxes",
    "open_sandbox",
    "pose",
    "prepare",
    "read_submission",
    "rejudge",
    "reward",
    "tool_call",
    "validate_tasks",
]

_LAZY = {
    "Judge": "judging",
    "find_reward": "judging",
    "judge_set": "judging.batch",
    "RejudgeOptions": "judging.judged_rows",
    "Prepared": "judging.preparing",
    "prepare": "judging.preparing",
    "rejudge": "judging.rejudge",
    "CheckedTask": "judging.repositories.validating",
    "ValidatedSet": "judging.repositories.validating",
    "ValidationStep": "judging.repositories.validating",
    "validate_tasks": "judging.repositories.validating",
    "LoadError": "problems",
    "Package": "problems",
    "ProblemSet": "problems",
    "Split": "problems",
    "find_problem": "problems",
    "load_split": "problems",
    "reward": "rewarding",
    "Sandbox": "sandbox",
    "open_boxes": "sandbox.boxes",
    "open_sandbox": "sandbox",
    "build_image": "sandbox.boxes.images",
    "clean_images": "sandbox.boxes.images",
    "list_images": "sandbox.boxes.images",
    "Exported": "harbor",
    "export_tasks": "harbor",
    "Backend": "gym",
    "CodingEnv": "gym",
    "tool_call": "gym",
    "make_vec": "gym.vector",
    "ToolSession": "tools.session",
    "pose": "tools.posing",
    "read_submission": "tools.answers",
}
"""Name to the module that holds it: loaded when first asked for."""


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(imported(f"{__name__}.{_LAZY[name]}"), name)
