"""Arms of a run: read, completed, refused; made, stored and resumed; and who answers for which."""

from __future__ import annotations

import dataclasses
import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from alphadial.agents.agent.registry import find_agent
from alphadial.agents.errors import OptionError, PolicyError, StoreError
from alphadial.agents.policies import RoutedPolicy, ScriptedPolicy
from alphadial.agents.runs.arms import ArmSet, complete_arms, over_arms, read_arms
from alphadial.agents.runs.attempt_loop import AttemptDeps
from alphadial.agents.runs.attempt_rows import TIMES
from alphadial.agents.runs.config import Planner, RunConfig
from alphadial.agents.runs.controlled import run_controlled
from alphadial.agents.runs.controller_run import RunOptions
from alphadial.agents.runs.prices import Prices, TokenPrices
from alphadial.agents.runs.reading_runs import read_run
from alphadial.agents.runs.run_folder import RunFolder
from alphadial.agents.runs.run_summary import summarise
from alphadial.agents.runs.session import RuntimeConfig, refuse_unserved
from alphadial.agents.types import Request
from alphadial.controller import Arm, make_controller
from alphadial.envs.types import Problem, Setting
from alphadial.merge_engine import AlphaError, Family, FamilyError, load_family

from .fakes import ReadingJudge, answer, make_config
from .servers import ask_all

TINY = load_family("tiny")


def read(folder: Path, entries: Any) -> ArmSet:
    (folder / "arms.json").write_text(json.dumps(entries), "utf-8")
    return read_arms(folder / "arms.json")


def complete(arms: Sequence[Arm], families: Sequence[Family] = (TINY,), **options: Any) -> list[str]:
    choices = complete_arms(RunOptions(**options), arms, families, [family.name for family in families])
    return [f"{one.model} {one.temperature:g} {one.setting} {one.prompt} {one.max_turns}" for one in choices]


def test_lists_stand_for_every_combination(tmp_path: Path) -> None:
    found = read(tmp_path, [{"family": "tiny", "alpha": [0, 1], "temperature": [0.2, 1]}, {"model": ["a", "b/c"]}])
    assert list(map(str, found.arms)) == ["tiny@0 T=0.2", "tiny@0 T=1", "tiny@1 T=0.2", "tiny@1 T=1", "a", "b/c"]
    assert [family.name for family in found.families] == ["tiny"]
    beside = read(tmp_path, [{"family": "tiny", "alpha": 0, "in_process": True}, {"model": "a", "setting": "tools"}])
    assert beside.in_process == {"tiny"}
    assert read(tmp_path, [{"alpha": [0.5]}]).arms == (Arm(alpha=0.5),)


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ({}, "must be a list of arms"),
        ([], "must be a list of arms"),
        (["tiny"], "entry 1 is no object with any of family, model"),
        ([{"alfa": 1}], "entry 1 has an unknown key 'alfa'"),
        ([{"family": "tiny", "model": "x"}], "names a family and a model"),
        ([{"family": ""}], "family must be the name or the folder"),
        ([{"model": [3]}], "model must be the name of a model"),
        ([{"alpha": []}], "alpha is an empty list"),
        ([{"alpha": "high"}], "entry 1: an arm's alpha must be a finite number, not 'high'"),
        ([{"temperature": -1}], "an arm's temperature must be a number from 0 up, not -1"),
        ([{"setting": 3}], "an arm's setting must be a text"),
        ([{"alpha": list(range(2000))}], "more than 1,000 arms"),
        ([{"model": "x", "in_process": True}], "in_process is true or false, and of a family"),
        ([{"family": "tiny", "alpha": 0}, {"model": "tiny@1"}], "entry 2: tiny is a family in another entry"),
    ],
)
def test_a_file_of_arms_is_checked_entry_by_entry(tmp_path: Path, entries: Any, words: str) -> None:
    with pytest.raises(OptionError) as error:
        read(tmp_path, entries)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_what_is_no_file_of_arms_is_said(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"--arms: cannot read .*none.json"):
        read_arms(tmp_path / "none.json")
    with pytest.raises(FamilyError, match="unknown family 'tyni'"):
        read(tmp_path, [{"family": "tyni", "alpha": 0}])


def test_what_an_arm_leaves_unsaid_is_as_the_run_or_its_model_has_it() -> None:
    arms = [Arm("tiny", 1.0), Arm("tiny", 0.0, 1.0, "tools"), Arm("gpt"), Arm("gpt", setting="agentic")]
    assert complete(arms) == [
        "gpt 0.6 reasoning plain 1",
        "gpt 0.6 agentic agent 20",
        "tiny@0 1 tools tiny 3",
        "tiny@1 0.6 reasoning tiny 1",
    ]
    assert complete([Arm("gpt")], temperature=0.2, setting=Setting.TOOLS, max_turns=5, prompt="retry") == [
        "gpt 0.2 tools retry 5"
    ]
    assert complete([Arm(alpha=0.5)], (), family=TINY) == ["tiny@0.5 0.6 reasoning tiny 1"]


@pytest.mark.parametrize(
    ("arms", "options", "words"),
    [
        ([Arm(alpha=0.0)], {}, "arm 0: it names no model: give it a family or a model"),
        ([Arm("tiny", 0.0), Arm("tiny", 0.0)], {}, "arm tiny@0: it is there already"),
        ([Arm("tiny", 0.0), Arm("tiny", 0.0, 0.6)], {}, "arm tiny@0 T=0.6: tiny@0, which is the same here"),
        ([Arm("tiny")], {}, "arm tiny: family tiny answers at an alpha"),
        ([Arm("tiny", 0.3)], {}, "arm tiny@0.3: alpha 0.3 is not on the grid"),
        ([Arm("tiny", 9.0)], {}, "arm tiny@9: alpha 9.0 is beyond the range"),
        ([Arm("gpt", 0.5)], {}, "arm gpt@0.5: gpt is a model without a family and has no alpha"),
        ([Arm("tiny", 0.0, setting="magic")], {}, "setting 'magic' is none of reasoning, tools, agentic"),
        ([Arm("tiny", 0.0, strategy="magic")], {}, "arm tiny@0 magic: unknown prompting strategy 'magic'"),
        ([Arm("tiny", 0.0, setting="agentic")], {}, "'tiny' calls no tools, which setting agentic needs: choose agent"),
        ([Arm("tiny", 0.0)], {"max_turns": 4}, "--max-turns 4 is for --setting tools or agentic"),
    ],
)
def test_arms_that_cannot_be_are_refused(arms: list[Arm], options: dict[str, Any], words: str) -> None:
    with pytest.raises((OptionError, AlphaError)) as error:
        complete(arms, **options)
    assert words in str(error.value)


def test_arms_that_nobody_can_serve_are_refused() -> None:
    choices = complete_arms(RunOptions(), [Arm("tiny", 0.0, setting="agentic", strategy="agent")], [TINY], ["tiny"])
    with pytest.raises(OptionError, match=r"arm tiny@0 agentic agent: .* models in this process call none"):
        refuse_unserved(choices, RuntimeConfig())
    with pytest.raises(OptionError, match="gpt is a model of a server: name it with --server"):
        refuse_unserved(complete_arms(RunOptions(), [Arm("gpt")], [], []), RuntimeConfig())
    with pytest.raises(OptionError, match="in_process is for families beside --server"):
        RuntimeConfig(in_process=frozenset({"tiny"})).check()
    with pytest.raises(OptionError, match="say with --problem-set"):
        RunOptions(arms=[Arm("gpt")]).check()


def arms_config(**changes: Any) -> RunConfig:
    arms = [
        Arm("toy", 0.0),
        Arm("toy", 0.0, 1.0),
        Arm("toy", 1.0, setting="tools", strategy="tiny-retry"),
        Arm("gpt", strategy="plain"),
    ]
    toy = dataclasses.replace(TINY, name="toy")
    choices = complete_arms(RunOptions(parser="program", prompt="tiny"), arms, [toy], [])
    config = dataclasses.replace(make_config(), command="run", controller="uniform", weights=None, **changes)
    return over_arms(config, choices)


def test_a_grid_of_alphas_needs_no_arms() -> None:
    config = dataclasses.replace(make_config(), weights=None)
    plain = complete_arms(RunOptions(family=TINY), [Arm(alpha=0.0), Arm(alpha=1.0)], [], [])
    assert over_arms(config, plain).arms is None


def test_an_arm_that_says_an_alpha_alone_draws_as_the_grid_does(problems: tuple[Problem, ...]) -> None:
    config = arms_config()
    grid = dataclasses.replace(config, arms=None)
    by_arm = {str(choice.arm): Planner(config).attempt(problems[0], choice, 2) for choice in config.choices}
    (same,) = (Planner(grid).attempt(problems[0], one, 2) for one in grid.choices if one.model == "toy@0")
    assert by_arm["toy@0"].request.seed == same.request.seed
    assert len({spec.request.seed for spec in by_arm.values()}) == 4
    assert len({spec.id for spec in by_arm.values()} | {same.id}) == 5
    tools = by_arm["toy@1 tools tiny-retry"]
    assert (tools.rules.setting, tools.rules.max_turns, tools.prompt) == (Setting.TOOLS, 3, "tiny-retry")


def test_a_configuration_of_arms_is_read_back_and_checked() -> None:
    config = arms_config(prices=Prices(models={"toy": TokenPrices(1.0, 2.0)}))
    values = json.loads(config.to_json())
    assert RunConfig.from_values(values) == config
    for change, words in (
        ({"format": 3}, "of format version 3, .* reads version 6: make the run anew"),
        ({"arms": []}, "arms: there are none"),
        ({"arms": [{**values["arms"][0], "arm": {"alpha": "x"}}]}, "an arm's alpha must be a finite number"),
        ({"arms": [{**values["arms"][0], "setting": "magic"}]}, "arms.0.setting"),
    ):
        with pytest.raises(StoreError, match=words):
            RunConfig.from_values(values | change)


def measurable(request: Request) -> str:
    """As ``answer``, but for the program that nothing can measure: tools are tried on public tests."""
    said = answer(request)
    return "WA 0" if said == "U" else said


def run(folder: Path, config: RunConfig, problems: tuple[Problem, ...], policy: Any) -> list[dict[str, Any]]:
    with RunFolder(folder, config) as opened:
        controller = make_controller("uniform", [choice.arm for choice in config.choices], seed=config.seed)
        run_controlled(config, problems, controller, AttemptDeps(policy, ReadingJudge()), opened.store)
        rows = map(dataclasses.asdict, opened.store.attempts())
        return [{name: value for name, value in row.items() if name not in TIMES} for row in rows]


@pytest.mark.thorough
def test_interrupted_anywhere_it_ends_in_the_same_table(tmp_path: Path, problems: tuple[Problem, ...]) -> None:
    config = arms_config(samples=5)
    whole = run(tmp_path / "whole", config, problems, ScriptedPolicy(measurable))
    assert {(row["model"], row["temperature"], row["setting"], row["strategy"]) for row in whole} == {
        ("toy@0", 0.6, "reasoning", "tiny"),
        ("toy@0", 1.0, "reasoning", "tiny"),
        ("toy@1", 0.6, "tools", "tiny-retry"),
        ("gpt", 0.6, "reasoning", "plain"),
    }
    for stop in (1, 6, 11):
        asked = 0

        def failing(request: Request, stop: int = stop) -> str | Exception:
            nonlocal asked
            asked += 1
            return PolicyError("stop") if asked > stop else measurable(request)

        folder = tmp_path / str(stop)
        with pytest.raises(PolicyError, match="stop"):
            run(folder, config, problems, ScriptedPolicy(failing, concurrency=1))
        assert run(folder, config, problems, ScriptedPolicy(measurable)) == whole
    stored = read_run(tmp_path / "whole")
    assert len(stored.attempts) == len(whole)
    assert {str(config.choices_by_key()[attempt.arm_key].arm) for attempt in stored.attempts} == {
        "toy@0",
        "toy@0 T=1",
        "toy@1 tools tiny-retry",
        "gpt plain",
    }


def test_the_summary_and_the_prices_are_by_arm(tmp_path: Path, problems: tuple[Problem, ...]) -> None:
    config = arms_config(samples=3, prices=Prices(completion_token=1.0, models={"toy": TokenPrices(0.0, 10.0)}))
    run(tmp_path, config, problems, ScriptedPolicy(lambda _: "WA 1"))
    summary = summarise(config, problems, read_run(tmp_path).attempts)
    assert (summary["temperature"], summary["setting"], summary["prompt"]) == (None, None, None)
    by_arm = {row["arm"]: row for row in summary["by_arm"]}
    assert list(by_arm) == ["gpt plain", "toy@0", "toy@0 T=1", "toy@1 tools tiny-retry"]
    assert sum(row["attempts"] for row in by_arm.values()) == summary["attempts"] == 18
    tokens = {arm: row["totals"]["completion_tokens"] for arm, row in by_arm.items()}
    assert by_arm["toy@0"]["totals"]["cost"] == 10 * tokens["toy@0"]
    assert by_arm["gpt plain"]["totals"]["cost"] == tokens["gpt plain"]
    assert summary["totals"]["completion_tokens"] == sum(tokens.values())
    assert set(summary["by_problem"][0]["arms"]) <= by_arm.keys()
    with pytest.raises(OptionError, match="--prices: 'qwen' is no model of this run: it has gpt, toy, toy@0"):
        Prices(models={"qwen": TokenPrices()}).check(choice.model for choice in config.choices)


def test_a_row_of_an_arm_that_the_run_does_not_have_is_told(tmp_path: Path, problems: tuple[Problem, ...]) -> None:
    config = arms_config(samples=1)
    run(tmp_path, config, problems, ScriptedPolicy(answer))
    with closing(sqlite3.connect(tmp_path / "attempts.sqlite")) as store, store:
        store.execute("update attempts set setting = 'agentic'")
    with pytest.raises(StoreError, match=r"column model: .* is none of the run's"):
        read_run(tmp_path)
    with closing(sqlite3.connect(tmp_path / "attempts.sqlite")) as store, store:
        store.execute("update attempts set setting = 'magic'")
    with pytest.raises(StoreError, match=r"column setting: String should match"):
        read_run(tmp_path)


def test_each_model_is_asked_where_it_is() -> None:
    tiny, other, server = (ScriptedPolicy({"?": name}, concurrency=2) for name in ("tiny", "pico", "web"))
    routed = RoutedPolicy({"tiny": tiny, "pico": other}, server, [tiny, other, server])
    asked = [Request(model, ({"role": "user", "content": "?"},), 1) for model in ("tiny@0.5", "pico@1", "org/gpt@x")]
    assert [one.text for one in ask_all(routed, asked)] == ["tiny", "pico", "web"]
    assert routed.concurrency == 6
    with pytest.raises(PolicyError, match="nobody answers as 'org/gpt@x': there are tiny"):
        ask_all(RoutedPolicy({"tiny": tiny}, None, [tiny]), asked[2:])


def test_another_agent_is_another_run(problems: tuple[Problem, ...]) -> None:
    config = dataclasses.replace(make_config(), setting=Setting.AGENTIC, prompt="agent")
    other = dataclasses.replace(config, agent="command: mend it")
    assert RunConfig.from_values(json.loads(other.to_json())) == other
    assert other.run_id != config.run_id
    spec = Planner(other).attempt(problems[0], other.choices[0], 0)
    assert (spec.agent, Planner(config).attempt(problems[0], other.choices[0], 0).agent) == (other.agent, "langgraph")
    with pytest.raises(OptionError, match="there is no agent 'devin'; choose one of langgraph"):
        find_agent(Setting.AGENTIC, "devin")
    assert find_agent(Setting.TOOLS, "devin") is find_agent(Setting.TOOLS)
