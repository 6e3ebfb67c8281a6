"""Two runs side by side: figures recomputed by hand, what cannot be paired, a page that hostile runs do not drive."""

from __future__ import annotations

import random
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alphadial.agents.errors import OptionError
from alphadial.agents.experiments.paired_runs import RunPair, pair_runs, program_diff
from alphadial.agents.runs.config import ModelChoice
from alphadial.agents.runs.reading_runs import StoredRun, read_results
from alphadial.cli.report import write_pair

from .report_runs import (
    HOSTILE,
    Document,
    controlled_run,
    frontier_run,
    make_attempt,
    make_config,
    pair_of_runs,
    write_run,
)
from .test_report import compare_folder

Cli = Callable[..., Any]


def pair(first: Path, second: Path) -> RunPair:
    runs = [read_results(folder) for folder in (first, second)]
    assert isinstance(runs[0], StoredRun)
    assert isinstance(runs[1], StoredRun)
    return pair_runs(runs[0], runs[1])


def page(first: Path, second: Path, out: Path) -> Document:
    write_pair(first, second, out)
    return Document(out.read_text("utf-8"))


def test_the_figures_are_those_that_a_hand_computes(tmp_path: Path) -> None:
    """Sixty problems of twenty templates; everything beyond the outcomes is written anew here, in plain numpy."""
    chance, problems = random.Random(5), [f"t{at % 20}.p{at}" for at in range(60)]
    stories = {
        run: {name: [chance.random() < share for _ in range(4)] for name in problems}
        for run, share in (("a", 0.5), ("b", 0.3))
    }
    for run, story in stories.items():
        config = make_config(problems, 4 if run == "a" else 3, command="run", controller="uniform", seed=len(run))
        attempts = [
            make_attempt(config, name, 1.0, at, "AC" if solved else "WA")
            for name, tries in story.items()
            for at, solved in enumerate(tries[: config.samples])
            if not any(tries[:at])
        ]
        write_run(tmp_path / run, config, attempts)
    found = pair(tmp_path / "a", tmp_path / "b")

    # The second run may make three attempts, so both are told within three.
    within = {run: np.array([any(story[name][:3]) for name in problems], float) for run, story in stories.items()}
    difference = within["a"] - within["b"]
    best = found.rates[0]
    assert (best.what, best.problems, found.left_out) == ("problems solved within 3 attempts", 60, 0)
    assert best.first.value == within["a"].sum() / 60
    assert best.second.value == within["b"].sum() / 60
    assert best.difference.value == pytest.approx(difference.sum() / 60)
    clusters = [difference[[at for at in range(60) if at % 20 == template]] for template in range(20)]
    generator, means = np.random.default_rng(987), []
    for _ in range(4000):
        drawn = generator.integers(0, 20, size=20)
        means.append(np.concatenate([clusters[template] for template in drawn]).mean())
    assert best.difference.interval == pytest.approx([np.quantile(means, 0.025), np.quantile(means, 0.975)], abs=0.02)
    first_try = [tries[0] for tries in stories["a"].values()], [tries[0] for tries in stories["b"].values()]
    assert found.rates[1].difference.value == pytest.approx((sum(first_try[0]) - sum(first_try[1])) / 60)
    gained = {name for name, gain in zip(problems, difference, strict=True) if gain > 0}
    lost = {name for name, gain in zip(problems, difference, strict=True) if gain < 0}
    assert {flip.problem for flip in found.flips if flip.by_first} == gained
    assert {flip.problem for flip in found.flips if not flip.by_first} == lost
    made = [sum(next((at for at, won in enumerate(tries[:most], 1) if won), most) for tries in story.values())
            for most, story in zip((4, 3), stories.values(), strict=True)]  # fmt: skip
    assert [used.attempts for used in found.used] == made
    assert [used.completion_tokens for used in found.used] == [9 * attempts for attempts in made]
    text = page(tmp_path / "a", tmp_path / "b", tmp_path / "r.html").text
    assert f"+{100 * difference.sum() / 60:.1f}" in text
    assert f"{len(gained)} solved by A alone, {len(lost)} by B alone" in text


def test_a_page_shows_difference_flips_programs_totals_and_settings(tmp_path: Path) -> None:
    folder = pair_of_runs(tmp_path / "runs")
    text = page(folder / "a", folder / "b", tmp_path / "r.html").text
    for words in ("Problems solved within 2 attempts, paired over 5 problems of 4 templates",
                  "1 solved by A alone, 1 by B", "A solved itAC at 1, attempt 2", "B did notWA at 0.5, attempt 1",
                  "- return 0", "+ return 1",
                  "attempts89", "seed78", "alphadial show"):  # fmt: skip
        assert words in text, words
    assert "uniform" not in text, "it is the same in both"
    assert "were not judged alike" not in text
    pair_of_runs(tmp_path / "other", coverage="low")
    assert "differ in coverage: they were not judged alike" in page(
        tmp_path / "other" / "a", tmp_path / "other" / "b", tmp_path / "r.html"
    ).text  # fmt: skip


def test_runs_over_arms_are_paired_by_the_arms_of_both(tmp_path: Path) -> None:
    names = ["t0.a", "t1.b"]
    models = [
        tuple(ModelChoice(f"toy@{alpha:g}", alpha) for alpha in alphas) for alphas in ((0.0, 0.5, 1.0), (0.5, 1.0))
    ]
    outcomes = (
        {(0.0, "t0.a"): "AC WA", (0.5, "t0.a"): "AC AC", (1.0, "t0.a"): "AC WA",
         (0.0, "t1.b"): "WA WA", (0.5, "t1.b"): "WA WA", (1.0, "t1.b"): "WA WA"},
        {(0.5, "t0.a"): "WA AC WA WA", (1.0, "t0.a"): "AC U U U",
         (0.5, "t1.b"): "WA WA WA WA", (1.0, "t1.b"): "U U U U"},
    )  # fmt: skip
    for name, choice, cells in zip("ab", models, outcomes, strict=True):
        config = make_config(names, len(next(iter(cells.values())).split()), models=choice)
        attempts = [
            make_attempt(config, problem, alpha, at, None if verdict == "U" else verdict)
            for (alpha, problem), verdicts in cells.items()
            for at, verdict in enumerate(verdicts.split())
        ]
        write_run(tmp_path / name, config, attempts)
    found = pair(tmp_path / "a", tmp_path / "b")
    told = [(rate.what, rate.first.value, rate.second.value, rate.problems) for rate in found.rates]
    assert told == [
        ("attempts that solve, over the 2 arms of both", 0.75, 0.625, 1),
        ("attempts that solve at 0.5", 0.5, 0.125, 2),
        ("attempts that solve at 1", 0.5, 1.0, 1),
        ("problems solved at least once", 0.5, 0.5, 2),
    ]
    assert found.left_out == 1
    text = page(tmp_path / "a", tmp_path / "b", tmp_path / "r.html").text
    assert "A makes 2 attempts per problem and arm, B 4." in text
    assert "without 1 that a run could not measure" in text


def test_a_run_over_arms_and_a_controlled_one_have_solved_at_all_in_common(tmp_path: Path) -> None:
    names = ["t0.a", "t1.b", "t2.c"]
    config = make_config(names, 1)
    attempts = [make_attempt(config, name, model.alpha or 0.0, 0, "AC") for name in names for model in config.models]
    write_run(tmp_path / "a", config, attempts)
    found = pair(tmp_path / "a", controlled_run(tmp_path / "b"))
    assert [(rate.what, rate.problems) for rate in found.rates] == [("problems solved at least once", 3)]
    assert found.rates[0].difference.value == pytest.approx(1 / 3)


def test_problems_that_an_unfinished_run_has_not_ended_count_nowhere(tmp_path: Path) -> None:
    folder = pair_of_runs(tmp_path / "runs")
    config = make_config(["t0.a", "t0.b", "t1.c", "t2.d", "t3.e"], 2, command="run", controller="uniform", seed=9)
    attempts = [make_attempt(config, "t0.a", 1.0, 0, "AC"), make_attempt(config, "t0.b", 1.0, 0, "WA")]
    found = pair(folder / "a", write_run(tmp_path / "half", config, attempts))
    assert (found.left_out, found.rates[0].problems, found.rates[0].difference.value) == (4, 1, 0.0)
    assert found.flips == ()
    begun = write_run(
        tmp_path / "begun", replace(config, seed=10), [make_attempt(replace(config, seed=10), "t0.b", 1.0, 0, "WA")]
    )
    with pytest.raises(OptionError, match=r"no problem yet that both .* came to the end of"):
        pair(folder / "a", begun)


def test_what_cannot_be_paired_is_one_line(cli: Cli, tmp_path: Path) -> None:
    controlled_run(tmp_path / "a")
    controlled_run(tmp_path / "test", split="test", split_hash="def")
    controlled_run(tmp_path / "changed", split_hash="def")
    frontier_run(tmp_path / "strangers")
    compare_folder(tmp_path / "compare")
    write_run(tmp_path / "empty", make_config(["t0.a"]), [])
    for other, *words in (
        ("test", "a is a run of toys dev, and test of toys test"),
        ("changed", "the problems of toys dev changed between a and changed"),
        ("strangers", "a and strangers have no problem in common"),
        ("compare", "compare is a comparison"),
        ("empty", "empty has no attempts yet"),
        ("nowhere", "nowhere is no folder"),
    ):
        assert cli("report", "a", other).refused(*words)
    assert not (tmp_path / "a" / "report-pair.html").exists()
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    done = cli("report", "a", "b")
    assert done.status == 0, done.stderr
    assert re.match(r"report: a/report-pair.html \([\d.]+ MB, 14 attempts of both\)\n", done.stdout)


def test_hostile_text_stays_text(tmp_path: Path) -> None:
    stored = " ".join(HOSTILE).replace("\0", "\ufffd")
    names = [f"t{at}.{stored}" for at in range(2)]
    models = (ModelChoice(f"toy@{stored}", None),)
    for name, verdicts in (("a", "AC WA"), ("b", "WA AC")):
        config = make_config(names, 1, models=models, family=f"{name}{stored}", prompt=f"{name}{stored}")
        texts = {"cause": stored, "program": f"{name}{stored}\n" * 50, "model": models[0].name}
        attempts = [
            replace(make_attempt(config, problem, 0.0, 0, verdict, **texts), alpha=None)
            for problem, verdict in zip(names, verdicts.split(), strict=True)
        ]
        write_run(tmp_path / f"{name}<b>%{{x}}", config, attempts)
    shown = page(tmp_path / "a<b>%{x}", tmp_path / "b<b>%{x}", tmp_path / "r.html")
    assert shown.tags.count("script") == 4
    assert shown.tags.count("b") == 1, "alphadial's own name in the head"
    assert "img" not in shown.tags
    assert not shown.handlers
    raw = (tmp_path / "r.html").read_text("utf-8").partition("<script>")[0]
    assert not re.search("[\x07\u202e\u2066\u200b]", raw)
    assert "<script>document.title" in shown.text
    drawn = raw.partition('id="data">')[2]
    assert "<" not in drawn.partition("</script>")[0]


def test_a_diff_marks_the_lines_of_each_program() -> None:
    assert program_diff("a\nb\nc", "a\nB\nc") == [" a", "-b", "+B", " c"]
    assert program_diff("a\n", "a\n") == [" a"]
    assert program_diff("", "a\nb") == ["+a", "+b"]
    assert len(program_diff("x\n" * 5000, "y\n" * 5000)) == 2000
