"""The shipped model with tools: it mends its own programs from public verdicts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from alphadial.agents.agent.prompts import find_strategy
from alphadial.agents.errors import PolicyError
from alphadial.agents.policies import open_policy
from alphadial.agents.seeds import attempt_seed
from alphadial.agents.types import AttemptSpec, Request
from alphadial.envs.judging import Judge
from alphadial.envs.problems import load_split
from alphadial.envs.sandbox import open_sandbox
from alphadial.envs.types import Rules, Setting
from alphadial.merge_engine import load_family

from .servers import ask_all
from .tool_fakes import play_all

PROBLEMS = load_split("tiny-problems", "dev").problems[::18]


@pytest.mark.slow
def test_repair_mends_what_the_first_answer_got_wrong(tmp_path: Path) -> None:
    strategy = find_strategy("tiny")
    specs = [
        AttemptSpec(
            f"{problem.id}/{sample}",
            problem,
            sample,
            Request("tiny@1", strategy.messages(problem), attempt_seed(0, problem.id, sample, "1", 0.6), 0.6),
            Rules(Setting.TOOLS, 3),
            prompt="tiny",
            parser="program",
        )
        for problem in PROBLEMS
        for sample in range(4)
    ]
    policy = open_policy(load_family("tiny"))
    with open_sandbox() as sandbox, Judge(sandbox) as judge:
        made = play_all(specs, policy, judge, folder=tmp_path)
        single = play_all([replace(spec, rules=Rules()) for spec in specs], policy, judge)
    assert [one.answers[0] for one in made] == [one.completion for one in single]
    wrong = [position for position, one in enumerate(made) if len(one.answers) > 1]
    assert wrong
    assert not any(single[position].report.solved for position in wrong)
    mended = [made[position] for position in wrong if made[position].report.solved]
    assert mended
    for one in mended:
        first = one.answers[0].text
        asked = [message["content"] for message in one.transcript if message["role"] == "user"]
        problem = next(problem for problem in PROBLEMS if asked[0] == problem.prompt)
        assert asked[1].startswith(f"{problem.prompt} <repair> ")
        assert asked[1].endswith(f"\n{first}")
        assert one.end_reason == "submitted"
    kept = [position for position in range(len(made)) if position not in wrong]
    assert all(made[position].report.verdict is single[position].report.verdict for position in kept)


def test_models_in_this_process_call_no_tools() -> None:
    policy = open_policy(load_family("tiny"))
    tool = {"type": "function", "function": {"name": "submit", "parameters": {}}}
    with pytest.raises(PolicyError, match="call no tools: serve the family and pass --server"):
        ask_all(policy, [Request("tiny@1", find_strategy("tiny").messages(PROBLEMS[0]), 0, tools=(tool,))])
