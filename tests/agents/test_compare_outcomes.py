"""Controllers side by side on tables at hand, from Python: shares of the problems, arms of models, what is refused."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from alphadial.agents import AgentsError, OutcomesOptions, compare_outcomes
from alphadial.agents.experiments.compare.compare_file import COMPARE_FILE, read_comparison
from alphadial.controller import Arm, ControllerError
from alphadial.envs.errors import EnvsError

from .test_compare import CROSSED, make_table


@pytest.fixture(autouse=True)
def _in_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes of their own, which the tests of the command line have, take longer to start than all of this."""
    monkeypatch.setattr("alphadial.agents.experiments.compare.outcomes_run.Processes", ThreadPoolExecutor)


def crossed(folder: Path, name: str = "crossed.csv", models: tuple[str, str] = ("left", "right")) -> Path:
    """Forty problems, half of which the first model alone solves, half the second alone."""
    path = folder / name
    kinds = ("hard,0,4", "easy,4,0")
    rows = [f"p{number},{kinds[number % 2]}" for number in range(40)]
    path.write_text("\n".join([f"problem,difficulty,{','.join(models)}", *rows]) + "\n", "utf-8")
    return path


def compare(folder: Path, tables: list[Path], told: list[str] | None = None, **options: Any) -> Mapping[str, Any]:
    wanted = OutcomesOptions(tables=tables, **{"attempts": (1, 2), "orders": 4, **options})
    notify = print if told is None else told.append
    return compare_outcomes(wanted, folder / "out", workers=1, notify=notify).summary


def test_models_are_the_arms_and_shares_of_the_problems_the_parts(tmp_path: Path) -> None:
    result = compare(tmp_path, [crossed(tmp_path)])
    rows = {(row["controller"], row["k"]): row for row in result["rows"]}
    assert [name for name, k in rows if k == 1] == [
        *("best-single", "uniform", "round-robin", "schedule", "thompson", "posterior")
    ], "rows that move along alpha are left out"
    assert (rows["round-robin", 2]["solve"], rows["posterior", 2]["solve"]) == (1.0, 1.0)
    single = rows["best-single", 2]
    assert single["arms"] in ([{"model": "left"}], [{"model": "right"}])
    assert (single["alphas"], single["temperature"]) == (None, None)
    assert 0.2 < single["solve"] < 0.8
    assert result["arms"] == [{"model": "left"}, {"model": "right"}]
    assert 10 < result["problems"] < 30
    read = read_comparison(tmp_path / "out" / COMPARE_FILE)
    assert read.rows[0].arms is not None
    assert read.rows[0].arms[0].model in ("left", "right")


def featured(folder: Path) -> Path:
    """Two hundred problems of two levels, each of which one model alone solves."""
    path = folder / "featured.csv"
    rows = [f"p{number},{('hard,0,4', 'easy,4,0')[number % 2]}" for number in range(200)]
    path.write_text("\n".join(["problem,difficulty,left,right", *rows]) + "\n", "utf-8")
    return path


def test_folds_report_every_problem_by_what_learnt_from_the_others(tmp_path: Path) -> None:
    wanted = ("posterior", "posterior:features=false", "round-robin")
    result = compare(tmp_path, [featured(tmp_path)], folds=4, orders=1, controllers=wanted)
    assert (result["problems"], result["split"], result["dev"]) == (200, "4 folds", "the other folds")
    rows = {(row["controller"], row["k"]): row for row in result["rows"]}
    assert rows["posterior", 1]["solve"] == 1.0, "each level is known from the other folds"
    assert 0.4 < rows["posterior:features=false", 1]["solve"] < 0.6
    assert rows["round-robin", 2]["solve"] == 1.0
    assert rows["posterior", 1]["arms"] == [{"model": "left"}, {"model": "right"}]
    assert rows["posterior", 1]["attempts_mean"] == 1.0
    assert rows["posterior", 1]["minus_best_single"] == 1 - rows["best-single", 1]["solve"]
    assert 0.4 <= rows["best-single", 1]["dev_solve"] <= 0.6


def test_the_seed_draws_the_parts(tmp_path: Path) -> None:
    path = crossed(tmp_path)

    def singles(seed: int) -> Any:
        options = OutcomesOptions(tables=[path], attempts=[1], orders=2, seed=seed, controllers=["uniform"])
        return compare_outcomes(options, tmp_path / f"seed{seed}", workers=1).summary["problems"]

    assert singles(0) != singles(1)


def test_the_best_single_is_at_its_own_best_temperature(tmp_path: Path) -> None:
    tables = [crossed(tmp_path, f"{name}.csv") for name in ("cold", "warm")]
    tables[1].write_text(tables[1].read_text("utf-8").replace(",0,4", ",4,4"), "utf-8")
    result = compare(tmp_path, tables, temperatures=(0.2, 0.8), samples=4)
    assert result["temperatures"] == [0.2, 0.8]
    assert len(result["arms"]) == 4
    best = next(row for row in result["rows"] if row["controller"] == "best-single")
    assert (best["temperature"], best["arms"]) == (0.8, [Arm("left", temperature=0.8).to_json()])


def test_our_own_tables_are_tables_too(tmp_path: Path) -> None:
    templates = {f"{name}{number}": cells for number in range(6) for name, cells in CROSSED.items()}
    for heat in (0.6, 1.0):
        make_table(templates, heat).save(tmp_path / f"{heat}.json")
    result = compare(tmp_path, [tmp_path / "0.6.json", tmp_path / "1.0.json"])
    assert result["temperatures"] == [0.6, 1.0]
    rows = {row["controller"]: row for row in result["rows"] if row["k"] == 2}
    assert rows["two-ends"]["solve"] == 1.0
    assert (rows["two-ends"]["alphas"], rows["two-ends"]["temperature"]) == ([0.0, 1.0], None)
    assert result["problems"] % 2 == 0, "problems that are made alike stay together"


def test_arms_of_fewer_samples_are_left_out_and_told(tmp_path: Path) -> None:
    told: list[str] = []
    result = compare(tmp_path, [crossed(tmp_path, models=("left", "right (n=1)"))], told, samples=4)
    assert result["arms"] == [{"model": "left"}]
    assert "left out, as they have fewer samples than the others: right" in told


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"attempts": (5,)}, r"--attempts 5 is more than the 4 samples of a cell"),
        ({"attempts": (0,)}, r"--attempts: 0 is no budget"),
        ({"split": "test:0.6", "dev": "dev:0.6"}, r"share problems such as 'p"),
        ({"split": "rest"}, r"names no share of a set"),
        ({"split": "test:0.00001"}, r"test:0.00001 holds none of the 40 problems"),
        ({"temperatures": (0.2, 0.8)}, r"--temperatures names 2 for 1 outcome tables"),
        ({"temperatures": (-1.0,)}, r"temperature must be a number from 0 up"),
        ({"controllers": ("rule",)}, r"rule moves along alpha, and arm left has none: choose another controller"),
        ({"controllers": ("nope",)}, r"unknown controller 'nope'"),
        ({"features": ("stars",)}, r"no column 'stars'"),
        ({"folds": 41}, r"--folds 41: take from 2 to 40"),
        ({"controllers": ("posterior:features=no",)}, r"option features must be true or false, not 'no'"),
        ({"tables": ()}, r"0 outcome tables"),
    ],
)
def test_what_cannot_be_compared_is_one_line(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    tables = options.pop("tables", [crossed(tmp_path)])
    with pytest.raises((AgentsError, ControllerError, EnvsError), match=message) as caught:
        compare(tmp_path, list(tables), **options)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_two_tables_of_the_same_models_need_their_temperatures(tmp_path: Path) -> None:
    with pytest.raises(AgentsError, match=r"arm left twice.*say of which temperature each table is"):
        compare(tmp_path, [crossed(tmp_path), crossed(tmp_path, "again.csv")])


def test_results_of_other_tables_are_left_alone(tmp_path: Path) -> None:
    path = crossed(tmp_path)
    compare(tmp_path, [path], controllers=["uniform"])
    path.write_text(path.read_text("utf-8").replace(",4,0", ",3,0"), "utf-8")
    with pytest.raises(EnvsError, match="holds a comparison of other options"):
        compare(tmp_path, [path], controllers=["uniform"], samples=4)


def test_own_tables_of_fewer_samples_lose_no_arm(tmp_path: Path) -> None:
    told: list[str] = []
    deep = {template: tuple(cell * 2 for cell in cells) for template, cells in CROSSED.items()}
    for name, temperature, cells in (("cold", 0.4, CROSSED), ("hot", 1.0, deep)):
        make_table(cells, temperature, each=20).save(tmp_path / f"{name}.json.xz")
    result = compare(
        tmp_path, [tmp_path / "cold.json.xz", tmp_path / "hot.json.xz"], told, folds=2, controllers=["uniform"]
    )
    assert (result["samples"], result["temperatures"], len(result["arms"])) == (4, [0.4, 1.0], 4)
    assert "of every cell the first 4 samples are taken, as some tables have no more" in told
