"""Reports: the figures they tell, the file they are, and what they do with hostile and broken runs."""

from __future__ import annotations

import json
import os
import random
import re
import sqlite3
from base64 import b64encode, b85encode
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go  # type: ignore[import-untyped]
import pytest

from alphadial.agents.errors import StoreError
from alphadial.agents.experiments.attempt_curves import pass_curves, within_k
from alphadial.agents.experiments.compare.datasets import ReplayDataset
from alphadial.agents.experiments.fit_rates import FIT_FILE, FitRates, fit_rates
from alphadial.agents.experiments.outcomes import tabulate_so_far
from alphadial.agents.experiments.run_description import describe
from alphadial.agents.runs import public_failures
from alphadial.agents.runs.config import ModelChoice, RunConfig
from alphadial.agents.runs.prices import Prices
from alphadial.agents.runs.public_failures import PublicFailures
from alphadial.agents.runs.reading_runs import StoredRun, read_results
from alphadial.cli.plots import OKABE_ITO
from alphadial.cli.report import MOST_BYTES, write_report
from alphadial.cli.report.text import label, percent
from alphadial.cli.report.transcripts import sample_ids
from alphadial.cli.visible import visible
from alphadial.controller import Arm, OutcomeLog
from alphadial.envs.errors import SandboxUnavailableError
from alphadial.envs.types import FailedTest, Verdict

from ..tiny_specs import FIRST, FIRST_PROMPT
from .report_runs import (
    ALPHAS,
    HOSTILE,
    PATCH,
    Document,
    controlled_run,
    frontier_run,
    make_attempt,
    make_config,
    repository_run,
    write_run,
)

Cli = Callable[..., Any]


def run_of(folder: Path) -> StoredRun:
    found = read_results(folder)
    assert isinstance(found, StoredRun)
    return found


def report(folder: Path, **options: Any) -> Document:
    write_report(folder, folder / "report.html", **options)
    return Document((folder / "report.html").read_text("utf-8"))


def compare_folder(folder: Path, **changes: Any) -> Path:
    row = {
        "solve_ci": [0.4, 0.6],
        "minus_uniform": 0.0,
        "minus_uniform_ci": [0, 0],
        "temperature": 0.6,
        "family": "toy",
    }
    row |= {"alphas": [0, 0.5, 1, 1.5], "attempts_mean": 1.5}
    rows = [
        {
            **row,
            "controller": name,
            "k": k,
            "solve": 0.5,
            "minus_best_single": gain,
            "minus_best_single_ci": [-0.01, 0.1],
        }
        for k in (1, 5)
        for name, gain in (("best-single", 0.0), ("posterior", 0.04))
    ]
    oracle = {"controller": "oracle", "k": 5, "family": "toy", "solve": None, "solve_ci": [None, None]}
    comparison = {"family": "toy", "split": "dev", "orders": 200, "rows": rows, "beside": [oracle]} | changes
    folder.mkdir()
    (folder / "compare.json").write_text(json.dumps(comparison), "utf-8")
    return folder


def test_a_run_over_alphas_is_told_by_its_counts(tmp_path: Path) -> None:
    said = describe(run_of(frontier_run(tmp_path / "run")))
    assert [row["solve"] for row in said["frontier"]["rows"]] == [0.5] * 5
    assert [row["optimisation_failure"] for row in said["frontier"]["rows"]] == [0.5, 0.5, 0, 0, 0]
    assert said["counts"] == {
        "attempts": 40, "planned": 40, "finished": True, "problems": 4, "solved": 4, "unmeasurable": 0
    }  # fmt: skip
    heat = said["heat"]
    # Those that low alphas solve come first.
    assert heat["problems"] == ["t0.p3", "t1.p1", "t0.p0", "t2.p2"]
    assert heat["solved"][0] == [2, 2, 0, 0, 0]
    assert heat["measured"] == [[2] * 5] * 4
    assert heat["arms"] == ["-0.5", "0", "0.5", "1", "1.5"]
    assert said["by_number"] is said["transitions"] is said["choices"] is None
    used = said["totals"]
    assert (used.attempts, used.prompt_tokens, used.completion_tokens, used.cost) == (40, 200, 360, None)
    assert (used.cpu_s, used.judge_s, used.model_s) == pytest.approx((0.4, 0.8, 1.2))


def test_the_best_pair_takes_turns_at_the_same_budget(tmp_path: Path) -> None:
    run = run_of(frontier_run(tmp_path / "run", problems=6, samples=4))
    curves = pass_curves(tabulate_so_far(run.config, run.attempts))
    assert curves is not None
    assert (curves["ks"], curves["at"]) == ([1, 2, 3, 4], 2)
    # Each alpha solves half of the problems however often it tries; two opposite ones solve all with two attempts.
    assert all(curve["values"] == [0.5] * 4 for curve in curves["curves"])
    assert curves["pair"]["values"] == pytest.approx([0.5, 1, 1, 1])
    low, high = curves["pair"]["alphas"]
    assert low < 0.5 <= high
    assert curves["pair"]["gain"]["values"] == [pytest.approx(0.5)]


def test_a_controlled_run_is_told_by_attempt_number(tmp_path: Path) -> None:
    said = describe(run_of(controlled_run(tmp_path / "run")))
    assert said["within_k"]["ks"] == [1, 2, 3]
    assert said["within_k"]["values"] == pytest.approx([1 / 3, 1 / 3, 2 / 3])
    assert said["within_k"]["spent"] == [3, 5, 7]
    assert (said["frontier"], said["pass_at_k"]) == (None, None)
    flow = said["by_number"]
    assert (flow["arms"], flow["numbers"]) == ([f"{alpha:g}" for alpha in ALPHAS], [1, 2, 3])
    assert flow["counts"] == [[0, 0, 0, 3, 0], [1, 1, 0, 0, 0], [0, 0, 1, 0, 1]]
    # Solved, wrong, too slow, unmeasurable.
    assert flow["ends"] == [[0, 0, 1, 0], [0, 0, 1, 0], [1, 0, 0, 0], [1, 2, 0, 0], [0, 0, 0, 1]]
    assert [(row["after"], row["arm"], row["ends"], row["n"]) for row in said["transitions"]] == [
        ("start", "1", [1, 2, 0, 0], 3),
        ("correctness", "-0.5", [0, 0, 1, 0], 1),
        ("correctness", "0", [0, 0, 1, 0], 1),
        ("optimisation", "0.5", [1, 0, 0, 0], 1),
        ("optimisation", "1.5", [0, 0, 0, 1], 1),
    ]
    assert [name for name, _ in said["choices"]["rows"]] == ["t1.b", "t2.c", "t0.a"]
    assert (said["counts"]["finished"], said["counts"]["unmeasurable"]) == (True, 1)


def test_a_controlled_run_shows_counts_and_no_frontier(tmp_path: Path) -> None:
    page = report(controlled_run(tmp_path / "run"))
    assert {"rates", "path"} & page.data()["figures"].keys() == set()
    assert "The frontier" not in page.text
    numbers, arms, flow = (page.data()["figures"][name]["data"] for name in ("by-number", "by-arm", "flow"))
    assert [(bar["name"], bar["y"]) for bar in numbers[:2]] == [("−0.5", [0, 1, 0]), ("0", [0, 1, 0])]
    assert numbers[3]["text"] == ["3", "", ""]
    ended = {bar["name"]: bar["x"] for bar in arms}
    assert (ended["solved"], ended["wrong"]) == ([0, 0, 1, 1, 0], [0, 0, 0, 2, 0])
    assert (ended["too slow"], ended["unmeasurable"]) == ([1, 1, 0, 0, 0], [0, 0, 0, 0, 1])
    links, names = flow[0]["link"], flow[0]["node"]["label"]
    drawn = zip(links["source"], links["target"], links["value"], strict=True)
    found = {(names[source], names[target]): value for source, target, value in drawn}
    assert found["first attempt", "1"] == 3
    assert (found["after wrong", "−0.5"], found["1", "wrong"], found["0.5", "solved"]) == (1, 2, 1)
    assert "after too slow" in page.text
    assert "no rates" in page.text


def fitted(arms: tuple[Arm, ...]) -> FitRates:
    """Two samples of three problems, the third of which could not be measured once."""
    kinds = np.array([[[0, 0], [1, 2]], [[0, 1], [0, 2]], [[2, 2], [3, 0]]], dtype=np.uint8)
    return fit_rates(ReplayDataset(OutcomeLog(arms, kinds), ("t0", "t0", "t1")))


def test_what_a_controller_was_fitted_on_is_told_as_rates(tmp_path: Path) -> None:
    rates = fitted((Arm(alpha=-0.5), Arm(alpha=1.0)))
    low, high = rates.rows
    assert (low.solve, low.correctness_failure, low.optimisation_failure) == pytest.approx((0.5, 1 / 6, 1 / 3))
    assert (high.solve, high.unmeasurable, high.attempts) == (0.5, 1, 6)
    folder = controlled_run(tmp_path / "run")
    assert "was fitted on" not in report(folder).text
    (folder / FIT_FILE).write_text(rates.to_json(), "utf-8")
    page = report(folder)
    assert "there every arm tried all of 3 problems" in page.text
    assert page.data()["figures"]["dev-rates"]["data"][1]["y"] == [0.5, 0.5]
    assert "dev-path" in page.data()["figures"]
    (folder / FIT_FILE).write_text(fitted((Arm("a<b>"), Arm("b", 1.0, 0.6))).to_json(), "utf-8")
    page = report(folder)
    assert page.data()["figures"]["dev-rates"]["layout"]["xaxis"]["ticktext"] == ["a&lt;b&gt;", "b@1 T=0.6"]
    assert "dev-path" not in page.data()["figures"]
    (folder / FIT_FILE).write_text('{"problems": 3, "rows": [{}]}', "utf-8")
    with pytest.raises(StoreError, match=r"fitted_on.json holds no rates: rows.0.arm"):
        report(folder)


def test_every_row_of_a_heat_map_has_its_name(tmp_path: Path) -> None:
    heat = report(frontier_run(tmp_path / "run", problems=90, samples=1)).data()["figures"]["heat"]
    named = heat["layout"]["yaxis"]
    assert (len(named["ticktext"]), named["ticktext"][0]) == (90, "t0.p15")
    assert len(heat["narrow"]["yaxis"]["ticktext"]) == 90


def test_totals_are_told(tmp_path: Path) -> None:
    config = make_config(["t.a", "u.b"], 1, prices=Prices(1e-6, 2e-6, 0.0))
    costs = {"model_cost": 0.25, "sandbox_cost": 0.125}
    spent = {"prompt_tokens": 1000, "completion_tokens": 500, "cpu_s": 40.0, "judge_s": 2000.0, "model_s": 3700.0}
    attempts = [make_attempt(config, name, 0.5, 0, "AC", **costs, **spent) for name in config.problems]
    text = " ".join(report(write_run(tmp_path / "run", config, attempts)).text.split())
    for words in ("tokens3,0002,000 in, 1,000 out", "CPU of the programs1 min 20 s", "judge 1 h 7 min",
                  "model 2 h 3 min", "cost0.75"):  # fmt: skip
        assert words in text, words


def test_problems_that_the_budget_did_not_reach_count_as_unsolved(tmp_path: Path) -> None:
    config = make_config(["t.a", "t.b", "u.c", "u.d"], 3, command="run", controller="rule", budget=1)
    run = run_of(write_run(tmp_path / "run", config, [make_attempt(config, "t.a", 1.0, 0, "AC")]))
    assert within_k(run.config.problems, run.templates(), run.attempts)["values"] == [0.25]
    assert describe(run)["counts"]["finished"]


def test_an_unfinished_run_is_reported_as_one(tmp_path: Path) -> None:
    config = make_config(["t.a", "t.b"], 2)
    page = report(write_run(tmp_path / "run", config, [make_attempt(config, "t.a", 0.5, 0, "AC")]))
    assert "Unfinished: 1 of 20 attempts" in page.text
    assert "Unfinished" not in report(frontier_run(tmp_path / "whole")).text


def test_nothing_measurable_is_said_so(tmp_path: Path) -> None:
    config = make_config(["t.a"], 1)
    attempts = [make_attempt(config, "t.a", alpha, 0, None) for alpha in ALPHAS]
    assert "Not one attempt could be measured" in report(write_run(tmp_path / "run", config, attempts)).text


@pytest.mark.parametrize("make", [frontier_run, controlled_run, compare_folder])
def test_the_file_needs_and_fetches_nothing(make: Callable[[Path], Path], tmp_path: Path) -> None:
    page = report(make(tmp_path / "run"))
    assert page.links
    assert all(link.startswith("#") and link[1:] in page.ids for link in page.links)
    assert len(page.ids) == len(set(page.ids))
    assert not page.handlers
    assert not {"link", "iframe", "object", "embed", "base", "form", "img"} & set(page.tags)
    style = (tmp_path / "run" / "report.html").read_text("utf-8").partition("<style>")[2].partition("</style>")[0]
    assert "url(" not in style
    assert "@import" not in style
    assert "default-src 'none'" in page.policy
    allowed = re.findall(r"'sha256-([^']+)'", page.policy)
    executed = [text for name, text in page.scripts.items() if name.startswith("script")]
    assert [b64encode(sha256(text.encode()).digest()).decode() for text in executed] == allowed
    for name, figure in page.data()["figures"].items():
        assert go.Figure({"data": figure["data"], "layout": figure["layout"]}).data, name
        assert f'data-figure="{name}"' in (tmp_path / "run" / "report.html").read_text("utf-8")


def test_colours_are_those_of_the_pictures(tmp_path: Path) -> None:
    text = Path(write_report.__code__.co_filename).with_name("style.css").read_text("utf-8")
    for name, colour in OKABE_ITO.items():
        assert f"--{name}: {colour};" in text


def test_hostile_text_stays_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    everything = " ".join(HOSTILE)
    failed = FailedTest(everything, everything, everything, everything, Verdict.WA, everything)
    monkeypatch.setattr(
        public_failures, "public_failures", lambda run, ids, seconds: PublicFailures(dict.fromkeys(ids, failed), 0)
    )
    stored = everything.replace("\0", "\ufffd")
    problem = f"t.{stored}"
    models = (*make_config([]).models, ModelChoice(f"m{stored}", None))
    config = make_config([problem], 3, command="run", controller=f"c{stored}", family=f"f{stored}", models=models)
    call = {
        "id": everything,
        "type": "function",
        "function": {"name": everything, "arguments": f"{{broken {everything}"},
    }
    flat = {"name": "flat", "arguments": json.dumps({everything: 1})}
    messages = [
        {"role": everything, "content": everything},
        {"role": "assistant", "content": "", "tool_calls": [call, {**call, "function": flat}]},
        {"role": "tool", "content": everything, "tool_call_id": everything},
    ]
    texts = {"reason": stored, "cause": stored, "answer": stored, "program": stored * 500}
    attempts = [
        make_attempt(config, problem, 1.0, 0, "WA", **texts, transcript=json.dumps(messages), propensity=0.5),
        make_attempt(config, problem, 0.5, 1, "WA", **texts, propensity=0.5),
        replace(make_attempt(config, problem, 0, 2, "AC", **texts, model=models[-1].name), alpha=None),
    ]
    page = report(write_run(tmp_path / "run", config, attempts))
    assert page.title.startswith(f"f{visible(stored, lines=True)} on dev under c")
    assert page.tags.count("script") == 4
    assert "img" not in page.tags
    assert page.tags.count("b") == 1, "alphadial's own name in the head"
    assert not page.handlers
    raw = (tmp_path / "run" / "report.html").read_text("utf-8").partition("<script>")[0]
    assert not re.search("[\0\x07\u202e\u2066\u200b]", raw)
    unpacked = page.transcripts()
    assert visible(everything, lines=True) in unpacked["strings"]
    assert unpacked["attempts"][0]["failed"]["test"].startswith("</script>")
    assert not re.search("[\0\x07\u202e\u2066\u200b]", json.dumps(unpacked["attempts"], ensure_ascii=False))
    assert not any(re.search("[\0\x07\u202e\u2066\u200b]", text) for text in unpacked["strings"])
    assert max(map(len, unpacked["strings"])) < 120_000
    broken, whole = next(row for row in unpacked["attempts"] if row["sample"] == 0)["messages"][1]["calls"]
    assert unpacked["strings"][broken["arguments"][0][1]] == visible(f"{{broken {everything}", lines=True)
    assert (whole["name"], unpacked["strings"][whole["arguments"][0][1]]) == ("flat", "1")
    assert page.data()["choices"][0][1][0]["reason"] == visible(stored, lines=True)
    assert page.data()["arms"][-1] == f"m{visible(stored)}"
    drawn = json.dumps(page.data()["figures"])
    assert "m&lt;/script&gt;" in drawn
    assert not re.search("[<>]img|<script", drawn)


def test_what_cannot_be_seen_is_spelled_out() -> None:
    assert label("a\x1b\u202e\nb") == r"a\x1b\u202e\nb"
    assert label("<a href='javascript:1'>&") == "&lt;a href='javascript:1'&gt;&amp;"
    assert (percent(-0.0001), percent(None), percent(0.1234)) == ("0.0 %", "–", "12.3 %")


def test_transcripts_hold_what_the_attempts_hold(tmp_path: Path) -> None:
    config = make_config(["t.a"], 3)
    said = [{"role": "user", "content": "go"}, {"role": "assistant", "content": "gone"}]
    attempts = [
        make_attempt(config, "t.a", 0.5, 0, "AC"),
        make_attempt(config, "t.a", 0.5, 1, "WA", answer="Here:\n```\nx\n```", program="x"),
        make_attempt(config, "t.a", 0.5, 2, "WA", transcript=json.dumps(said), program=""),
    ]
    unpacked = report(write_run(tmp_path / "run", config, attempts)).transcripts()
    rows = sorted(unpacked["attempts"], key=lambda row: row["sample"])
    told = [[unpacked["strings"][message["content"]] for message in row["messages"]] for row in rows]
    # A bare program is its own answer.
    assert told == [[], ["Here:\n```\nx\n```"], ["go", "gone"]]
    assert [row["program"] is None for row in rows] == [False, False, True]
    assert [row["verdict"] for row in rows] == ["AC", "WA", "WA"]


def test_a_patch_comes_with_its_tests_level_by_level(tmp_path: Path) -> None:
    unpacked = report(repository_run(tmp_path / "run")).transcripts()
    first, second = sorted(unpacked["attempts"], key=lambda row: row["sample"])
    assert unpacked["strings"][first["program"]] == PATCH
    assert first["tests"] == [
        [1, 1, 1, [["tests/test_core.py::test_f", "AC"]]],
        [2, 1, 2, [["tests/test_core.py::test_<b>g</b>", "WA"], ["tests/x.py", "AC"]]],
    ]
    assert (second["ratio"], second["shared_verifier"]) == (1.25, 1)


@pytest.mark.slow
def test_thousands_of_large_attempts_fit_and_the_page_says_what_is_left_out(tmp_path: Path) -> None:
    config = make_config([f"t{at % 20}.{at}" for at in range(200)], 6)
    noise = random.Random(0)
    programs = [f"# {b85encode(noise.randbytes(4500)).decode()}" for _ in range(6000)]
    cells = [(problem, alpha, sample) for problem in config.problems for alpha in ALPHAS for sample in range(6)]
    attempts = (
        make_attempt(config, *cell, noise.choice(["AC", "WA", "TLE"]), program=program, answer="")
        for cell, program in zip(cells, programs, strict=True)
    )
    folder = write_run(tmp_path / "run", config, attempts)
    page = report(folder)
    shown = len(page.transcripts()["attempts"])
    assert (folder / "report.html").stat().st_size <= MOST_BYTES
    assert 500 < shown < 2000
    assert f"A sample of {shown:,} of 6,000 attempts, drawn with seed 0; alphadial show ID --run {folder}" in page.text


def test_the_sample_is_the_seeds(tmp_path: Path) -> None:
    folder = frontier_run(tmp_path / "run", problems=10)
    run = run_of(folder)
    ids = sample_ids(run.attempts, 30, 3)
    assert ids == sample_ids(tuple(reversed(run.attempts)), 30, 3)
    assert len(set(ids)) == 30
    assert ids != sample_ids(run.attempts, 30, 4)
    page = report(folder, transcripts=30, seed=3)
    assert [row["id"] for row in page.transcripts()["attempts"]] == ids
    assert "A sample of 30 of 100 attempts, drawn with seed 3" in page.text
    assert "All 100 attempts" in report(folder).text


def test_the_command_writes_beside_the_run_or_where_it_is_told(cli: Cli, tmp_path: Path) -> None:
    frontier_run(tmp_path / "run")
    done = cli("report", "run")
    assert done.status == 0, done.stderr
    assert done.stdout.startswith("report: run/report.html (")
    assert "40 of 40 attempts in full" in done.stdout
    done = cli("report", "run", "--out", "x.html", "--transcripts", "0")
    assert done.status == 0, done.stderr
    page = Document((tmp_path / "x.html").read_text("utf-8"))
    assert page.transcripts()["attempts"] == []
    assert page.data()["command"] == "alphadial show ID --run run"


def test_what_cannot_be_reported_is_one_line(cli: Cli, tmp_path: Path) -> None:
    assert cli("report", "nowhere").refused("nowhere is no folder", "alphadial frontier")
    (tmp_path / "empty").mkdir()
    assert cli("report", "empty").refused("empty is not a run folder")
    run = frontier_run(tmp_path / "run")
    assert cli("report", "run", "--out", "no/x.html").refused("no/x.html", "make it first")
    assert cli("report", "run", "--out", "empty").refused("--out empty is a folder")
    if os.geteuid():
        (tmp_path / "empty").chmod(0o500)
        assert cli("report", "run", "--out", "empty/x.html").refused("cannot write empty/x.html")
    config = json.loads((run / "config.json").read_text("utf-8"))
    (run / "config.json").write_text(json.dumps({**config, "format": 1}), "utf-8")
    assert cli("report", "run").refused("run/config.json cannot be used", "version 1")
    (run / "config.json").write_bytes(b"\xff{")
    assert cli("report", "run").refused("run/config.json")
    write_run(tmp_path / "new", make_config(["t.a"]), [])
    assert cli("report", "new").refused("new has no attempts yet")
    compare_folder(tmp_path / "broken", rows=[{"k": "x"}])
    assert cli("report", "broken").refused("broken/compare.json is no comparison")
    compare_folder(tmp_path / "none", rows=[])
    assert cli("report", "none").refused("none/compare.json", "no rows")


def test_a_damaged_store_is_one_line(cli: Cli, tmp_path: Path) -> None:
    store = frontier_run(tmp_path / "run") / "attempts.sqlite"
    with sqlite3.connect(store) as connection:
        connection.execute("update attempts set model = 'other@1' where sample = 1")
    connection.close()
    assert cli("report", "run").refused("attempts.sqlite is damaged", "column model: 'other@1'")
    store.write_bytes(b"no database" * 100)
    assert cli("report", "run").refused("cannot read run/attempts.sqlite")


def test_without_plotly_one_line_names_the_extra(process: Cli, tmp_path: Path) -> None:
    frontier_run(tmp_path / "run")
    assert process("report", "run", without=["plotly"]).refused(
        "the report needs plotly: pip install 'alphadial[report]'"
    )


def test_a_comparison_shows_its_rows(tmp_path: Path) -> None:
    page = report(compare_folder(tmp_path / "compare"))
    assert page.title == "Controllers on toy, dev · alphadial"
    assert "posterior1" in page.text.replace(" ", "")
    gained = page.data()["figures"]["gained0"]
    assert gained["layout"]["yaxis"]["ticktext"] == ["posterior"]
    assert [trace["x"] for trace in gained["data"]] == [[0.04], [0.04]]


ENDS = (("", 0.4), ("_ci", [0.3, 0.5]))
"""An estimate and its interval, by the ends of their names."""


def test_a_comparison_shows_what_several_alphas_do_together(tmp_path: Path) -> None:
    estimates = {f"{name}{end}": value for name in ("solve", "minus_best_single", "all_minus") for end, value in ENDS}
    arm = {"arm": {"alpha": -1.5, "temperature": 0.6}, "attempts": 2}
    ensembles = [
        {"family": "toy", "name": name, "k": k, "arms": [arm], **estimates}
        for k in (2, 25)
        for name in ("best single", "all alphas")
    ]
    inside = {"temperature": 0.6, "samples": 64, "inside": ["toy@0", "toy@<b>"], "missed": 40, "best_inside": "toy@0"}
    opened = {**inside, "opened": 19, "below": 4, "above": 15, "by_alpha": [{"alpha": 2.0, "opened": 15}]}
    opened |= {"family": "toy", "fresh_samples": 384, "control": 2}
    solved = {"solve@1": 0.5, "solve@1_ci": [0.4, 0.6], "solve@5": 0.9, "solve@5_ci": [0.8, 1.0]}
    groups = [
        {"family": "toy", "group": group, "problems": 3, "alpha": alpha, "model": f"toy@{alpha:g}", **solved}
        for group in ("early", "late")
        for alpha in (0.0, 2.0)
    ]
    page = report(compare_folder(tmp_path / "compare", ensembles=ensembles, opened=[opened], groups=groups))
    figures = page.data()["figures"]
    assert [trace["name"] for trace in figures["ensembles"]["data"]] == ["best single", "all alphas"]
    assert [trace["x"] for trace in figures["ensembles"]["data"]] == [[2, 25], [2, 25]]
    assert [trace["name"] for trace in figures["groups"]["data"] if "name" in trace] == ["early", "late"]
    assert "open 2 by the same rule" in page.text
    assert "2 x -1.5 T=0.6" in page.text


def test_groups_of_problems_are_shown_over_alpha(tmp_path: Path) -> None:
    config = make_config(["t0.early", "t1.late"], 1)
    attempts = [
        make_attempt(config, f"t{at}.{group}", alpha, 0, "AC" if (alpha > 0) == bool(at) else "TLE", group=group)
        for at, group in enumerate(("early", "late"))
        for alpha in ALPHAS
    ]
    figures = report(write_run(tmp_path / "run", config, attempts)).data()["figures"]
    assert {trace["name"]: trace["y"] for trace in figures["groups"]["data"]} == {
        "early": [float(alpha <= 0) for alpha in ALPHAS],
        "late": [float(alpha > 0) for alpha in ALPHAS],
    }
    assert "groups" not in report(frontier_run(tmp_path / "one")).data()["figures"]


def test_a_run_of_a_problem_set_at_hand_shows_its_questions(tmp_path: Path) -> None:
    name = FIRST.id
    config: RunConfig = replace(make_config([name], 1), problem_set="tiny-problems")
    page = report(write_run(tmp_path / "run", config, [make_attempt(config, name, 1.0, 0, "AC")]))
    (row,) = page.transcripts()["attempts"]
    assert row["levels"] == 4
    assert [message["role"] for message in row["messages"]] == ["problem", "user"]
    statement, compact = (page.transcripts()["strings"][message["content"]] for message in row["messages"])
    assert statement.startswith("Write a Python function f(a, k)")
    assert compact == FIRST_PROMPT


AT_HAND = FIRST.id


def run_at_hand(folder: Path) -> Path:
    """Three attempts on a problem that is at hand: solved, wrong on a public test, no program."""
    config: RunConfig = replace(make_config([AT_HAND], 3), problem_set="tiny-problems")
    programs = {"AC": "def f(a, k):\n    return 0\n", "WA": "def f(a, k):\n    return 'wrong'\n", "CE": "def f(a, k:\n"}
    attempts = [
        make_attempt(config, AT_HAND, 1.0, at, "AC" if verdict == "AC" else "WA", program=program)
        for at, (verdict, program) in enumerate(programs.items())
    ]
    return write_run(folder, config, [*attempts[:2], replace(attempts[2], verdict="CE", public_verdict="CE")])


def test_the_first_public_test_that_fails_is_told(tmp_path: Path) -> None:
    unpacked = report(run_at_hand(tmp_path / "run")).transcripts()
    passed, wrong, broken = sorted(unpacked["attempts"], key=lambda row: row["sample"])
    assert passed["failed"] is broken["failed"] is None
    told = {name: unpacked["strings"][wrong["failed"][name]] for name in ("input", "expected", "got")}
    assert told["input"].startswith("f([")
    assert told["got"] == "'wrong'"
    assert told["expected"].lstrip("-").isdigit()
    assert wrong["failed"]["told"] == "WA"


def test_a_page_says_of_how_many_attempts_the_failed_test_is_not_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = run_of(run_at_hand(tmp_path / "run"))
    late = public_failures.public_failures(run, [attempt.id for attempt in run.attempts], seconds=-1)
    assert (late.found, late.left_out) == ({}, 2)

    def nowhere() -> None:
        raise SandboxUnavailableError("no bwrap here")

    monkeypatch.setattr(public_failures, "open_sandbox", nowhere)
    assert "Which public tests failed is not shown: no bwrap here." in report(tmp_path / "run").text
    told = report(frontier_run(tmp_path / "toys")).text
    assert "Of 20 of them the failed public test is not shown: the problems are not at hand here." in told
