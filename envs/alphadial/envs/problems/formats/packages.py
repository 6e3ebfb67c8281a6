"""What the loaders yield: packages, and faults of those that cannot be read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from alphadial.envs.labelled import LabelledSubmission
from alphadial.envs.languages import PYTHON
from alphadial.envs.types import Problem


@dataclass(frozen=True, slots=True)
class TimeRule:
    """How a time limit follows from the times of the labelled solutions, where the package states none.

    Sources: Kattis problem package format, legacy (``time_multiplier``, ``time_safety_margin``) and 2025-09
    (``limits.time_multipliers``, ``limits.time_resolution``).
    """

    ac_to_time_limit: float = 2.0
    """The limit is at least this many times the slowest accepted solution."""
    time_limit_to_tle: float = 1.5
    """Solutions expected to be too slow take at least this many times the limit."""
    resolution_s: float = 1.0
    """The limit is a multiple of this."""


KATTIS_PYTHON = "pypy3"
"""Kattis runs Python programs by PyPy, see ``alphadial.envs.languages.pypy3``."""
LEGACY_TIME_RULE = TimeRule(ac_to_time_limit=5.0, time_limit_to_tle=2.0)


@dataclass(frozen=True, slots=True)
class Generator:
    """A Python program that makes the tests of a problem: to be run in a sandbox, by ``generate_tests``."""

    files: dict[str, str]
    """File name to text; the first one is the program. It prints a JSON array of [level, arguments, answer], the latter
    two as texts that hold JSON: a host need not be able to read the longest numbers."""


@dataclass(frozen=True, slots=True)
class Package:
    """A problem with the solutions that came with it."""

    problem: Problem
    solutions: tuple[LabelledSubmission, ...] = ()
    """Names may come twice, with another ``expected`` each."""
    time_rule: TimeRule = TimeRule()
    """How the limit is derived where the problem states none (``time_limit_s`` is None)."""
    generator: Generator | None = None
    """Where the problem has no tests yet."""
    source: Path = Path()
    """The file or folder that it was read from."""
    python: str = PYTHON
    """The language by which the judges that its labels come from run Python programs."""
    split: str = ""
    """The split that its row names; "" where it names none."""


@dataclass(frozen=True, slots=True)
class LoadError:
    """Something that could not be read. Everything else still loads."""

    path: Path
    line: int | None
    """1-based; None where the fault is of the whole file or folder."""
    message: str
    """One line: what is wrong and what to do."""
    harmless: bool = False
    """A warning: what it is about is not used, and all that is used was read."""

    def __str__(self) -> str:
        place = str(self.path) if self.line is None else f"{self.path}:{self.line}"
        return f"{place}: {'warning: ' if self.harmless else ''}{self.message}"


class FormatError(Exception):
    """One thing that is wrong with what is being read. Loaders turn it into a ``LoadError``; it never leaves them."""

    def __init__(self, message: str, *, path: Path | None = None, line: int | None = None) -> None:
        super().__init__(message)
        self.path = path
        self.line = line

    def fault(self, path: Path, line: int | None = None) -> LoadError:
        """The fault, at its own place where it names one and else at the given place."""
        return LoadError(self.path or path, self.line if self.path or self.line else line, str(self))


class NoLanguageError(FormatError):
    """No file of a program tells its language: it may be no program at all."""
