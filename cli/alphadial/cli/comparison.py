"""What ``alphadial compare`` does: checks its arguments, opens its folder, gets the tables, replays."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

from alphadial.agents.errors import StoreError
from alphadial.agents.experiments.compare.choice import BEST_SINGLE, ROWS, UNIFORM, Settings
from alphadial.agents.experiments.compare.comparing import CHOSEN_ON, compare
from alphadial.agents.policies.weights import choose_models
from alphadial.agents.runs.config import RunConfig
from alphadial.cli.comparison_report import PICTURE, RESULT, Bars, report
from alphadial.cli.errors import CliError
from alphadial.cli.interrupt import keeps
from alphadial.cli.matrix import Matrix
from alphadial.cli.options import RUNS, parse_alphas, split_list
from alphadial.cli.output import REPORT_FILE, check_json_target
from alphadial.cli.processes import Processes
from alphadial.cli.session import Machine
from alphadial.controller import make_controller
from alphadial.envs.folders import LOCK_FILE, lock_folder
from alphadial.envs.problems import load_split
from alphadial.envs.sandbox import SANDBOXES
from alphadial.merge_engine import Family, load_family

TABLES = "tables"
"""Holds a run folder for each table that is made."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """The arguments, as typed."""

    families: tuple[str, ...]
    split: str
    attempts: str
    controllers: str | None
    temperatures: str
    alphas: str
    samples: int
    orders: int
    seed: int
    fresh: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """The arguments, checked."""

    families: dict[str, Family]
    """By what the user calls them."""
    alphas: list[float]
    temperatures: list[float]
    attempts: list[int]
    rows: list[str]


def execute(wishes: Wishes, out: Path | None, json_to: str | None, sandbox: str, workers: int | None) -> None:
    """The command.

    Raises:
        CliError, AlphaError, ControllerError, FamilyError, ProblemError: an argument that cannot be used; before any
            work.
        StoreError: the folder is in use, or holds something else.
    """
    check_json_target(json_to)
    if sandbox not in SANDBOXES:
        raise CliError(f"--sandbox {sandbox!r} is none of {', '.join(SANDBOXES)}")
    plan = check(wishes)
    matrices = prepare(plan, wishes, Machine(None, True, sandbox, workers))
    first = next(iter(matrices.values())).config(wishes.split, plan.temperatures[0])
    decides = deciding(plan, wishes, matrices)
    folder = out or default_folder(decides, first)
    # Tables are bound to what they are of, and serve every comparison.
    tables = (out or RUNS) / TABLES
    with opened(folder):
        refuse_another(folder, decides)
        if tables.is_dir():
            keeps(f"the tables made so far are in {tables}; the same command goes on from there")
        with Processes(workers) as executor, Bars() as bars:
            summary = compare(
                {label: matrix.inside(tables) for label, matrix in matrices.items()},
                wishes.split,
                rows=plan.rows,
                attempts=plan.attempts,
                temperatures=plan.temperatures,
                settings=Settings(wishes.orders, wishes.seed),
                executor=executor,
                on_progress=bars.update,
            )
        report(summary, folder, json_to)


def check(wishes: Wishes) -> Plan:
    """The arguments, if they can be used.

    Raises:
        CliError, AlphaError, ControllerError, FamilyError, ProblemError: they cannot.
    """
    families = {label: load_family(label) for label in wishes.families}
    if len({family.path.resolve() for family in families.values()}) < len(wishes.families):
        raise CliError("--also names a family twice: name each once")
    if len({family.problem_set for family in families.values()}) > 1:
        raise CliError("--also names a family of other problems: only families of one problem set can be pooled")
    for family in families.values():
        load_split(family.problem_set, wishes.split, recorded=True)
    if wishes.split == CHOSEN_ON:
        raise CliError("--split dev is what temperatures and alphas are chosen on: report another one, such as test")
    alphas = sorted({alpha for family in families.values() for alpha in parse_alphas(wishes.alphas, family)})
    temperatures = sorted({_temperature(part) for part in split_list(wishes.temperatures, "--temperatures")})
    attempts = sorted({_attempts(part, wishes.samples) for part in split_list(wishes.attempts, "--attempts")})
    named = ROWS if wishes.controllers is None else split_list(wishes.controllers, "--controllers")
    rows = list(dict.fromkeys((BEST_SINGLE, UNIFORM, *named)))
    for row in rows:
        if row != BEST_SINGLE:
            make_controller(row, alphas)
    return Plan(families, alphas, temperatures, attempts, rows)


def prepare(plan: Plan, wishes: Wishes, machine: Machine) -> dict[str, Matrix]:
    """Each family with the weights that its tables must be of. Proves that they can all be made."""
    return {
        label: Matrix(
            family=family,
            label=label,
            models=choose_models(family, plan.alphas),
            samples=wishes.samples,
            seed=wishes.seed,
            fresh=wishes.fresh,
            machine=machine,
        )
        for label, family in plan.families.items()
    }


def deciding(plan: Plan, wishes: Wishes, matrices: Mapping[str, Matrix]) -> dict[str, Any]:
    """Whatever decides the results, by its name in compare.json."""
    return {
        "families": list(plan.families),
        "weights": {
            label: {model.name: model.weights_id for model in matrix.models} for label, matrix in matrices.items()
        },
        "split": wishes.split,
        "alphas": plan.alphas,
        "temperatures": plan.temperatures,
        "samples": wishes.samples,
        "orders": wishes.orders,
        "seed": wishes.seed,
        "attempts": plan.attempts,
        "controllers": plan.rows,
    }


def default_folder(decides: Mapping[str, Any], first: RunConfig) -> Path:
    """``runs/compare-FAMILY-SPLIT-ID``: the same options find their folder again, others get their own."""
    digest = blake2b(json.dumps(decides).encode(), digest_size=4).hexdigest()
    return RUNS / f"compare-{first.family}-{first.split}-{digest}"


def refuse_another(folder: Path, decides: Mapping[str, Any]) -> None:
    """Leaves the results of other options alone.

    Raises:
        StoreError: the folder holds such, or results that cannot be read.
    """
    file = folder / RESULT
    if not file.exists():
        return
    try:
        result = json.loads(file.read_text("utf-8"))
        rows = result["rows"]
        made = {name: result[name] for name in decides if name not in ("attempts", "controllers")}
        made["attempts"] = list(dict.fromkeys(row["k"] for row in rows))
        made["controllers"] = list(dict.fromkeys(row["controller"] for row in rows))
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise StoreError(f"{file} cannot be read: delete it, or choose another --out") from error
    differs = [f"{name}: {made[name]} / {decides[name]}" for name in decides if made[name] != decides[name]]
    if differs:
        said = "; ".join(differs)
        raise StoreError(
            f"{folder} holds a comparison of other options (there / here: {said:.300}): choose another --out"
        )


def _temperature(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value >= 0):
        raise CliError(f"--temperatures: {text!r} is no temperature; give numbers from 0 up, such as 0.6,1")
    return value


def _attempts(text: str, samples: int) -> int:
    if not (text.isascii() and text.isdecimal()) or int(text) < 1:
        raise CliError(f"--attempts: {text!r} is no budget; give whole numbers from 1 up, such as 1,5,10")
    if int(text) > samples:
        raise CliError(
            f"--attempts {text} is more than the {samples} samples of a cell, each of which is used once: "
            "lower it, or raise --samples"
        )
    return int(text)


@contextmanager
def opened(folder: Path) -> Iterator[None]:
    """The folder of the results, for this process alone.

    Raises:
        StoreError: in use, holding something else, or unwritable.
    """
    known = {LOCK_FILE, TABLES, RESULT, PICTURE, REPORT_FILE}
    try:
        strangers = {entry.name for entry in folder.iterdir()} - known if folder.is_dir() else set()
        if any(not name.startswith(".") for name in strangers):
            raise StoreError(f"{folder} holds something else than a comparison: choose another --out")
        lock = lock_folder(folder)
    except OSError as error:
        raise StoreError(f"cannot use {folder}: {error.strerror}; choose another --out") from error
    with closing(lock):
        yield
