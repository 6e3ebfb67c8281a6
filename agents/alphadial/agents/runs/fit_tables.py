"""The tables that a controller learns from before a run: a column for every arm, whatever table has it.

A table of one's own (``outcomes.json``) is bound to weights, temperature and split, and serves the arms that agree with
it. A foreign one (CSV) has a column per model, and serves the arms that name that model, or are called like it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from alphadial.agents.errors import OptionError, OutcomeTableError, StoreError
from alphadial.agents.experiments.compare.datasets import ReplayDataset
from alphadial.agents.experiments.compare.shipped_tables import replay_dataset, whole_shipped_table
from alphadial.agents.experiments.foreign_tables import load_outcome_csv
from alphadial.agents.experiments.outcomes import Expected, OutcomeTable, load_outcomes, table_faults
from alphadial.agents.runs.config import ArmChoice, RunConfig
from alphadial.agents.runs.options import Notify
from alphadial.agents.runs.run_folder import CONFIG_FILE, read_config
from alphadial.controller.types import Arm
from alphadial.envs.problems import Split
from alphadial.merge_engine import Family

LEARNT_ON = "dev"
Kinds = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class TableReading:
    """How tables of others are read, where they do not say themselves."""

    features: Collection[str] = ()
    """Columns that are features of the problems, beside those that are known to be."""
    percent: bool = False
    """Cells are percentages."""
    temperatures: Sequence[float] = ()
    """The temperature of each table's samples, in their order; () where nobody says."""


class FitTable(Protocol):
    """A table that may have a column for an arm."""

    def column(self, choice: ArmChoice) -> ReplayDataset:
        """What it has of an arm, as the log of that arm alone.

        Raises:
            OutcomeTableError: nothing; the message says why.
        """


class OwnTable:
    """Outcomes that alphadial recorded.

    Args:
        name: what the table is called in messages.
        table: the outcomes.
        dev: the split that they must be of.
        made_as: setting and prompting strategy of its attempts, where they matter and are known.
    """

    def __init__(self, name: str, table: OutcomeTable, dev: Split, made_as: tuple[str, str] | None = None) -> None:
        self._name, self._table, self._dev, self._made_as = name, table, dev, made_as
        self._dataset = replay_dataset(table, dev.problems)

    def column(self, choice: ArmChoice) -> ReplayDataset:
        """See ``FitTable``."""
        family = choice.model.partition("@")[0]
        if choice.weights is None:
            raise OutcomeTableError(
                f"{self._name} is bound to its weights, and nobody vouches for those of {choice.model}"
            )
        expected = Expected(family, self._dev.hash, choice.temperature, choice.weights, [choice.model])
        faults = table_faults(self._table, expected)
        if self._made_as is not None and self._made_as != (choice.setting, choice.prompt):
            faults.append(
                f"setting and strategy {' '.join(self._made_as)} there, {choice.setting} {choice.prompt} here"
            )
        if faults:
            raise OutcomeTableError(f"{self._name} does not fit: {'; '.join(faults)}")
        return _renamed(self._dataset, Arm(alpha=choice.arm.alpha), choice.arm)


class ForeignTable:
    """Outcomes that others recorded, by the names of models.

    Args:
        name: what the table is called in messages.
        dataset: the outcomes.
        arms: of the run: a column serves one of them.
    """

    def __init__(self, name: str, dataset: ReplayDataset, arms: Sequence[Arm]) -> None:
        self._name, self._dataset = name, dataset
        self._labels = {str(arm): arm for arm in dataset.log.arms}
        self._models = {arm.model: arm for arm in dataset.log.arms}
        self._named = Counter(arm.model for arm in arms)

    def column(self, choice: ArmChoice) -> ReplayDataset:
        """See ``FitTable``."""
        arm = choice.arm
        found = self._labels.get(str(arm)) or self._models.get(str(arm)) or self._models.get(choice.model)
        if found is None:
            raise OutcomeTableError(f"{self._name} has no column {choice.model!r}")
        if found.temperature not in (None, choice.temperature):
            raise OutcomeTableError(
                f"{self._name} is of temperature {found.temperature:g}, and the arm of {choice.temperature:g}"
            )
        if found.temperature is None and str(found) != str(arm) and self._named[arm.model] > 1 and arm.alpha is None:
            raise OutcomeTableError(f"{self._name} has one column for {arm.model}, of which there are several arms")
        return _renamed(self._dataset, found, arm)


def shipped_tables(config: RunConfig, families: Sequence[Family], dev: Split) -> tuple[list[FitTable], list[str]]:
    """The tables that come with alphadial for the arms of a run, and why others do not serve."""
    tables: list[FitTable] = []
    reasons = []
    for family in families:
        heats = {choice.temperature for choice in config.choices if choice.model.partition("@")[0] == family.name}
        for temperature in sorted(heats):
            try:
                table = whole_shipped_table(family, dev, temperature)
            except OutcomeTableError as error:
                reasons.append(f"the shipped one does not serve ({error})")
                continue
            if table is None:
                reasons.append(f"none ships for {family.name} at temperature {temperature:g}")
                continue
            made_as = ("reasoning", family.prompt) if config.arms is not None else None
            tables.append(OwnTable(f"the shipped table of temperature {temperature:g}", table, dev, made_as))
    return tables, reasons


def own_table(path: Path, config: RunConfig, dev_of: Callable[[str], Split]) -> OwnTable:
    """A table that alphadial recorded, from its file.

    Args:
        path: the file.
        config: of the run that learns from it.
        dev_of: gives a split of the run's problem set by its name.

    Raises:
        OptionError: it is of another split than controllers learn on.
        OutcomeTableError: it is no outcome table.
    """
    table = load_outcomes(path)
    if table.split.partition(":")[0] != LEARNT_ON:
        raise OptionError(
            f"--fit {path}: its split is {table.split}, and controllers learn on {LEARNT_ON}: make one of it"
        )
    return OwnTable(str(path), table, dev_of(table.split), _made_as(path) if config.arms is not None else None)


def foreign_table(
    path: Path, arms: Sequence[Arm], reading: TableReading, temperature: float | None, notify: Notify
) -> ForeignTable:
    """A table that others recorded, from its file.

    Args:
        path: the file.
        arms: of the run.
        reading: how it is read.
        temperature: at which its models were sampled; None where nobody says.
        notify: told what was left out or taken for granted.

    Raises:
        OutcomeTableError: it cannot be read.
    """
    dataset = load_outcome_csv(
        path, percent=reading.percent, features=reading.features, temperature=temperature, notify=notify
    )
    return ForeignTable(str(path), dataset, arms)


def _made_as(path: Path) -> tuple[str, str] | None:
    """Setting and strategy of the run whose folder the table is in; None where it lies elsewhere."""
    if not (path.parent / CONFIG_FILE).is_file():
        return None
    try:
        made = read_config(path.parent)
    except StoreError:
        return None
    return str(made.setting), made.prompt


def _renamed(dataset: ReplayDataset, there: Arm, here: Arm) -> ReplayDataset:
    """The log of one arm, by the name that it has in the run."""
    return replace(dataset, log=replace(dataset.log.of_arms([there]), arms=(here,)))
