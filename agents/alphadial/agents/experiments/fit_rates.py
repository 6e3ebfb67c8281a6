"""What a controller was fitted on, as rates: there every arm tried every problem, as in no run of a controller."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from alphadial.agents.errors import StoreError
from alphadial.agents.experiments.compare.datasets import ReplayDataset
from alphadial.agents.experiments.metrics import ClusterBootstrap, failure_rates
from alphadial.controller.types import OutcomeKind
from alphadial.envs.checks import Count, Name, Number, Positive, Share, first_fault
from alphadial.envs.errors import ForeignError
from alphadial.envs.foreign import read_json

FIT_FILE = "fitted_on.json"
"""Its name in the folder of a run."""
_Interval = tuple[Number | None, Number | None]


class FitRow(BaseModel):
    """What one arm did on every problem."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    arm: Name
    alpha: Number | None
    solve: Share | None
    solve_ci: _Interval
    correctness_failure: Share | None
    correctness_failure_ci: _Interval
    optimisation_failure: Share | None
    optimisation_failure_ci: _Interval
    unmeasurable: Count
    attempts: Count


class FitRates(BaseModel):
    """The rates of all arms."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    problems: Positive
    rows: tuple[FitRow, ...]

    def to_json(self) -> str:
        """What ``read_fit_rates`` reads."""
        return json.dumps(self.model_dump(), indent=1, allow_nan=False) + "\n"


def fit_rates(dataset: ReplayDataset) -> FitRates:
    """The rates of what a controller is fitted on: means over problems, with intervals clustered by template."""
    log, bootstrap = dataset.log, ClusterBootstrap(dataset.templates)
    counts = log.counts()
    rows = []
    for at, arm in enumerate(log.arms):
        rates = failure_rates(bootstrap, *counts[:, at].T)
        values: dict[str, Any] = {}
        for name, estimate in rates._asdict().items():
            known = None if np.isnan(estimate.value) else estimate.value
            values |= {name: known, f"{name}_ci": tuple(estimate.interval)}
        lost = int((log.kinds[:, at] == OutcomeKind.UNMEASURABLE).sum())
        made = log.kinds[:, at].size
        rows.append(FitRow(arm=str(arm), alpha=arm.alpha, unmeasurable=lost, attempts=made, **values))
    return FitRates(problems=len(log.kinds), rows=tuple(rows))


def read_fit_rates(folder: Path) -> FitRates | None:
    """What the controller of a run was fitted on; None where its folder does not say.

    Raises:
        StoreError: the file is damaged.
    """
    file = folder / FIT_FILE
    if not file.is_file():
        return None
    try:
        return FitRates.model_validate(read_json(file))
    except ForeignError as error:
        raise StoreError(str(error)) from error
    except ValidationError as error:
        raise StoreError(f"{file} holds no rates: {first_fault(error)}") from error
