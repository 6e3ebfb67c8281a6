"""What all formats of repository tasks have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from alphadial.envs.errors import PatchError
from alphadial.envs.files import File
from alphadial.envs.labelled import LabelledSubmission
from alphadial.envs.patches import apply
from alphadial.envs.problems.formats.features import Features
from alphadial.envs.problems.formats.levels import coverages
from alphadial.envs.problems.formats.packages import FormatError
from alphadial.envs.repository import Repository
from alphadial.envs.submissions import Submission
from alphadial.envs.types import MIB, Interface, Limits, Problem, Test


def in_levels(tests: Sequence[Test]) -> tuple[Test, ...]:
    """The tests in order of level, with levels 1, 2, ... without gaps."""
    ranks = {level: rank for rank, level in enumerate(sorted({test.level for test in tests}), 1)}
    return tuple(sorted((replace(test, level=ranks[test.level]) for test in tests), key=lambda test: test.level))


def repository_problem(
    name: str,
    statement: str,
    repository: Repository,
    tests: Sequence[Test],
    *,
    template: str = "",
    memory_bytes: int = 1024 * MIB,
    files_bytes: int = 512 * MIB,
    features: Features | None = None,
) -> Problem:
    """A problem of a code base.

    Raises:
        FormatError: there are no tests, or no statement.
    """
    if not tests:
        raise FormatError("a task without tests: nothing could tell right from wrong")
    if not statement.strip():
        raise FormatError("a task without a statement: nobody could work on it")
    timeout_s = repository.verifier.timeout_s
    leveled = in_levels(tests)
    return Problem(
        id=name,
        template=template,
        statement=statement,
        tests=leveled,
        limits=Limits(timeout_s, 2 * timeout_s + 10, memory_bytes, 16 * MIB, files_bytes, 256),
        coverages=coverages(leveled),
        interface=Interface.REPOSITORY,
        time_limit_s=timeout_s,
        repository=repository,
        features=features or {},
    )


def check_gold(gold: str, tree: Mapping[str, File]) -> None:
    """Refuses a gold patch that does not apply.

    Raises:
        FormatError: it says where.
    """
    try:
        apply(gold, tree)
    except PatchError as error:
        raise FormatError(f"the gold patch does not apply: {error}") from None


def gold_solutions(repository: Repository) -> tuple[LabelledSubmission, ...]:
    """The gold patch as a submission that is to be accepted, where there is one."""
    if not repository.gold:
        return ()
    return (LabelledSubmission("gold", Submission.patch(repository.gold), "accepted"),)
