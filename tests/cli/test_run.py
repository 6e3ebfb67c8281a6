"""``alphadial run``: a controller in charge, its results, how it resumes and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from alphadial.agents.experiments.compare import shipped_tables
from alphadial.agents.experiments.fit_rates import read_fit_rates
from alphadial.agents.experiments.frontier import frontier
from alphadial.agents.experiments.outcomes import load_outcomes
from alphadial.agents.policies.weights import expected_weights_id
from alphadial.controller import as_arms, load_state
from alphadial.merge_engine import load_family

from ..tiny_specs import FIRST, SECOND
from .fakes import chat_server

Cli = Callable[..., Any]
SHIPPED = Path(shipped_tables.__file__).parent / "shipped"
FEW = ("--split", "dev", "--problems", f"{FIRST.id},{SECOND.id}", "--alphas=-0.5,1")
UNIFORM = (*FEW, "--attempts", "3", "--controller", "uniform")


@pytest.mark.thorough
@pytest.mark.usefixtures("pictures")
def test_the_shipped_posterior_solves_with_the_shipped_family(cli: Cli, tmp_path: Path) -> None:
    done = cli("run", "tiny", *FEW, "--attempts", "3", "--out", "run", "--json", "copy.json")
    assert done.status == 0, done.stderr
    assert "posterior on tiny dev: 2 problems" in done.stdout
    summary = json.loads((tmp_path / "copy.json").read_text("utf-8"))
    assert summary == json.loads((tmp_path / "run" / "run.json").read_text("utf-8"))
    assert [row["k"] for row in summary["rows"]] == [1, 2, 3]
    assert summary["attempts"] == sum(row["attempts"] for row in summary["by_arm"])
    assert (summary["controller"], summary["setting"], summary["samples"]) == ("posterior", "reasoning", 3)
    assert load_state(tmp_path / "run" / "controller.json").arms == as_arms((-0.5, 1))
    # What it was fitted on is the table that ships: there both arms tried every problem of dev.
    table = load_outcomes(SHIPPED / "tiny" / "dev-0.6.json.xz")
    rates = {row["alpha"]: row["solve"] for row in frontier(table)["rows"]}
    given = read_fit_rates(tmp_path / "run")
    assert given is not None
    assert given.problems == len(table.problems)
    assert {row.alpha: row.solve for row in given.rows} == pytest.approx({alpha: rates[alpha] for alpha in (-0.5, 1.0)})
    assert "picture: run/run.png" in done.stdout
    assert (tmp_path / "run" / "run.png").read_bytes().startswith(b"\x89PNG")
    attempt = summary["by_problem"][0]["attempts"][0]
    shown = cli("show", attempt, "--run", "run")
    assert "first: p 0." in shown.stdout


@pytest.mark.thorough
def test_again_it_makes_nothing_again(cli: Cli, pico: Path, tmp_path: Path) -> None:
    first = cli("run", pico, *UNIFORM, "--json", "-")
    assert first.status == 0, first.stderr
    (folder,) = (tmp_path / "runs").iterdir()
    assert folder.name.startswith("run-pico-dev-")
    again = cli("run", pico, *UNIFORM, "--json", "-")
    assert again.stdout == first.stdout
    made = json.loads(first.stdout)["attempts"]
    assert f"resuming: {made} of 6 attempts" not in first.stderr
    assert f"resuming: {made} of 6 attempts are already there" in again.stderr


@pytest.mark.thorough
def test_a_budget_bounds_the_whole_run(cli: Cli, pico: Path) -> None:
    done = cli("run", pico, *UNIFORM, "--budget", "1", "--json", "-")
    assert json.loads(done.stdout)["attempts"] == 1


@pytest.mark.slow
def test_a_budget_is_shared_out_as_it_pays_on_dev(cli: Cli) -> None:
    command = ("run", "tiny", "--split", "test", "--budget", "12", "--out", "run", "--json", "-")
    done = cli(*command)
    assert done.status == 0, done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("--budget goes ")]
    assert "points of dev against rounds" in line
    assert json.loads(done.stdout)["attempts"] == 12
    again = cli(*command)
    assert (again.stdout, line in again.stderr) == (done.stdout, True)


@pytest.mark.thorough
def test_a_server_answers(cli: Cli, pico: Path) -> None:
    family = load_family(pico)
    with chat_server(lambda model: expected_weights_id(family, model)) as address:
        done = cli("run", pico, *UNIFORM, "--server", address, "--json", "-")
    assert done.status == 0, done.stderr
    assert [row["solve"] for row in json.loads(done.stdout)["rows"]] == [0.0, 0.0, 0.0]


@pytest.mark.slow
def test_it_learns_from_a_table_of_ones_own(cli: Cli, pico: Path) -> None:
    assert cli("run", pico, *FEW).refused("posterior learns from a dev table", "alphadial frontier", "--fit")
    assert (
        cli("frontier", pico, "--split", "dev", "--alphas=-0.5,1", *FEW[2:4], "--samples", "2", "--out", "f").status
        == 0
    )
    fitted = ("run", pico, *FEW, "--attempts", "2", "--fit", "f/outcomes.json")
    done = cli(*fitted, "--out", "run", "--json", "-")
    assert done.status == 0, done.stderr
    assert json.loads(done.stdout)["controller"] == "posterior"
    assert cli(*fitted, "--temperature", "1").refused("f/outcomes.json", "temperature 0.6 there, 1.0 here")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--controller", "oracle"), ("unknown controller 'oracle'", "posterior")),
        (("--controller", "no.module:Thing"), ("cannot load controller", "no.module")),
        (("--setting", "magic"), ("--setting 'magic'", "reasoning, tools, agentic")),
        (("--feedback", "all"), ("--feedback 'all'", "public, judge")),
        (("--alphas", "0.3"), ("0.3", "0.30078125")),
        (("--fit", "none.json"), ("none.json",)),
        (("--temperature", "0.77"), ("none ships", "0.77", "--fit")),
        (("--problem-set", "hard"), ("hard",)),
        (("--problems", "nothing"), ("nothing",)),
        (("--prompt", "magic"), ("magic",)),
        (("--unverified-weights",), ("--server",)),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(cli: Cli, tmp_path: Path, arguments: Any, words: Any) -> None:
    assert cli("run", "tiny", "--split", "dev", *arguments).refused(*words)
    assert not (tmp_path / "runs").exists()


@pytest.mark.thorough
def test_other_settings_need_another_folder(cli: Cli, pico: Path) -> None:
    assert cli("run", pico, *UNIFORM, "--out", "run").status == 0
    assert cli("run", pico, *UNIFORM, "--out", "run", "--seed", "1").refused("run", "seed: 0 / 1", "--out")
    assert cli("frontier", pico, *FEW, "--out", "run").refused("run", "command: run / frontier", "--out")
