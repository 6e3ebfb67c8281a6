"""``alphadial run --arms``: families in this process, models of a server, tables of others, and what is refused."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from alphadial.agents import RunOptions, RuntimeConfig, attempt_problems, load_attempts
from alphadial.agents.policies.weights import expected_weights_id
from alphadial.controller import Arm
from alphadial.merge_engine import load_family

from ..agents.servers import Behaviour, completion, serving
from ..tiny_specs import FIRST, SECOND
from .fakes import chat_server
from .killing import Killer, rows
from .test_run_kill import summary_but_times

Cli = Callable[..., Any]
TABLE = Path(__file__).parents[3] / "shared" / "data" / "outcomes" / "lcb_gen_2024_04.csv"
needs_table = pytest.mark.skipif(not TABLE.is_file(), reason="the outcome tables of ../shared/data are not here")
TINY = ("tiny", "--split", "dev", "--problems", f"{FIRST.id},{SECOND.id}")
STRONG, WEAK, THIRD = "GPT-4-Turbo-1106", "Claude-3-Haiku", "DSCoder-33b-Ins"
CONTROLLER = '''
from alphadial.controller import BaseController, Choice, OutcomeKind


class ByDifficulty(BaseController):
    """Takes the arm that solved most problems of the same difficulty, and no arm twice on a problem."""

    name = "by-difficulty"
    seen = []

    def _learn(self, log):
        self.seen.append(("learnt", dict(log.contexts[0].features)))
        self._rates = {}
        for row, context in enumerate(log.contexts):
            solved = (log.kinds[row] == OutcomeKind.SOLVED).sum(axis=1)
            for arm, count in enumerate(solved):
                key = context.features.get("difficulty"), arm
                self._rates[key] = self._rates.get(key, 0) + int(count)

    def _choose(self, situation):
        tried = {index for index, _ in situation.history}
        left = [arm for arm in range(len(self.arms)) if arm not in tried] or [0]
        level = situation.context.features.get("difficulty")
        return Choice(max(left, key=lambda arm: self._rates.get((level, arm), 0)), f"for {level}")

    def update(self, decision, outcome):
        self.seen.append((str(decision.arm), dict(decision.context.features), outcome.verdict, outcome.tokens))

    def _memory(self):
        return {"rates": sorted([str(level), arm, rate] for (level, arm), rate in self._rates.items())}
'''


def write_problems(folder: Path, count: int = 4) -> None:
    """Problems of one's own, easy and hard in turn: print the number times so much."""
    easy = {"difficulty": "easy", "platform": "codeforces", "date": "2024-01-01"}
    hard = {"difficulty": "hard", "platform": "atcoder"}
    lines = [
        {
            "id": f"times-{factor}",
            "statement": f"Print the number times {factor}.",
            "time_limit_s": 2,
            "tests": [{"group": "sample", "input": "21\n", "answer": f"{21 * factor}\n"}],
            **(easy if factor % 2 else hard),
        }
        for factor in range(1, count + 1)
    ]
    (folder / "mine.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")


def models(nap_s: float = 0.0) -> Behaviour:
    """A server whose strong model solves everything, and whose others solve the odd problems."""

    def behave(body: dict[str, Any]) -> tuple[int, bytes]:
        if "GET" in body:
            return 200, json.dumps({"data": [{"id": name} for name in (STRONG, WEAK, THIRD)]}).encode()
        time.sleep(nap_s * (body["seed"] % 4))
        factor = int(body["messages"][-1]["content"].partition("times ")[2].partition(".")[0])
        right = body["model"] == STRONG or factor % 2
        return completion(f"```python\nprint({factor if right else 0} * int(input()))\n```", None)

    return behave


def write_arms(folder: Path, *entries: dict[str, Any]) -> str:
    (folder / "arms.json").write_text(json.dumps(entries), "utf-8")
    return "arms.json"


def asked(url: str, folder: Path, *more: str) -> tuple[str, ...]:
    write_problems(folder)
    arms = write_arms(folder, {"model": [STRONG, WEAK, THIRD]})
    return (
        *("run", "--arms", arms, "--problem-set", "mine.jsonl", "--server", url, "--unverified-weights"),
        *("--attempts", "3", "--workers", "1", *more),
    )


@pytest.mark.thorough
@needs_table
def test_a_table_of_others_teaches_and_a_server_is_driven(cli: Cli, tmp_path: Path) -> None:
    with serving(models(), lists=True) as url:
        done = cli(*asked(url, tmp_path, "--fit", str(TABLE), "--json", "run.json"))
    assert done.status == 0, done.stderr
    shown = " ".join(done.stdout.split())
    assert f"posterior on {WEAK} and {THIRD} and {STRONG} all: 4 problems" in shown
    told = json.loads((tmp_path / "run.json").read_text("utf-8"))
    assert [row["arm"] for row in told["by_arm"]] == [WEAK, THIRD, STRONG]
    assert [story["arms"] for story in told["by_problem"]] == [[STRONG]] * 4  # by far the best of the table
    assert told["totals"]["completion_tokens"] == 12
    assert f"arm attempts solved wrong too slow tokens CPU s {STRONG} 4 4 0 0 40" in shown
    assert "in all 28 tokens read and 12 written" in shown


@pytest.mark.thorough
@needs_table
def test_features_reach_whoever_chooses(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "by_difficulty.py").write_text(CONTROLLER, "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    with serving(models(), lists=True) as url:
        done = cli(
            *asked(url, tmp_path, "--fit", str(TABLE), "--controller", "by_difficulty:ByDifficulty", "--out", "r")
        )
        assert done.status == 0, done.stderr
        again = cli(
            *asked(url, tmp_path, "--fit", str(TABLE), "--controller", "by_difficulty:ByDifficulty", "--out", "r")
        )
    assert "2 of 4 problems have no date, such as times-2: it is unknown there" in done.stderr
    assert "resuming: 4 of 12 attempts are already there" in again.stderr
    from by_difficulty import ByDifficulty  # type: ignore[import-not-found]

    learnt, *made = ByDifficulty.seen[:5]
    assert learnt == ("learnt", {"difficulty": "easy", "platform": "codeforces", "date": 19591.0})
    assert made[0] == (STRONG, {"difficulty": "easy", "platform": "codeforces", "date": 19723.0}, "AC", 10)
    assert [features["difficulty"] for _, features, *_ in made] == ["easy", "hard", "easy", "hard"]


@pytest.mark.thorough
@needs_table
def test_the_same_from_python(tmp_path: Path) -> None:
    write_problems(tmp_path)
    with serving(models(), lists=True) as url:
        options = RunOptions(
            arms=[Arm(WEAK), Arm(STRONG)], problem_set=tmp_path / "mine.jsonl", fit=[TABLE], attempts=2
        )
        runtime = RuntimeConfig(server=url, unverified_weights=True, workers=1)
        finished = attempt_problems(options, tmp_path / "run", runtime)
    assert [row["solve"] for row in finished.summary["rows"]] == [1.0, 1.0]


@pytest.mark.thorough
def test_tables_of_two_temperatures_and_in_per_cent(cli: Cli, tmp_path: Path) -> None:
    for heat, cell in (("low", "10"), ("high", "90")):
        text = f"problem,theme,{WEAK}\na,x,{cell}\nb,y,50.5\n"
        (tmp_path / f"{heat}.csv").write_text(text, "utf-8")
    fit = ("--fit", "low.csv", "--fit", "high.csv", "--features", "theme", "--percent")
    with serving(models(), lists=True) as url:
        command = asked(url, tmp_path)
        write_arms(tmp_path, {"model": WEAK, "temperature": [0.2, 1]})
        several = cli(*command, *fit)
        assert (several.status, several.stdout) == (2, "")
        assert f"low.csv has one column for {WEAK}, of which there are several arms" in several.stderr
        assert cli(*command, *fit, "--fit-temperatures", "1").refused("1 temperatures for 2 tables")
        assert "is of temperature 0.2, and the arm of 1" in cli(*command, *fit, "--fit-temperatures", "0.2,0.7").stderr
        done = cli(*command, *fit, "--fit-temperatures", "0.2,1", "--out", "run", "--json", "run.json")
    assert done.status == 0, done.stderr
    told = json.loads((tmp_path / "run.json").read_text("utf-8"))
    assert told["by_problem"][0]["arms"] == [f"{WEAK} T=1"]  # which the tables say is the better one
    state = json.loads((tmp_path / "run" / "controller.json").read_text("utf-8"))
    assert [arm["temperature"] for arm in state["arms"]] == [0.2, 1.0]


@pytest.mark.thorough
def test_a_family_here_a_family_and_a_model_on_a_server(cli: Cli, pico: Path, tmp_path: Path) -> None:
    family = load_family(pico)
    arms = write_arms(
        tmp_path,
        {"family": "tiny", "alpha": 1, "in_process": True},
        {"family": str(pico), "alpha": 0},
        {"model": "org/gpt"},
    )
    chosen = ("run", "--arms", arms, *TINY[1:], "--controller", "uniform", "--attempts", "4", "--seed", "7")
    with chat_server(lambda name: expected_weights_id(family, name) if name == "pico@0" else "whoever") as url:
        command = (*chosen, "--server", url)
        done = cli(*command, "--out", "run")
        assert done.status == 0, done.stderr
        assert done.stderr.splitlines()[0] == f"run folder run: loading tiny and asking {url}"
        verified = {row["model"]: row["weights_id"] is not None for row in load_attempts(tmp_path / "run")}
        assert verified == {"tiny@1": True, "pico@0": True, "org/gpt": False}
    with chat_server(lambda name: "whoever") as url:
        command = (*chosen, "--server", url)
        assert cli(*command, "--out", "other").refused("answered as pico@0 with other weights")


@pytest.mark.thorough
def test_families_and_settings_in_this_process(cli: Cli, pico: Path, tmp_path: Path) -> None:
    arms = write_arms(
        tmp_path,
        {"family": "tiny", "alpha": 1, "temperature": [0, 1]},
        {"family": str(pico), "alpha": 0, "setting": ["reasoning", "tools"]},
    )
    command = ("run", "--arms", arms, *TINY[1:], "--controller", "uniform", "--attempts", "4", "--out", "run")
    done = cli(*command, "--json", "run.json")
    assert done.status == 0, done.stderr
    assert done.stderr.splitlines()[0] == "run folder run: loading tiny and pico"
    told = json.loads((tmp_path / "run.json").read_text("utf-8"))
    assert [row["arm"] for row in told["by_arm"]] == ["pico@0 reasoning", "pico@0 tools", "tiny@1 T=0", "tiny@1 T=1"]
    assert told["family"] is told["setting"] is told["temperature"] is None
    first = rows(tmp_path / "run")
    assert cli(*command).status == 0
    assert rows(tmp_path / "run") == first
    config = json.loads((tmp_path / "run" / "config.json").read_text("utf-8"))
    assert config["format"] == 6
    for attempt in told["by_problem"][0]["attempts"]:
        assert cli("show", attempt, "--run", "run").status == 0
    assert cli("report", "run").status == 0
    assert "over 4 arms" in (tmp_path / "run" / "report.html").read_text("utf-8")


@pytest.mark.thorough
def test_shipped_tables_of_several_temperatures_teach(cli: Cli, tmp_path: Path) -> None:
    arms = write_arms(tmp_path, {"alpha": [0, 1], "temperature": [0.6, 1]})
    done = cli("run", *TINY, "--arms", arms, "--attempts", "1", "--out", "run")
    assert done.status == 0, done.stderr
    state = json.loads((tmp_path / "run" / "controller.json").read_text("utf-8"))
    assert len(state["arms"]) == 4


@pytest.mark.thorough
def test_plain_arms_are_a_grid_of_alphas(cli: Cli, pico: Path, tmp_path: Path) -> None:
    few = (*TINY[1:], "--controller", "uniform", "--attempts", "1", "--out", "run")
    assert cli("run", pico, *few, "--arms", write_arms(tmp_path, {"alpha": [0, 1]})).status == 0
    again = cli("run", pico, *few, "--alphas=0,1")
    assert again.status == 0, again.stderr
    assert "resuming: 2 of 2" in again.stderr


@pytest.mark.parametrize(
    ("entries", "more", "words"),
    [
        ([{"alpha": 1}], (), ("arm 1: it names no model", "FAMILY")),
        ([{"family": "tiny", "alpha": 1}, {"temperature": 1}], (), ("arm T=1: it names no model",)),
        ([{"family": "tiny", "alpha": [1, 1]}], (), ("arm tiny@1: it is there already: name each arm once",)),
        ([{"family": "tiny", "alpha": 1, "setting": "agentic"}], (), ("'tiny' calls no tools", "choose agent")),
        (
            [{"family": "tiny", "alpha": 1, "setting": "agentic", "strategy": "agent"}],
            ("--controller", "uniform"),
            ("arm tiny@1 agentic agent", "models in this process call none"),
        ),
        ([{"family": "tiny", "alpha": 1}], ("--alphas=0",), ("--arms says the alphas",)),
        (
            [{"family": "tiny", "alpha": 1, "temperature": 0.77}],
            (),
            ("none ships for tiny", "0.77", "--fit"),
        ),
        (
            [{"family": "tiny", "alpha": 1, "setting": "tools"}],
            (),
            ("nothing to learn of arm tiny@1 tools", "--setting tools --alphas=1 --out DIR"),
        ),
        (
            [{"family": "tiny", "alpha": 1, "temperature": 0.6}],
            ("--fit", "t.csv"),
            ("t.csv has no column",),
        ),
        ([{"family": "tiny", "alpha": 1}], ("--fit", "none.csv"), ("none.csv",)),
        ([{"family": "tiny", "alpha": 1}], ("--prices", "prices.json"), ("--prices: 'gpt' is no model of this run",)),
    ],
)
def test_what_cannot_be_is_one_line_before_any_attempt(
    cli: Cli, tmp_path: Path, entries: list[dict[str, Any]], more: tuple[str, ...], words: tuple[str, ...]
) -> None:
    (tmp_path / "t.csv").write_text("problem,difficulty,gpt (n=2)\na,easy,1\nb,hard,0\n", "utf-8")
    (tmp_path / "prices.json").write_text('{"models": {"gpt": {"prompt_token": 1}}}', "utf-8")
    assert cli("run", "--arms", write_arms(tmp_path, *entries), *TINY[1:], *more).refused(*words)
    assert not (tmp_path / "runs").exists()


def test_a_server_that_lacks_a_model_and_features_of_two_kinds(cli: Cli, tmp_path: Path) -> None:
    with serving(models(), lists=True) as url:
        command = asked(url, tmp_path, "--controller", "uniform")
        write_arms(tmp_path, {"model": [STRONG, "qwen"]})
        assert cli(*command).refused("has no model 'qwen'; it has Claude-3-Haiku", "leave it out")
        write_arms(tmp_path, {"model": STRONG})
        (tmp_path / "t.csv").write_text(f"problem,difficulty,{STRONG} (n=1)\na,3,1\nb,4,0\n", "utf-8")
        assert cli(*command, "--fit", "t.csv").refused("feature difficulty is 4.0 in --fit and 'easy' for times-1")
        file = tmp_path / "mine.jsonl"
        file.write_text(file.read_text("utf-8").replace('"hard"', "1200"), "utf-8")
        assert cli(*command).refused("feature difficulty is 'easy' for times-1 and 1200.0 for times-2")


@pytest.mark.slow
def test_killed_and_resumed_it_ends_as_an_undisturbed_run(
    start: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    with serving(models(nap_s=0.1), lists=True) as url:
        command = asked(url, tmp_path, "--controller", "uniform", "--concurrency", "2")
        write_problems(tmp_path, 20)
        whole = Killer(start, (*command, "--out", "whole"), tmp_path / "whole")
        whole.finish()
        parts = Killer(start, (*command, "--out", "parts"), tmp_path / "parts")
        for after in (2, 6, 11):
            parts.kill(after, 0.05)
        parts.finish()
    assert rows(parts.folder) == rows(whole.folder)
    assert summary_but_times(parts.folder) == summary_but_times(whole.folder)
