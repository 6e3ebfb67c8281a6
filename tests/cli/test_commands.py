"""Each command does what it says, on the weights of the shipped family and on programs of our own."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from matplotlib.image import imread

from alphadial.agents.experiments.outcomes import load_outcomes
from alphadial.agents.policies.weights import expected_weights_id
from alphadial.envs.problems import load_split
from alphadial.envs.problems.tiny import reference
from alphadial.merge_engine import load_family, weights_id_of_folder

from ..merge_engine.toy_adapters import factors, write_adapter
from ..tiny_specs import FIRST, FIRST_PROMPT, SECOND
from .fakes import PROGRAM, chat_server

Cli = Callable[..., Any]
PROBLEM, OTHER = FIRST.id, SECOND.id
FEW = ("--split", "dev", "--problems", f"{PROBLEM},{OTHER}", "--alphas=1,-0.5", "--samples", "2")
RATES = ("solve", "correctness_failure", "optimisation_failure")


def write_reference(folder: Path, tier: str) -> Path:
    file = folder / f"{tier}.py"
    file.write_text(reference(FIRST.template, tier, FIRST.map, FIRST.post), "utf-8")
    return file


@pytest.mark.thorough
@pytest.mark.usefixtures("pictures")
def test_frontier_ends_with_table_json_outcomes_and_picture(cli: Cli, pico: Path, tmp_path: Path) -> None:
    done = cli("frontier", pico, *FEW, "--out", "run", "--json", "copy.json")
    assert done.status == 0, done.stderr
    assert "pico on dev: 2 problems x 2 samples" in done.stdout
    assert "run folder: run" in done.stdout
    summary = json.loads((tmp_path / "copy.json").read_text("utf-8"))
    assert summary == json.loads((tmp_path / "run" / "frontier.json").read_text("utf-8"))
    assert [row["alpha"] for row in summary["rows"]] == [-0.5, 1]
    assert set(summary["checkpoints"]) == {"init", "mid"}
    assert summary["split_hash"] == load_split("tiny-problems", "dev").hash
    rows = [*summary["rows"], *summary["checkpoints"].values(), *summary["by_group"]["late"]]
    for row in rows:
        assert sum(row[name] for name in RATES) == pytest.approx(1)
        assert all(len(row[f"{name}_ci"]) == 2 for name in RATES)
    family = load_family(pico)
    assert summary["rows"][0]["weights_id"] == expected_weights_id(family, "pico@-0.5")
    table = load_outcomes(tmp_path / "run" / "outcomes.json")
    assert {len(cell) for model in table.models for cell in model.outcomes.values()} == {2}
    assert imread(tmp_path / "run" / "frontier.png").shape[:2] == (864, 2000)


@pytest.mark.thorough
def test_frontier_again_makes_nothing_again(cli: Cli, pico: Path, tmp_path: Path) -> None:
    first = cli("frontier", pico, *FEW, "--json", "-")
    (folder,) = (tmp_path / "runs").iterdir()
    assert folder.name.startswith("frontier-pico-dev-")
    again = cli("frontier", pico, *FEW, "--json", "-")
    assert "16 of 16 attempts" in again.stderr
    assert json.loads(again.stdout) == json.loads(first.stdout)
    assert list((tmp_path / "runs").iterdir()) == [folder]


@pytest.mark.thorough
def test_frontier_asks_a_server(cli: Cli, pico: Path, tmp_path: Path) -> None:
    family = load_family(pico)
    with chat_server(lambda model: expected_weights_id(family, model)) as address:
        done = cli("frontier", pico, *FEW, "--server", address, "--out", "run", "--json", "-")
    summary = json.loads(done.stdout)
    # The server's program returns 0: wrong on every problem.
    assert {row["correctness_failure"] for row in summary["rows"]} == {1.0}
    assert (tmp_path / "run" / "outcomes.json").exists()


@pytest.mark.thorough
def test_unverified_weights_enter_no_outcome_table(cli: Cli, pico: Path, tmp_path: Path) -> None:
    with chat_server(lambda _: None) as address:
        done = cli("frontier", pico, *FEW, "--server", address, "--unverified-weights", "--out", "run", "--json", "-")
    assert {row["weights_id"] for row in json.loads(done.stdout)["rows"]} == {None}
    assert "no outcome table" in done.stderr
    assert not (tmp_path / "run" / "outcomes.json").exists()


@pytest.mark.slow
def test_the_core_alone_asks_a_server_and_ends_in_text(process: Cli, pico: Path, tmp_path: Path) -> None:
    extras = ["torch", "transformers", "safetensors", "tokenizers", "matplotlib"]
    with chat_server(lambda _: None) as address:
        server = ("--server", address, "--unverified-weights")
        done = process("frontier", pico, *FEW, *server, "--out", "run", without=extras)
    assert done.status == 0, done.stderr
    assert "pip install 'alphadial[report]'" in done.stderr
    assert "pico on dev" in done.stdout
    assert not (tmp_path / "run" / "frontier.png").exists()


@pytest.mark.slow
@pytest.mark.parametrize("answers", ["a server", "this process"])
def test_ctrl_c_says_how_to_go_on(
    start: Callable[..., subprocess.Popen[str]], pico: Path, tmp_path: Path, answers: str
) -> None:
    many = ("frontier", str(pico), "--split", "dev", "--alphas=0,1", "--samples", "64", "--out", "run")
    store = tmp_path / "run" / "attempts.sqlite-wal"
    with chat_server(lambda _: None) as address:
        running = start(*many, *(("--server", address, "--unverified-weights") if answers == "a server" else ()))
        deadline = time.monotonic() + 180
        while not (store.exists() and store.stat().st_size > 100_000):
            assert running.poll() is None, running.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        running.send_signal(signal.SIGINT)
        stdout, stderr = running.communicate(timeout=120)
    assert running.returncode == 130
    assert stdout == ""
    assert " are in run; the same command goes on" in stderr.splitlines()[-1]
    assert "Traceback" not in stderr
    assert not (tmp_path / "run" / "frontier.json").exists()


@pytest.mark.thorough
def test_show_tells_what_an_attempt_was(cli: Cli, pico: Path, tmp_path: Path) -> None:
    family = load_family(pico)
    with chat_server(lambda model: expected_weights_id(family, model)) as address:
        assert cli("frontier", pico, *FEW, "--server", address).status == 0
    (folder,) = (tmp_path / "runs").iterdir()
    import sqlite3

    with sqlite3.connect(folder / "attempts.sqlite") as database:
        (attempt,) = database.execute("select id from attempts where problem = ? limit 1", [PROBLEM]).fetchone()
    shown = cli("show", attempt)
    assert shown.status == 0, shown.stderr
    for words in (FIRST_PROMPT, "return 0", "WA (correctness failure)", "0 of 4 passed"):
        assert words in shown.stdout
    row = json.loads(cli("show", attempt, "--run", folder, "--json", "-").stdout)
    assert row["program"] == PROGRAM
    assert row["messages"][-1]["content"] == FIRST_PROMPT


def test_merge_writes_a_folder_of_that_weights_id(cli: Cli, pico: Path, tmp_path: Path) -> None:
    done = cli("merge", pico, "--alpha", "1.25", "--out", "merged", "--json", "-")
    report = json.loads(done.stdout)
    assert report["alpha"] == 1.25
    assert report["weights_id"] == weights_id_of_folder(tmp_path / "merged")
    assert report["weights_id"] == expected_weights_id(load_family(pico), "pico@1.25")
    assert "weights id " in cli("merge", pico, "--alpha", "1.25", "--out", "merged").stdout
    assert cli("weights-id", "merged").stdout == f"{report['weights_id']}\n"


def test_two_folders_are_merged_at_several_alphas(cli: Cli, pico: Path, tmp_path: Path) -> None:
    pair = (pico / "low", pico / "high")
    asked = ("merge", *pair, "--alpha=-3", "--alpha=0.5", "--out", "m", "--json", "-")
    planned = json.loads(cli(*asked, "--dry-run").stdout)
    assert planned["writes"] > planned["reads"] > 0
    assert not (tmp_path / "m").exists()
    done = cli(*asked)
    assert "merging: " in done.stderr
    assert "GB/s" in done.stderr
    reports = json.loads(done.stdout)
    assert [report["out"] for report in reports] == ["m/-3", "m/0.5"]
    assert [weights_id_of_folder(tmp_path / "m" / name) for name in ("-3", "0.5")] == [r["weights_id"] for r in reports]
    refused = cli("merge", "nosuch", pico / "high", "--alpha", "1", "--out", "n")
    assert (refused.status, refused.stdout) == (2, "")
    assert "nosuch is no folder: name the two folders of a pair, or one FAMILY" in refused.stderr


def test_two_adapters_are_merged_into_adapters(cli: Cli, tmp_path: Path) -> None:
    ends = [write_adapter(tmp_path / base, factors(1, 4), 4, base_model_name_or_path=base) for base in ("one", "two")]
    asked = ("merge", *ends, "--alpha", "0.5", "--alpha", "1.5", "--out", "merged")
    assert "4 tensors: reads" in cli(*asked, "--dry-run").stdout
    done = cli(*asked)
    assert "weights id w1-" in done.stdout
    assert "one says that it belongs to 'one'" in done.stderr
    files = {file.relative_to(tmp_path / "merged").as_posix() for file in (tmp_path / "merged").rglob("*.*")}
    names = ("adapter_config.json", "adapter_model.safetensors")
    assert {name for name in files if "adapter" in name} == {f"{at}/{name}" for at in ("0.5", "1.5") for name in names}
    assert cli("merge", ends[0], tmp_path, "--alpha", "1", "--out", "m").refused("another adapter alone")


@pytest.mark.thorough
def test_merge_takes_recipes_and_what_mergekit_reads(cli: Cli, pico: Path, tmp_path: Path) -> None:
    recipe = {"method": "soup", "models": {"low": "1", "high": "3"}}
    (tmp_path / "soup.json").write_text(json.dumps(recipe), "utf-8")
    of_family = json.loads(cli("merge", pico, "--recipe", "soup.json", "--alpha=1", "--out=f", "--json", "-").stdout)
    of_pair = cli("merge", pico / "low", pico / "high", "--recipe=soup.json", "--alpha=1", "--out=p", "--json", "-")
    assert json.loads(of_pair.stdout)["weights_id"] == of_family["weights_id"] == weights_id_of_folder(tmp_path / "f")
    folders = {"checkpoints": {name: str(pico / name) for name in ("low", "high")}}
    (tmp_path / "alone.json").write_text(json.dumps(recipe | folders), "utf-8")
    alone = json.loads(cli("merge", "--recipe=alone.json", "--alpha=1", "--out=a", "--json", "-").stdout)
    assert (alone["family"], alone["weights_id"]) == ("alone", of_family["weights_id"])
    models = [f"{{model: {pico / name}, parameters: {{weight: {w}}}}}" for name, w in (("low", 0.25), ("high", 0.75))]
    (tmp_path / "their.yml").write_text(f"merge_method: linear\nmodels: [{', '.join(models)}]\n", "utf-8")
    theirs = json.loads(cli("merge", "--from-mergekit=their.yml", "--out=m", "--json", "-").stdout)
    assert (theirs["alpha"], theirs["weights_id"]) == (1, of_family["weights_id"])
    for asked, said in (
        (("--alpha=1",), "name what to merge: FAMILY, LOW HIGH, --recipe FILE or --from-mergekit FILE"),
        ((pico,), "name an alpha: --alpha A"),
        ((pico, "--from-mergekit=their.yml"), "--from-mergekit names the models"),
        (("--recipe=soup.json", "--alpha=1"), "name the folder of each, or a family that has them"),
        ((pico, "--recipe=alone.json", "--alpha=1"), "has its own: leave these out, or the family"),
    ):
        refused = cli("merge", *asked, "--out=n")
        assert (refused.status, refused.stdout) == (2, "")
        assert said in " ".join(refused.stderr.replace("│", " ").split())


def test_merge_says_its_plan_in_words(cli: Cli, pico: Path) -> None:
    said = cli("merge", pico, "--alpha", "1.25", "--out", "m", "--dry-run").stdout
    assert "nothing was written" in said


def test_merge_says_where_the_endpoints_differ(cli: Cli, pico: Path, tmp_path: Path) -> None:
    shutil.copytree(pico, tmp_path / "other")
    file = tmp_path / "other" / "high" / "generation_config.json"
    file.write_text(json.dumps({**json.loads(file.read_text("utf-8")), "eos_token_id": [3, 5]}), "utf-8")
    done = cli("merge", "./other", "--alpha", "1", "--out", "merged", "--json", "-")
    said = "generation_config.json differs in eos_token_id: 3 in the merge, [3, 5] in other/high"
    assert done.stderr.strip().splitlines()[-1] == f"warning: {said}"
    assert json.loads(done.stdout)["warnings"] == [said]


@pytest.mark.parametrize(
    ("tier", "options", "verdict", "kind"),
    [
        ("linear", (), "AC", None),
        ("quadratic", (), "TLE", "optimisation"),
        ("quadratic", ("--coverage", "low"), "AC", None),
        ("quadratic", ("--coverage", "2"), "AC", None),
    ],
)
def test_judge(cli: Cli, tmp_path: Path, tier: str, options: tuple[str, ...], verdict: str, kind: str | None) -> None:
    file = write_reference(tmp_path, tier)
    report = json.loads(cli("judge", PROBLEM, file, *options, "--json", "-").stdout)
    assert (report["verdict"], report["failure_kind"]) == (verdict, kind)
    assert report["problem"] == PROBLEM


def test_judge_shows_every_test_that_ran(cli: Cli, tmp_path: Path) -> None:
    file = write_reference(tmp_path, "quadratic")
    first, everything = cli("judge", PROBLEM, file), cli("judge", PROBLEM, file, "--all-tests")
    assert first.status == everything.status == 0
    assert first.stdout.startswith(f"{PROBLEM}: TLE, optimisation failure; level 3 reached")
    assert first.stdout.count("TLE") == 3
    assert everything.stdout.count("TLE") == 4


@pytest.mark.thorough
def test_judge_shows_the_first_failing_test_whole_though_it_be_hidden(cli: Cli, tmp_path: Path) -> None:
    first, hidden = (load_split("tiny-problems", "dev").select([PROBLEM])[0].tests[number] for number in (0, 10))
    assert not hidden.public
    slow = write_reference(tmp_path, "quadratic")
    failed = json.loads(cli("judge", PROBLEM, slow, "--json", "-").stdout)["failed_test"]
    assert failed["test"] == "10"
    assert failed["input"][:20] == f"f({hidden.input[1:19]}"
    shown = cli("judge", PROBLEM, slow).stdout
    assert "first test that fails: 10, TLE (steps)" in shown
    assert f"expected  {hidden.answer}" in shown
    (tmp_path / "wrong.py").write_text("def f(a, k):\n return a if k else 0\n", "utf-8")
    wrong = cli("judge", PROBLEM, "wrong.py").stdout
    assert f"first test that fails: 0, WA\n  input     f({first.input[1:-1]})\n  expected  {first.answer}" in wrong
    assert f"got       {json.loads(first.input)[0]}" in wrong
    right = cli("judge", PROBLEM, write_reference(tmp_path, "linear"), "--json", "-").stdout
    assert json.loads(right)["failed_test"] is None


def test_judge_reads_stdin(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    import io

    monkeypatch.setattr("sys.stdin", io.StringIO("def f(a, k):\n return 0\n"))
    assert "WA, correctness failure" in cli("judge", PROBLEM, "-").stdout
