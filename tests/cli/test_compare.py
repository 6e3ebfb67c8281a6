"""``alphadial compare`` on the shipped tables, on tables that it makes, and on arguments that it refuses."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from matplotlib.image import imread
from rich.console import Console

from alphadial.agents.experiments.compare.choice import ROWS
from alphadial.cli.comparison_table import comparison_table
from alphadial.cli.ensemble_table import ensemble_table, opened_lines
from alphadial.merge_engine import family_digest, load_family

Cli = Callable[..., Any]
SMALL = ("--attempts", "1,17", "--orders", "3", "--temperatures", "0.6", "--alphas=0,1", "--controllers", "two-ends")
FRESH = ("--samples", "1", "--attempts", "1", "--orders", "2", "--temperatures", "0.6", "--controllers", "uniform")
ROW_FIELDS = {"solve", "minus_best_single", "minus_uniform"}


@pytest.fixture
def other_weights(tmp_path: Path) -> Path:
    """A family that is also called tiny, with its ends exchanged and answers that end early."""
    folder = tmp_path / "families" / "tiny"
    shutil.copytree(load_family("tiny").path, folder)
    file = folder / "family.json"
    contents = json.loads(file.read_text("utf-8"))
    checkpoints = contents["checkpoints"]
    checkpoints["low"], checkpoints["high"] = checkpoints["high"], checkpoints["low"]
    file.write_text(json.dumps({**contents, "max_tokens": 8}), "utf-8")
    return folder


@pytest.mark.thorough
@pytest.mark.usefixtures("pictures")
def test_compare_ends_with_table_json_and_picture(cli: Cli, tmp_path: Path) -> None:
    done = cli("compare", "tiny", *SMALL, "--out", "out", "--json", "copy.json")
    assert done.status == 0, done.stderr
    assert "tiny on test: 602 problems, 3 orders of 32 samples" in done.stdout
    assert "tables at hand" in done.stderr
    result = json.loads((tmp_path / "copy.json").read_text("utf-8"))
    assert result == json.loads((tmp_path / "out" / "compare.json").read_text("utf-8"))
    rows = result["rows"]
    assert [(row["k"], row["controller"]) for row in rows] == [
        (k, name) for k in (1, 17) for name in ("best-single", "uniform", "two-ends")
    ]
    for row in [*rows, *result["beside"]]:
        assert row.keys() >= ROW_FIELDS | {f"{name}_ci" for name in ROW_FIELDS} | {"temperature", "alphas"}
    for row in rows:
        low, high = row["solve_ci"]
        assert 0 <= low <= row["solve"] <= high <= 1
        assert 1 <= row["attempts_mean"] <= row["k"]
    # Seventeen attempts on the better half of thirty-two samples cannot be measured.
    assert [row["solve"] is None for row in result["beside"]] == [False, False, False, True]
    assert result["weights"] == {"tiny": family_digest(load_family("tiny"))}
    assert imread(tmp_path / "out" / "compare.png").shape[:2] == (864, 2000)
    assert {row["k"] for row in result["ensembles"]} >= {2, 3, 5, 10}
    assert "tiny on test: k attempts spread over arms, as dev chose" in " ".join(done.stdout.split())
    assert "picture: out/ensembles.png" in done.stdout
    assert imread(tmp_path / "out" / "ensembles.png").shape[0] == 864


@pytest.mark.thorough
def test_the_same_command_gives_the_same_rows(cli: Cli) -> None:
    first, second = (cli("compare", "tiny", *SMALL, "--json", "-", "--workers", str(n)) for n in (1, 2))
    assert json.loads(first.stdout) == json.loads(second.stdout)


@pytest.mark.slow
def test_tables_are_made_once_and_only_where_needed(cli: Cli, pico: Path, tmp_path: Path) -> None:
    command = ("compare", pico, *FRESH, "--alphas=1", "--temperatures", "0.6,1", "--out", "out", "--json", "-")
    first = cli(*command)
    assert first.status == 0, first.stderr
    assert "pico on dev: making tables for temperature 0.6, 1" in " ".join(first.stderr.split())
    rows = json.loads(first.stdout)["rows"]
    needed = {f"pico-test-{row['temperature']:g}" for row in rows}
    made = {folder.name.rpartition("-")[0] for folder in (tmp_path / "out" / "tables").iterdir()}
    assert made == {"pico-dev-0.6", "pico-dev-1", *needed}
    again = cli(*command)
    assert "making" not in again.stderr
    assert json.loads(again.stdout) == json.loads(first.stdout)


@pytest.mark.slow
def test_shipped_tables_are_of_the_shipped_weights_alone(cli: Cli, other_weights: Path) -> None:
    done = cli("compare", other_weights, *FRESH, "--alphas=0", "--out", "out", "--json", "-")
    assert done.status == 0, done.stderr
    assert "not taking a shipped table" in done.stderr
    assert "does not fit: weights f1-" in done.stderr
    assert "making tables" in done.stderr


@pytest.mark.slow
def test_fresh_ends_in_the_rows_of_the_shipped_tables(cli: Cli) -> None:
    shipped = cli("compare", "tiny", *FRESH, "--alphas=0,1", "--json", "-")
    fresh = cli("compare", "tiny", *FRESH, "--alphas=0,1", "--json", "-", "--fresh")
    assert "making tables" not in shipped.stderr
    assert "making tables" in fresh.stderr
    # What ships has more samples, from which ensembles are told.
    assert json.loads(fresh.stdout)["rows"] == json.loads(shipped.stdout)["rows"]


@pytest.mark.slow
def test_ctrl_c_while_tables_are_made_says_how_to_go_on(
    start: Callable[..., subprocess.Popen[str]], cli: Cli, process: Cli, pico: Path, tmp_path: Path
) -> None:
    command = ("compare", pico, *FRESH, "--alphas=0", "--out", "out", "--json", "-")
    running = start(*command)
    deadline = time.monotonic() + 180
    while not any(store.stat().st_size > 100_000 for store in tmp_path.glob("out/tables/*/attempts.sqlite-wal")):
        assert running.poll() is None, running.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    refused = cli(*command)  # sooner than a process of its own, which may find all made
    assert refused.status == 2
    assert f"in use by process {running.pid}" in refused.stderr
    running.send_signal(signal.SIGINT)
    stdout, stderr = running.communicate(timeout=120)
    assert running.returncode == 130, stderr
    assert stdout == ""
    assert "the same command goes on" in stderr.splitlines()[-1]
    assert "Traceback" not in stderr
    whole = process(*command)
    assert whole.status == 0, whole.stderr
    assert json.loads(whole.stdout) == json.loads(process(*command, "--out", "other").stdout)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nope",), ("unknown family 'nope'",)),
        (("tiny", "--split", "dev"), ("--split dev", "chosen on")),
        (("tiny", "--split", "nope"), ("no split 'nope'",)),
        (("tiny", "--controllers", "nope"), ("unknown controller 'nope'", "posterior")),
        (("tiny", "--controllers", "nope:Mine"), ("cannot load controller 'nope:Mine'",)),
        (("tiny", "--controllers", ","), ("--controllers is empty",)),
        (("tiny", "--attempts", ""), ("--attempts is empty",)),
        (("tiny", "--attempts", "1,0"), ("--attempts: 0", "1,5,10")),
        (("tiny", "--attempts", "5", "--samples", "4"), ("--attempts 5", "4 samples")),
        (("tiny", "--alphas=0.3"), ("not on the grid k/256", "0.296875")),
        (("tiny", "--alphas=9"), ("beyond the range",)),
        (("tiny", "--alphas="), ("--alphas is empty",)),
        (("tiny", "--temperatures", "warm"), ("--temperatures: 'warm'",)),
        (("tiny", "--temperatures", "-1"), ("--temperatures: -1",)),
        (("tiny", "--temperatures", "nan"), ("--temperatures: nan",)),
        (("tiny", "--temperatures", ","), ("--temperatures is empty",)),
        (("tiny", "--also", "tiny"), ("--also names a family twice",)),
        (("tiny", "--json", "no/such/file.json"), ("does not exist",)),
        (("tiny", "--sandbox", "bubble"), ("--sandbox 'bubble'", "bubblewrap")),
    ],
)
def test_bad_arguments_are_one_line_before_any_work(
    cli: Cli, tmp_path: Path, arguments: tuple[str, ...], words: tuple[str, ...]
) -> None:
    assert cli("compare", *arguments).refused(*words)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_report_beside_it_is_no_stranger(cli: Cli, tmp_path: Path) -> None:
    assert cli("compare", "tiny", *SMALL, "--out", "out").status == 0
    assert cli("report", "out").status == 0
    assert (tmp_path / "out" / "report.html").is_file()
    again = cli("compare", "tiny", *SMALL, "--out", "out")
    assert again.status == 0, again.stderr


def test_eighty_columns_hold_every_interval() -> None:
    estimates = dict.fromkeys(ROW_FIELDS, -0.103) | {f"{name}_ci": [-0.186, -0.101] for name in ROW_FIELDS}
    names = (*ROWS, "in-sample-best-single", "split-half-oracle")
    same = {"k": 10, "family": "tiny", "temperature": 1, "alphas": [0], **estimates}
    rows = [{"controller": name, **same} for name in names]
    about = {"split": "test", "templates": 28, "problems": 72, "orders": 200, "samples": 16}
    summary = {**about, "rows": rows[:-2], "beside": rows[-2:]}
    screen = StringIO()
    Console(file=screen, width=80).print(comparison_table(summary, "tiny", 80))
    assert screen.getvalue().count("-10.3 [-18.6,-10.1]") == 3 * len(names)
    assert "…" not in screen.getvalue()


def test_eighty_columns_hold_the_intervals_of_ensembles() -> None:
    estimates = {"solve": 0.103, "solve_ci": [0.101, 0.186], "all_minus": -0.103, "all_minus_ci": [-0.186, -0.101]}
    names = ("best single", "all alphas", "alpha >= 0", "alpha in [0, 1]", "checkpoints")
    rows = [{"family": "tiny", "name": name, "k": 25, "arms": [], **estimates} for name in names]
    table = ensemble_table({"split": "test", "ensembles": rows}, "tiny", 80)
    assert table is not None
    screen = StringIO()
    Console(file=screen, width=80).print(table)
    assert screen.getvalue().count("-10.3 [-18.6,-10.1]") == len(names)
    assert "…" not in screen.getvalue()
    assert ensemble_table({"split": "test", "ensembles": []}, "tiny", 80) is None


def test_what_extrapolation_opens_is_told_with_its_control() -> None:
    about = {"missed": 40, "samples": 64, "opened": 19, "below": 4, "above": 15}
    row = {"family": "tiny", **about, "best_inside": "tiny@1", "fresh_samples": 384, "control": 2}
    (line,) = opened_lines({"opened": [row]})
    assert "opens 19 of the 40 problems" in line
    assert line.endswith("64 samples each: 4 below 0, 15 above 1; 384 fresh samples of tiny@1 open 2")
    first, _ = opened_lines({"opened": [{**row, "control": None}, row]})
    assert first.startswith("tiny: ")
    assert first.endswith("no fresh samples of tiny@1 are at hand to hold against it")


@pytest.mark.slow
def test_a_damaged_table_can_be_made_anew(cli: Cli, pico: Path, tmp_path: Path) -> None:
    command = ("compare", pico, *FRESH, "--alphas=1", "--out", "out", "--json", "-")
    whole = cli(*command)
    assert whole.status == 0, whole.stderr
    (damaged,) = (tmp_path / "out" / "tables").glob("pico-dev-*/outcomes.json")
    damaged.write_bytes(damaged.read_bytes()[:200])
    assert cli(*command).refused("is not JSON", "delete it")
    damaged.unlink()
    assert json.loads(cli(*command).stdout) == json.loads(whole.stdout)


def test_a_folder_with_something_else_is_left_alone(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "diary.txt").write_text("private", "utf-8")
    assert cli("compare", "tiny", *SMALL, "--out", "out").refused("something else than a comparison", "--out")
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["diary.txt"]


def test_a_folder_in_use_names_its_owner(cli: Cli, tmp_path: Path) -> None:
    from alphadial.envs.folders import lock_folder

    with lock_folder(tmp_path / "out"):
        assert cli("compare", "tiny", *SMALL, "--out", "out").refused("in use by process")


@pytest.mark.thorough
@pytest.mark.usefixtures("pictures")
def test_compare_on_a_table_that_others_made(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alphadial.agents.experiments.compare.outcomes_run.Processes", ThreadPoolExecutor)
    rows = [f"p{number},{'easy' if number % 3 else 'hard'},{number % 3},{2 - number % 3}" for number in range(24)]
    (tmp_path / "models.csv").write_text(
        "\n".join(["problem,difficulty,\x1b[31msmall,large", *rows, "gap,,1,"]), "utf-8"
    )
    command = (
        "compare",
        "--outcomes",
        "models.csv",
        "--attempts",
        "1,2",
        "--orders",
        "3",
        "--controllers",
        "posterior",
    )
    done = cli(*command, "--out", "out", "--json", "copy.json")
    assert done.status == 0, done.stderr
    assert "1 of 25 problems have gaps, first gap for model large" in " ".join(done.stderr.split())
    assert "models on test" in done.stdout
    assert "arms are chosen on dev" in done.stdout
    assert "\x1b[31msmall" not in done.stdout
    result = json.loads((tmp_path / "copy.json").read_text("utf-8"))
    assert [row["controller"] for row in result["rows"] if row["k"] == 1] == ["best-single", "uniform", "posterior"]
    assert imread(tmp_path / "out" / "compare.png").shape[:2] == (864, 2000)
    assert {row["name"] for row in result["ensembles"]} == {"best single", "all arms"}
    assert "models on test: k attempts spread over arms" in " ".join(done.stdout.split())
    report = cli("report", "out")
    assert report.status == 0, report.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), ("name a FAMILY", "--outcomes")),
        (("tiny", "--outcomes", "m.csv"), ("--outcomes has its own arms", "leave out FAMILY")),
        (("--outcomes", "m.csv", "--mix-temperatures"), ("leave out FAMILY",)),
        (("--outcomes", "m.csv", "--alphas=0,1"), ("leave out FAMILY",)),
        (("tiny", "--features", "stars"), ("--features", "are for tables of --outcomes")),
        (("tiny", "--percent"), ("--percent", "for tables")),
        (("--outcomes", "none.csv"), ("none.csv", "No such file")),
        (("--outcomes", "m.csv", "--folds", "2", "--split", "test"), ("--folds reports all problems", "--split")),
        (("tiny", "--folds", "2"), ("--folds are for tables of --outcomes",)),
        (("--outcomes", "m.csv", "--samples", "2", "--attempts", "5"), ("--attempts 5", "2 samples")),
        (("--outcomes", "m.csv", "--attempts", "1", "--temperatures", "0.2,0.8"), ("names 2 for 1 outcome tables",)),
    ],
)
def test_bad_arguments_with_tables_are_one_line(
    cli: Cli, tmp_path: Path, arguments: tuple[str, ...], words: tuple[str, ...]
) -> None:
    (tmp_path / "m.csv").write_text("problem,a,b\np,2,0\nq,1,2\n", "utf-8")
    assert cli("compare", *arguments).refused(*words)
    assert [file.name for file in tmp_path.iterdir()] == ["m.csv"]


@pytest.mark.slow
def test_mixed_temperatures_are_shown_as_arms(cli: Cli, tmp_path: Path) -> None:
    command = ("compare", "tiny", *SMALL, "--controllers", "posterior", "--temperatures", "0.6,1", "--mix-temperatures")
    done = cli(*command, "--out", "out", "--json", "copy.json")
    assert done.status == 0, done.stderr
    result = json.loads((tmp_path / "copy.json").read_text("utf-8"))
    assert result["mix_temperatures"] is True
    (row,) = [row for row in result["rows"] if (row["controller"], row["k"]) == ("posterior", 17)]
    assert (row["temperature"], row["alphas"]) == (None, [0, 1])
    assert [arm["temperature"] for arm in row["arms"]] == [0.6, 1, 0.6, 1]
    screen = StringIO()
    Console(file=screen, width=140).print(comparison_table(result, "tiny", 140))
    assert "alphas, each at every T, are chosen on dev" in " ".join(screen.getvalue().split())
    assert "0.6, 1" in screen.getvalue()
    plain = cli(*command[:-1], "--out", "out")
    assert plain.refused("holds a comparison of other options")
