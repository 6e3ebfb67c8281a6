"""The interpreter that runs the Python programs of a package."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from alphadial.envs.errors import ProblemError
from alphadial.envs.judging.compiling import self_test
from alphadial.envs.languages import PYTHON, implementations
from alphadial.envs.problems.formats.packages import Package
from alphadial.envs.sandbox.protocol import Sandbox
from alphadial.envs.types import Interface, Problem, Submission

Tell = Callable[[str], None]
_WORKING: set[tuple[type[Sandbox], str]] = set()
"""The interpreters that this process has found to work, and in which sandbox."""


class Pythons:
    """The interpreter that the user wants, else that of the package's own judges where it works here, else CPython.

    Validators stay with CPython, as do programs whose functions are called: no label depends on their interpreter.

    Args:
        sandbox: where it has to work.
        wanted: its name; None: each package's own.
        tell: is told, once, that a package's own one does not work here.

    Raises:
        ProblemError: the wanted one is unknown, or does not work here.
    """

    def __init__(self, sandbox: Sandbox, wanted: str | None = None, tell: Tell = lambda _: None) -> None:
        self._sandbox = sandbox
        self._wanted = wanted
        self._tell = tell
        self._wrong = {PYTHON: ""}
        if wanted is None:
            return
        if wanted not in implementations(PYTHON):
            raise ProblemError(f"{wanted!r} runs no Python programs: choose {' or '.join(implementations(PYTHON))}")
        if wrong := self._tried(wanted):
            raise ProblemError(f"{wanted} does not work here: {wrong}")

    def apply(self, package: Package) -> Package:
        """The package with its Python submissions in the language of their interpreter."""
        return replace(
            package,
            solutions=tuple(
                replace(each, submission=self.submission(package.problem, each.submission, package.python))
                for each in package.solutions
            ),
        )

    def submission(self, problem: Problem, submission: Submission, own: str = PYTHON) -> Submission:
        """The submission in the language of the interpreter that runs it; ``own`` is that of the problem's judges."""
        if submission.language != PYTHON or problem.interface is not Interface.STDIO:
            return submission
        return replace(submission, language=self.runs(own))

    def runs(self, own: str) -> str:
        """The interpreter that runs Python programs that read stdin; ``own`` is that of the problem's judges."""
        name = self._wanted or own
        return PYTHON if self._tried(name) else name

    def _tried(self, name: str) -> str:
        """What is wrong with an interpreter, found out and told once; "" if nothing."""
        here = (type(self._sandbox), name)
        if here in _WORKING:
            return ""
        if name not in self._wrong:
            self._wrong[name] = wrong = self_test(self._sandbox, name)
            if not wrong:
                _WORKING.add(here)
            elif self._wanted is None:
                self._tell(f"{PYTHON} runs the programs that {name} is to run, which does not work here: {wrong}")
        return self._wrong[name]
