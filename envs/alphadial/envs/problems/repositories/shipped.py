"""The repository tasks that come with alphadial, as a problem set."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from alphadial.envs.errors import ProblemError
from alphadial.envs.problems.formats import LoadError, load
from alphadial.envs.types import Problem

FOLDER = Path(__file__).parent / "tasks"
"""The folder that holds a folder for each task; any of these can be copied, changed and named by its path."""


class Repositories:
    """One split, "test": the shipped models and recipes were trained on none of it."""

    splits = ("test",)

    def load(self, split: str) -> Sequence[Problem]:
        """The five tasks, in the order of their names.

        Raises:
            ProblemError: a file of a task is not what was shipped.
        """
        problems = []
        for item in load(FOLDER):
            if isinstance(item, LoadError):
                raise ProblemError(f"the installation of alphadial is damaged: {item}")
            problems.append(item.problem)
        return problems
