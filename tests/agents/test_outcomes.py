from __future__ import annotations

import dataclasses
import json
import lzma
import pickle
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from alphadial.agents.errors import OutcomeTableError
from alphadial.agents.experiments.frontier import frontier
from alphadial.agents.experiments.outcomes import (
    Expected,
    OutcomeTable,
    TableModel,
    TableProblem,
    failure_kind,
    letter,
    load_outcomes,
    tabulate,
)
from alphadial.agents.policies import ScriptedPolicy
from alphadial.agents.runs.attempt_loop import AttemptDeps
from alphadial.agents.runs.config import RunConfig, plan
from alphadial.agents.runs.run_folder import RunFolder
from alphadial.agents.runs.runner import run_attempts
from alphadial.agents.types import Attempt, Request
from alphadial.envs.types import FailureKind, Problem, Verdict

from .fakes import ReadingJudge

LETTERS = {"A": "AC 2", "W": "WA 1", "T": "TLE 1", "t": "TLE 0", "U": "U", "M": "MLE 1"}


def play(
    folder: Path, config: RunConfig, problems: tuple[Problem, ...], cells: dict[str, dict[str, str]]
) -> list[Attempt]:
    """A run whose outcomes are those of cells: model -> problem -> letters."""
    specs = plan(config, problems)
    by_seed = {spec.request.seed: spec for spec in specs}

    def answer(request: Request) -> str:
        spec = by_seed[request.seed]
        return LETTERS[cells[request.model][spec.problem.id][spec.sample]]

    with RunFolder(folder, config) as opened:
        policy = ScriptedPolicy(answer)
        run_attempts(specs, AttemptDeps(policy, ReadingJudge()), opened.store)
        return list(opened.store.attempts())


CELLS = {
    "toy@0": {"p0": "AAAA", "p1": "AATT", "p2": "TTTT", "p3": "TtWM", "p4": "UUUU", "p5": "AUUW"},
    "toy@init": {f"p{i}": "WWWW" for i in range(6)},
}


@pytest.fixture
def table(tmp_path: Path, config: RunConfig, problems: tuple[Problem, ...]) -> OutcomeTable:
    return tabulate(config, play(tmp_path / "run", config, problems, CELLS))


def test_letters() -> None:
    assert letter("TLE", FailureKind.OPTIMISATION) == "T"
    assert letter("TLE", FailureKind.CORRECTNESS) == "t"
    assert letter("MLE", FailureKind.CORRECTNESS) == "m"
    assert letter(None, FailureKind.UNMEASURABLE) == "U"
    for verdict in Verdict:
        for kind in (None, FailureKind.CORRECTNESS, FailureKind.OPTIMISATION):
            if (kind is None) != (verdict is Verdict.AC):
                continue
            if kind is FailureKind.OPTIMISATION and verdict not in (Verdict.TLE, Verdict.MLE):
                continue
            assert failure_kind(letter(verdict, kind)) is kind


def test_a_table_holds_every_cell(table: OutcomeTable) -> None:
    assert {model.name: model.outcomes for model in table.models} == CELLS
    assert [problem.template for problem in table.problems] == ["t0", "t0", "t1", "t1", "t2", "t2"]


def test_an_unfinished_run_has_no_table(tmp_path: Path, config: RunConfig, problems: tuple[Problem, ...]) -> None:
    attempts = play(tmp_path / "run", config, problems, CELLS)
    with pytest.raises(OutcomeTableError, match="3 attempts of this run are still to be made"):
        tabulate(config, attempts[3:])


def test_frontier_by_hand(table: OutcomeTable) -> None:
    result = frontier(table)
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    (row,) = result["rows"]
    # Per problem: 1, 1/2, 0, 0, none measurable, 1/2 (of the two that could be measured).
    assert row["solve"] == pytest.approx((1 + 0.5 + 0 + 0 + 0.5) / 5)
    assert row["optimisation_failure"] == pytest.approx((0 + 0.5 + 1 + 0.5 + 0) / 5)
    assert row["correctness_failure"] == pytest.approx((0 + 0 + 0 + 0.5 + 0.5) / 5)
    assert (row["unmeasurable"], row["attempts"], row["weights_id"], row["alpha"]) == (6, 24, "scripted", 0.0)
    for name in ("solve", "correctness_failure", "optimisation_failure"):
        low, high = row[f"{name}_ci"]
        assert low <= row[name] <= high
    assert result["by_group"]["late"][0]["solve"] == pytest.approx((1 + 0) / 2)
    assert result["by_group"]["early"][0]["attempts"] == 12
    assert result["checkpoints"]["init"]["correctness_failure"] == 1.0
    assert result["checkpoints"]["init"]["correctness_failure_ci"] == [1.0, 1.0]
    assert (result["temperature"], result["split_hash"], result["samples"]) == (0.6, "abc", 4)


def test_what_nobody_could_measure_is_null(tmp_path: Path, config: RunConfig, problems: tuple[Problem, ...]) -> None:
    cells = {name: dict.fromkeys(cell, "UUUU") for name, cell in CELLS.items()}
    (row,) = frontier(tabulate(config, play(tmp_path / "run", config, problems, cells)))["rows"]
    assert (row["solve"], row["solve_ci"], row["unmeasurable"]) == (None, [None, None], 24)


def test_a_table_is_bound_to_what_made_it(tmp_path: Path, table: OutcomeTable) -> None:
    path = tmp_path / "outcomes.json"
    table.save(path)
    fits = Expected("toy", "abc", 0.6, "f1-toy", ["toy@0"])
    assert load_outcomes(path, fits) == load_outcomes(path) == table
    for change, message in (
        ({"temperature": 1.0}, "temperature 0.6 there, 1.0 here"),
        ({"split_hash": "xyz"}, "split hash abc there, xyz here"),
        ({"family": "other"}, "family toy there, other here"),
        ({"weights": "f1-else"}, "weights f1-toy there, f1-else here"),
        ({"models": ["toy@1"]}, "it has no toy@1"),
    ):
        with pytest.raises(OutcomeTableError, match=message):
            load_outcomes(path, dataclasses.replace(fits, **change))


def test_a_table_never_holds_both_merged_weights_and_blends(
    tmp_path: Path, config: RunConfig, problems: tuple[Problem, ...], table: OutcomeTable
) -> None:
    blend, says = "blend:" + "0" * 32, "it has an answer of a blend beside those of merged weights"
    attempts = [
        dataclasses.replace(attempt, weights_id=blend) if attempt.model == "toy@init" else attempt
        for attempt in play(tmp_path / "mixed", config, problems, CELLS)
    ]
    with pytest.raises(OutcomeTableError, match=says):
        tabulate(config, attempts)
    models = [model.model_dump() for model in table.models]
    path = tmp_path / "outcomes.json"
    path.write_text(json.dumps(table.model_dump() | {"models": [models[0], models[1] | {"weights_id": blend}]}))
    with pytest.raises(OutcomeTableError, match=says):
        load_outcomes(path)
    blended = [dataclasses.replace(attempt, weights_id=blend) for attempt in attempts]
    assert {model.weights_id for model in tabulate(config, blended).models} == {blend}


def test_damaged_tables_are_refused(tmp_path: Path, table: OutcomeTable) -> None:
    path = tmp_path / "outcomes.json"
    with pytest.raises(OutcomeTableError, match="No such file"):
        load_outcomes(path)
    whole = table.model_dump()
    for damage, message in (
        ({"problems": whole["problems"][:-1]}, "outcomes of toy@0 are damaged"),
        ({"samples": 5}, "outcomes of toy@0 are damaged"),
        ({"surprise": 1}, "no outcome table"),
    ):
        path.write_text(json.dumps(whole | damage))
        with pytest.raises(OutcomeTableError, match=message):
            load_outcomes(path)
    path.write_text(json.dumps(whole).replace("AATT", "AAXT"))
    with pytest.raises(OutcomeTableError, match="damaged"):
        load_outcomes(path)
    for text, message in (
        ("{", "is not JSON: Expecting"),
        ("[]", "no outcome table: Input should be a valid dictionary"),
        (json.dumps(whole | {"samples": "x"}), "no outcome table: samples: Input should be a valid integer"),
        ("[" * 100_000, "is not JSON: it nests too deeply"),
    ):
        path.write_text(text)
        with pytest.raises(OutcomeTableError, match=message):
            load_outcomes(path)


@pytest.mark.parametrize("before", [1, 2])
def test_tables_of_earlier_versions_are_refused_in_one_line(tmp_path: Path, table: OutcomeTable, before: int) -> None:
    path = tmp_path / "outcomes.json"
    path.write_text(json.dumps(table.model_dump() | {"format": before, "was": "another shape"}))
    with pytest.raises(OutcomeTableError, match=f"is of format version {before}, not 3: .*; make it anew$") as refusal:
        load_outcomes(path)
    assert "\n" not in str(refusal.value)


def test_a_compressed_table_is_the_same_and_small(tmp_path: Path, table: OutcomeTable) -> None:
    path = tmp_path / "outcomes.json.xz"
    table.save(path)
    assert load_outcomes(path) == table
    draws = random.Random(0)
    problems = [TableProblem(id=f"pairs_equal_{i}.same.same", template=f"t{i}", group="late") for i in range(200)]
    cells = [{problem.id: "".join(draws.choices("AW", k=64)) for problem in problems} for _ in range(5)]
    models = [TableModel(name=f"m{i}", alpha=i, weights_id="w", outcomes=cells[i]) for i in range(5)]
    update = {"problems": tuple(problems), "models": tuple(models), "samples": 64}
    table.model_copy(update=update).save(path)
    assert path.stat().st_size < 5 * 200 * 64 / 4  # a quarter of a byte a sample


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda packed: packed[:-10], "is no whole xz file"),
        (lambda packed: packed + b"more", "is no whole xz file"),
        (lambda packed: b"{" + packed, "is no xz file that can be unpacked"),
        (lambda packed: lzma.compress(b" " * (2**26 + 1), preset=0), "unpacks to more than 67,108,864 bytes"),
        (lambda packed: lzma.compress(pickle.dumps({})), "is not JSON"),
    ],
)
def test_damaged_compressed_tables_are_refused(
    tmp_path: Path, table: OutcomeTable, damage: Callable[[bytes], bytes], message: str
) -> None:
    path = tmp_path / "outcomes.json.xz"
    table.save(path)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(OutcomeTableError, match=message):
        load_outcomes(path)


def test_unverified_weights_never_enter_a_table(tmp_path: Path, table: OutcomeTable) -> None:
    with pytest.raises(OutcomeTableError, match="unverified weights"):
        table.model_copy(update={"weights": None}).save(tmp_path / "outcomes.json")
    assert list(tmp_path.glob("*.json")) == []
