"""Outcomes as controllers are tried on them: a log, and which of its problems were made alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from alphadial.agents.errors import OutcomeTableError
from alphadial.controller import ControllerError, OutcomeKind, OutcomeLog

Notify = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class ReplayDataset:
    """An outcome table as controllers are tried on it."""

    log: OutcomeLog
    templates: tuple[str, ...]
    """The template of each problem, for statistics alone; no controller sees it."""

    def part(self, problems: Sequence[int]) -> ReplayDataset:
        """Some of the problems, by position."""
        return ReplayDataset(self.log.of_problems(problems), tuple(self.templates[row] for row in problems))

    def first_samples(self, count: int) -> ReplayDataset:
        """The same outcomes with at most so many samples of each cell."""
        return replace(self, log=replace(self.log, kinds=self.log.kinds[:, :, :count]))

    def at(self, temperature: float) -> ReplayDataset:
        """The same outcomes, with the temperature in every arm.

        Raises:
            ControllerError: it is none.
        """
        arms = tuple(replace(arm, temperature=temperature) for arm in self.log.arms)
        return ReplayDataset(replace(self.log, arms=arms), self.templates)


def join_tables(tables: Sequence[ReplayDataset], notify: Notify = lambda text: None) -> ReplayDataset:
    """Tables of the same problems as one: the arms of all of them, on the problems that all of them have.

    A table of fewer samples than others has unmeasurable ones in their place.

    Args:
        tables: at least one; no arm may be in two of them. What is known of problems is as in the first.
        notify: told of problems that are left out.

    Raises:
        OutcomeTableError: there is no such problem, or an arm comes twice.
    """
    first, places = tables[0], [{name: row for row, name in enumerate(table.log.problems)} for table in tables]
    shared = [row for row, name in enumerate(first.log.problems) if all(name in place for place in places)]
    if not shared:
        raise OutcomeTableError("these outcome tables have no problem in common: name tables of the same problems")
    if left_out := len(set().union(*places)) - len(shared):
        notify(f"{left_out} problems that only some of the tables have are left out")
    problems, depth = first.part(shared), max(table.log.kinds.shape[2] for table in tables)
    parts = []
    for table, place in zip(tables, places, strict=True):
        kinds = table.log.kinds[[place[name] for name in problems.log.problems]]
        missing = ((0, 0), (0, 0), (0, depth - kinds.shape[2]))
        parts.append(np.pad(kinds, missing, constant_values=OutcomeKind.UNMEASURABLE))
    arms = [arm for table in tables for arm in table.log.arms]
    order = sorted(range(len(arms)), key=lambda column: arms[column])
    kinds = np.concatenate(parts, axis=1)[:, order]
    try:
        log = OutcomeLog(tuple(arms[column] for column in order), kinds, problems.log.contexts)
    except ControllerError as error:
        raise OutcomeTableError(f"{error}; say of which temperature each table is") from error
    return ReplayDataset(log, problems.templates)
