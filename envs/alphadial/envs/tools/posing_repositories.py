"""The words in which the change of a code base is asked for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase

from alphadial.envs.errors import ProblemError
from alphadial.envs.files import File
from alphadial.envs.raw import readable
from alphadial.envs.repository import PROTECTED, Repository
from alphadial.envs.types import Problem

_MOST_SHOWN = 100_000
"""The most characters of all files together that a task without a workspace shows."""
_MOST_NAMED = 50
"""The most files that are named where they are not shown."""
_FORM = (
    "as git diff writes them: for each file the lines --- a/PATH and +++ b/PATH, then the pieces that change, each "
    "with some lines around it"
)


def describe_repository(problem: Problem) -> str:
    """What is to be changed, with the files of the code base, for whoever has no workspace.

    Raises:
        ProblemError: nobody can be shown the files: an image holds them.
    """
    repository = _repository(problem)
    if repository.tree is None:
        raise ProblemError(
            f"problem {problem.id} has its code base in an image: it can be posed in the setting agentic alone"
        )
    shown, left_out = _shown(repository, repository.tree)
    parts = [problem.statement.rstrip(), "The files of the code base:", *shown]
    if left_out:
        more = f" and {len(left_out) - _MOST_NAMED:,} more" if len(left_out) > _MOST_NAMED else ""
        parts.append(f"Not shown here: {', '.join(left_out[:_MOST_NAMED])}{more}.")
    return readable("\n\n".join(parts))


def how_to_patch(problem: Problem) -> str:
    """What an answer in text must hold."""
    return f"Answer with one code block, tagged diff, that holds your changes {_FORM}. {_counts(problem)}"


def how_to_submit_patch(problem: Problem) -> str:
    """What tools take where there is no workspace."""
    runs = "run_tests runs a patch on the public tests; " if _has_public_tests(problem) else ""
    return (
        f"Work with the tools: {runs}submit hands in your changes, once. A patch holds them {_FORM}. {_counts(problem)}"
    )


def how_to_work_in_repository(problem: Problem) -> str:
    """What can be done in the workspace that the code base is."""
    runs = "run_tests runs the public tests; " if _has_public_tests(problem) else ""
    return (
        f"The code base lies in {_repository(problem).workdir}, where your tools work. Look around, edit and run. "
        f"{runs}submit hands in what you have changed, once. {_counts(problem)}"
    )


def fenced(text: str, tag: str = "") -> str:
    """A code block, its fence longer than any in the text."""
    longest = max((len(marks) for marks in re.findall("`+", text)), default=0)
    marks = "`" * max(3, longest + 1)
    return f"{marks}{tag}\n{text}{'' if text.endswith(chr(10)) or not text else chr(10)}{marks}"


def _has_public_tests(problem: Problem) -> bool:
    return any(test.public for test in problem.tests)


def _counts(problem: Problem) -> str:
    """The sentences that say which changes count, and what decides."""
    repository = _repository(problem)
    own = [pattern for pattern in repository.protected if pattern not in PROTECTED]
    editable = "" if "*" in repository.editable else f"Only changes of {', '.join(repository.editable)} count. "
    kept = f", nor do those of {', '.join(own)}" if own else ""
    speed = ", and then how fast the code is" if repository.performance is not None else ""
    return (
        f"{editable}Changes of what configures Python and pytest (such as conftest.py) do not count{kept}. "
        f"Hidden tests decide{speed}."
    )


def _shown(repository: Repository, tree: Mapping[str, File]) -> tuple[list[str], list[str]]:
    """Files as code blocks, those first whose changes count, as far as there is room; and the paths of the others."""
    shown: dict[str, str] = {}
    room = _MOST_SHOWN
    for path in sorted(tree, key=lambda path: (not _editable(repository, path), path)):
        text = _text(tree[path])
        if text is not None and len(text) <= room:
            room -= len(text)
            shown[path] = f"{path}:\n{fenced(text)}" if text else f"{path} (empty)"
    return [shown[path] for path in sorted(shown)], [path for path in sorted(tree) if path not in shown]


def _editable(repository: Repository, path: str) -> bool:
    return any(fnmatchcase(path, pattern) for pattern in repository.editable)


def _text(file: File) -> str | None:
    """The file's text; None where it is a link, is too long, or is no text."""
    if file.link or b"\0" in file.data or len(file.data) > 4 * _MOST_SHOWN:
        return None
    try:
        return file.data.decode()
    except UnicodeDecodeError:
        return None


def _repository(problem: Problem) -> Repository:
    assert problem.repository is not None
    return problem.repository
