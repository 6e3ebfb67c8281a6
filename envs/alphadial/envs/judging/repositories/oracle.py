"""The patch that solves a task: the one that came with it, or what its own script makes."""

from __future__ import annotations

from alphadial.envs.errors import ProblemError
from alphadial.envs.patches import diff
from alphadial.envs.sandbox.boxes.box import Boxes, BoxLimits, User
from alphadial.envs.tools.box_commands import first_tree
from alphadial.envs.types import Problem

SOLUTION = "/solution"
"""The folder of the box in which the script and what lies beside it are put, as Harbor does."""
_SOLVE = ("bash", f"{SOLUTION}/solve.sh")


def oracle_patch(boxes: Boxes, problem: Problem) -> str:
    """The gold patch of a code base, or what its script has changed in a box of its own.

    Raises:
        ProblemError: the task has neither, or its script fails.
        EnvsError: our machinery broke, or the image is not there.
    """
    repository = problem.repository
    if repository is None:
        raise ProblemError(f"problem {problem.id} is no code base")
    if repository.gold:
        return repository.gold
    if not repository.solution:
        raise ProblemError(f"problem {problem.id} has no gold patch, and no script that solves it")
    first, limits = first_tree(boxes, repository), problem.limits
    size = BoxLimits(limits.memory_bytes, limits.processes, limits.files_bytes)
    with boxes.open(boxes.find(repository.image), repository.workdir, size) as box:
        box.restore(first)
        box.seal(repository.solution, SOLUTION)
        ran = box.exec(_SOLVE, limits, user=User.ROOT, env=repository.env)
        if ran.exit_status != 0:
            raise ProblemError(f"problem {problem.id}: solve.sh fails: {ran.words[-200:] or 'it says nothing'}")
        return diff(first.files, box.snapshot().files)
