"""The judge as a reward function: what a model answered and a problem in, a number out, in any process or thread."""

from __future__ import annotations

import math
import threading
import warnings
from collections.abc import Mapping, Sequence
from multiprocessing.util import Finalize
from pathlib import Path
from typing import Any

from alphadial.envs.errors import EnvsError, ProblemError
from alphadial.envs.forking import in_child
from alphadial.envs.gym.backend import Backend
from alphadial.envs.judging import Judge, Reward, coverage_level, find_reward
from alphadial.envs.judging.limits import DEFAULT_LIMIT_S
from alphadial.envs.judging.preparing import prepare_package
from alphadial.envs.judging.rewards import rewarded
from alphadial.envs.problems import LoadError, Package, load_split
from alphadial.envs.sandbox import cgroups, orphans
from alphadial.envs.tools.answers import read_submission, why_not_allowed
from alphadial.envs.tools.specs import why_no_text
from alphadial.envs.types import Interface, Problem, Submission

Answer = str | Sequence[Mapping[str, Any]] | Submission
"""A text; chat messages as of OpenAI's API, of which the last one of the assistant counts; or the program itself."""


def reward(
    answer: Answer,
    problem: Problem | str,
    *,
    problem_set: str | Path = "tiny-problems",
    split: str | None = None,
    coverage: int | str | None = None,
    reward: str | Reward = "coverage",
    language: str | None = None,
    limit_s: float | None = None,
    sandbox: str = "bubblewrap",
) -> float | None:
    """Judges one answer and says what it is worth. Thread-safe and fork-safe: nothing has to be opened or closed.

    A batch is a comprehension, or the ``map`` of a pool of threads or processes. The first call of a process opens a
    sandbox and a judge, which the process closes when it ends. Forked workers open their own; those that are killed
    leave no process behind, and their cgroups go when their parent ends, or when the next sandbox is opened on the
    machine.

    Args:
        answer: its last code block is the program; a ``Submission`` is one as a whole. An answer without a program is
            a failed attempt: 0.0, or -1.0 with the reward "collapsed".
        problem: a problem, or the id of one in ``problem_set``.
        problem_set: a name, a path or ``module:Class``, as for ``load_split``; read once in a process.
        split: of the set; None: all of it.
        coverage: the level to pass, by number or by a name in ``Problem.coverages``; None: all levels.
        reward: "coverage", "dense", "collapsed", or a function of the report and the level that gives a finite number,
            or None to leave the sample out. It is not asked about what could not be measured.
        language: of the program; None: what the tag of its block says, or else Python.
        limit_s: CPU seconds per test; None: the problem's own. A problem of a set that states none gets it from its
            accepted solutions, as ``prepare`` finds it; without any, programs that read stdin get 10 s.
        sandbox: its name.

    Returns:
        None where our machinery failed, which a warning tells: leave the sample out.

    Raises:
        ProblemError: an unknown problem, set, split, coverage, reward or language, or a problem without tests.
        RewardError: the function raised, or gave what is no finite number.
        SandboxUnavailableError: the sandbox cannot work on this machine.
        EnvsError: the answer is none.
    """
    paid = find_reward(reward)
    if limit_s is not None and not 0 < limit_s < math.inf:
        raise ProblemError(f"limit_s must be a number of seconds above 0, not {limit_s}")
    judge = _open.judge(sandbox)
    ready = _open.ready(problem, problem_set, split, limit_s, sandbox)
    level = coverage_level(ready, coverage)
    report = judge.judge(ready, _program(answer, ready, language), level)
    if report.verdict is None:
        warnings.warn(f"{ready.id} was not measured: {report.error}", RuntimeWarning, stacklevel=2)
    return rewarded(paid, report, level)


class _OfThisProcess:
    """The judges that the process has opened, by the name of their sandbox, and the problems that it has read.

    Problems stay in forked children. Judges do not: a child that opens a sandbox of its own clears away first what
    workers before it left when they were killed.
    """

    def __init__(self) -> None:
        self._packages: dict[tuple[str, str | None], dict[str, Package]] = {}
        self._ready: dict[tuple[str, str | None, str, float | None, str], Problem] = {}
        self._begin_process()
        in_child(self, _OfThisProcess._begin_process)
        # Where the workers alone judge, and are ended by a signal, as those of a pool are, their parent clears away.
        self._close_at_exit()

    def _begin_process(self) -> None:
        self._lock = threading.RLock()
        self._backends: dict[str, Backend] = {}

    def judge(self, sandbox: str) -> Judge:
        """The judge of a sandbox."""
        backend = self._backends.get(sandbox)
        if backend is None:
            with self._lock:
                if not self._backends:
                    self._close_at_exit()
                if (backend := self._backends.get(sandbox)) is None:
                    backend = self._backends[sandbox] = Backend(sandbox)
        return backend.judge

    def ready(
        self, problem: Problem | str, problem_set: str | Path, split: str | None, limit_s: float | None, sandbox: str
    ) -> Problem:
        """The problem with its tests and its time limit."""
        if isinstance(problem, Problem):
            return self._given(problem, limit_s, sandbox)
        if not isinstance(problem, str):
            raise ProblemError(f"a problem is a Problem or its id, not a {type(problem).__name__}")
        key = (str(problem_set), split, problem, limit_s, sandbox)
        if key not in self._ready:
            with self._lock:
                if key not in self._ready:
                    package = self._package(problem, problem_set, split)
                    self._ready[key] = _made_ready(package, self.judge(sandbox), limit_s)
        return self._ready[key]

    def close(self) -> None:
        """Closes the judges, and removes the cgroups of processes that were killed. The next call opens new ones."""
        with self._lock:
            backends, self._backends = self._backends, {}
        for backend in backends.values():
            backend.close()
        parent = cgroups.find()
        if parent is not None:
            orphans.sweep_groups(parent)

    def _given(self, problem: Problem, limit_s: float | None, sandbox: str) -> Problem:
        if not problem.tests:
            raise ProblemError(f"problem {problem.id!r} has no tests")
        if limit_s is None and problem.interface is Interface.STDIO and problem.time_limit_s is None:
            limit_s = DEFAULT_LIMIT_S  # it comes without solutions, so there is nothing to look for
        return _made_ready(Package(problem), self.judge(sandbox), limit_s)

    def _package(self, problem: str, problem_set: str | Path, split: str | None) -> Package:
        if not isinstance(problem_set, str | Path):
            raise ProblemError("problem_set is a name, a path or module:Class: give a problem of your own itself")
        key = (str(problem_set), split)
        if key not in self._packages:
            loaded = load_split(problem_set, split)
            self._packages[key] = {package.problem.id: package for package in loaded.packages}
        packages = self._packages[key]
        if problem not in packages:
            of_split = f" in its split {split}" if split is not None else ""
            raise ProblemError(f"{problem_set} has no problem {problem!r}{of_split}; ids look like {min(packages)!r}")
        return packages[problem]

    def _close_at_exit(self) -> None:
        """Has the process close them when it ends, pools and daemonic children first.

        Workers of multiprocessing end without ``atexit``, and forget on their way in what their parent registered.
        """
        Finalize(None, self.close, exitpriority=-1)


def _made_ready(package: Package, judge: Judge, limit_s: float | None) -> Problem:
    made = prepare_package(package, judge, limit_s)
    if isinstance(made, LoadError):
        raise ProblemError(str(made))
    return made.problem


def _program(answer: Answer, problem: Problem, language: str | None) -> Submission | None:
    """The program that can be judged; None where the answer holds none."""
    found = answer if isinstance(answer, Submission) else read_submission(_text(answer), problem, language)
    if found is None or why_not_allowed(problem, found, language) or any(map(why_no_text, found.files.values())):
        return None
    return found


def _text(answer: object) -> str:
    if isinstance(answer, str):
        return answer
    if not isinstance(answer, Sequence) or not all(isinstance(message, Mapping) for message in answer):
        raise EnvsError(f"an answer is a text, chat messages or a Submission, not a {type(answer).__name__}")
    for message in reversed(answer):
        if message.get("role") == "assistant":
            return _content(message.get("content"))
    raise EnvsError("none of the messages is an answer: their roles are never 'assistant'")


def _content(content: object) -> str:
    """The text of a message: None where it only calls tools, or parts of which some are texts."""
    if content is None or isinstance(content, str):
        return content or ""
    if not isinstance(content, list):
        raise EnvsError(f"the content of a message is a text or a list of parts, not a {type(content).__name__}")
    parts = (part for part in content if isinstance(part, Mapping) and part.get("type") == "text")
    return "".join(str(part.get("text", "")) for part in parts)


_open = _OfThisProcess()
