"""Two runs of the same problems: how much more one solves, which problems flipped, and what each used up."""

from __future__ import annotations

import difflib
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import numpy as np

from alphadial.agents.errors import OptionError
from alphadial.agents.experiments.attempt_flow import arm_names, tried_arms
from alphadial.agents.experiments.metrics import ClusterBootstrap, Estimate
from alphadial.agents.experiments.run_description import has_finished
from alphadial.agents.runs.reading_runs import StoredRun
from alphadial.agents.runs.run_totals import Totals, totals
from alphadial.agents.types import Attempt
from alphadial.envs.types import FailureKind, Verdict

_FAILED = (FailureKind.CORRECTNESS, FailureKind.OPTIMISATION)
_DIFF_LINES = 1000
"""Lines of a program that are compared: the time that takes may grow with their square."""


@dataclass(frozen=True, slots=True)
class PairedRate:
    """A share that two runs solve, over the problems that both could measure."""

    what: str
    """Such as "problems solved within 3 attempts"."""
    place: str
    """Its place in a chart: the number of attempts, or the arm; "" where it has none."""
    first: Estimate
    second: Estimate
    difference: Estimate
    """The difference, first less second, paired by problem and clustered by template."""
    problems: int
    """How many problems count."""


@dataclass(frozen=True, slots=True)
class Flip:
    """A problem that one run solved and the other did not."""

    problem: str
    by_first: bool
    """Which run solved it."""
    solved: Attempt
    """The first attempt that solved it; with empty texts, as ``StoredRun`` has it."""
    failed: Attempt | None
    """The other run's attempt that came farthest; None where it made none."""
    attempts: tuple[int, int]
    """How many each run made."""


@dataclass(frozen=True, slots=True)
class RunPair:
    """Two runs side by side."""

    first: StoredRun
    second: StoredRun
    problems: tuple[str, ...]
    """Those that both were to attempt, in the order of the first."""
    templates: int
    """How many templates these have."""
    rates: tuple[PairedRate, ...]
    """The first is the one that the runs are compared by."""
    flips: tuple[Flip, ...]
    """What the first run solved comes first."""
    used: tuple[Totals, Totals]
    """What each used up on these problems."""

    @property
    def left_out(self) -> int:
        """Problems that a run could not measure, or has not come to the end of."""
        return len(self.problems) - self.rates[0].problems


def pair_runs(first: StoredRun, second: StoredRun) -> RunPair:
    """Puts two runs side by side, problem by problem.

    Two runs under controllers are compared within k attempts, where k is as many as both allow. Two runs over arms are
    compared by the arms that both have. One of each has in common only whether a problem was solved at all.

    Raises:
        OptionError: they are runs of different problems, or there is none yet that both came to the end of.
    """
    _refuse_other_problems(first, second)
    problems = tuple(name for name in first.config.problems if name in set(second.config.problems))
    if not problems:
        raise OptionError(f"{first.folder} and {second.folder} have no problem in common: report each by itself")
    known = second.templates() | first.templates()
    templates = [known.get(name, name) for name in problems]
    made = (_Made(first), _Made(second))
    bootstrap = ClusterBootstrap(templates)
    rates = [_paired(bootstrap, what, place, problems, made, measure) for what, place, measure in _measures(*made)]
    if not rates[0].problems:
        raise OptionError(f"there is no problem yet that both {first.folder} and {second.folder} came to the end of")
    return RunPair(
        first,
        second,
        problems,
        len(set(templates)),
        tuple(rates),
        tuple(_flips(problems, made, _allowed(*made))),
        (made[0].used(problems), made[1].used(problems)),
    )


def program_diff(failed: str, solved: str) -> list[str]:
    """The lines of both programs: "-" before those of the failed one alone, "+" of the solved one, " " of both."""
    before, after = (text.splitlines()[:_DIFF_LINES] for text in (failed, solved))
    changed = list(difflib.unified_diff(before, after, n=_DIFF_LINES, lineterm=""))[3:]
    return changed or [f" {line}" for line in after]


class _Made:
    """The attempts of a run by problem, and what they came to."""

    def __init__(self, run: StoredRun) -> None:
        self.config = run.config
        self.finished = has_finished(run)
        names = arm_names(run.config)
        self.arms = tried_arms(run.attempts, names)
        self.attempts: dict[str, list[Attempt]] = defaultdict(list)
        self._ends: Counter[tuple[str, str, str | None]] = Counter()
        for attempt in sorted(run.attempts, key=lambda attempt: attempt.sample):
            self.attempts[attempt.problem].append(attempt)
            self._ends[attempt.problem, names[attempt.arm_key], attempt.failure_kind] += 1

    def within(self, problem: str, most: int | None) -> float:
        """Whether a problem was solved by its first attempts, or by all of them; NaN where that is not known."""
        story = self.story(problem, most)
        if any(attempt.failure_kind is None for attempt in story):
            return 1.0
        if story and all(attempt.failure_kind == FailureKind.UNMEASURABLE for attempt in story):
            return np.nan
        every = self.config.samples * (1 if self.config.controller else len(self.config.choices))
        return 0.0 if self.finished or len(story) >= (every if most is None else most) else np.nan

    def rate(self, problem: str, arms: Collection[str]) -> float:
        """The share of attempts that solved a problem, as a mean over arms; NaN where one has no measured attempt."""
        shares = []
        for arm in arms:
            solved = self._ends[problem, arm, None]
            measured = solved + sum(self._ends[problem, arm, kind] for kind in _FAILED)
            shares.append(solved / measured if measured else np.nan)
        return float(np.mean(shares)) if shares else np.nan

    def story(self, problem: str, most: int | None) -> list[Attempt]:
        """The first attempts on a problem, or all of them."""
        return [attempt for attempt in self.attempts[problem] if most is None or attempt.sample < most]

    def used(self, problems: Sequence[str]) -> Totals:
        """What the attempts on these problems used up."""
        return totals(attempt for problem in problems for attempt in self.attempts[problem])


_Measure = Callable[[_Made, str], float]


def _measures(first: _Made, second: _Made) -> list[tuple[str, str, _Measure]]:
    """What the runs are compared by, each with its name and its place in a chart; the most telling one first."""
    if (most := _allowed(first, second)) is not None:
        return [
            (f"problems solved within {k} attempts", str(k), lambda made, problem, k=k: made.within(problem, k))  # type: ignore[misc]
            for k in (most, *range(1, most))
        ]
    ever: tuple[str, str, _Measure] = (
        "problems solved at least once",
        "",
        lambda made, problem: made.within(problem, None),
    )
    if first.config.controller or second.config.controller:
        return [ever]
    shared = [arm for arm in first.arms if arm in second.arms]
    if not shared:
        return [("attempts that solve, over the arms of each", "", lambda made, name: made.rate(name, made.arms)), ever]
    by_arm: list[tuple[str, str, _Measure]] = [
        (f"attempts that solve at {arm}", arm, lambda made, problem, arm=arm: made.rate(problem, [arm]))  # type: ignore[misc]
        for arm in shared
    ]
    whole = f"attempts that solve, over the {len(shared)} arms of both"
    return [(whole, "", lambda made, problem: made.rate(problem, shared)), *by_arm, ever]


def _allowed(first: _Made, second: _Made) -> int | None:
    """The attempts per problem that two controlled runs are compared within; None of any others."""
    if first.config.controller is None or second.config.controller is None:
        return None
    return min(first.config.samples, second.config.samples)


def _paired(
    bootstrap: ClusterBootstrap,
    what: str,
    place: str,
    problems: Sequence[str],
    made: tuple[_Made, _Made],
    measure: _Measure,
) -> PairedRate:
    values = np.array([[measure(each, problem) for problem in problems] for each in made])
    both = ~np.isnan(values).any(axis=0)
    first, second = np.where(both, values, np.nan)
    return PairedRate(
        what, place, bootstrap.mean(first), bootstrap.mean(second), bootstrap.difference(first, second), int(both.sum())
    )


def _flips(problems: Sequence[str], made: tuple[_Made, _Made], most: int | None) -> list[Flip]:
    found = []
    for problem in problems:
        first, second = (each.within(problem, most) for each in made)
        if {first, second} != {0.0, 1.0}:
            continue
        by_first = first > second
        winner, loser = made if by_first else made[::-1]
        solved = next(attempt for attempt in winner.story(problem, most) if attempt.failure_kind is None)
        failed = max(loser.story(problem, most), key=_reached, default=None)
        counts = (len(made[0].story(problem, most)), len(made[1].story(problem, most)))
        found.append(Flip(problem, by_first, solved, failed, counts))
    return sorted(found, key=lambda flip: not flip.by_first)


def _reached(attempt: Attempt) -> tuple[int, bool, int]:
    return attempt.level_reached, attempt.public_verdict == Verdict.AC, -attempt.sample


def _refuse_other_problems(first: StoredRun, second: StoredRun) -> None:
    one, other = first.config, second.config
    if one.split_hash == other.split_hash:
        return
    names = [f"{config.problem_set} {config.split}" for config in (one, other)]
    if names[0] == names[1]:
        raise OptionError(f"the problems of {names[0]} changed between {first.folder} and {second.folder}: no pair")
    raise OptionError(
        f"{first.folder} is a run of {names[0]}, and {second.folder} of {names[1]}: a pair has the same problems"
    )
