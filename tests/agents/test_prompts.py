from __future__ import annotations

import pytest

from alphadial.agents.errors import AgentsError
from alphadial.agents.prompts import find_parser, find_strategy
from alphadial.envs.types import Problem, Verdict


def test_tiny_is_the_prompt_itself(problems: tuple[Problem, ...]) -> None:
    strategy = find_strategy("tiny")
    assert strategy.messages(problems[0]) == ({"role": "user", "content": "prompt p0"},)
    (repair,) = strategy.repair_messages(problems[0], "def f(a): {}", Verdict.TLE)
    assert repair["content"] == "prompt p0 <repair> TLE\ndef f(a): {}"


def test_plain_shows_the_statement_and_public_tests_alone(problems: tuple[Problem, ...]) -> None:
    system, user = find_strategy("plain").messages(problems[0])
    assert system["role"] == "system"
    assert "Solve p0." in user["content"]
    assert "f([1, 2], 3) == 4" in user["content"]
    assert "f([], 0)" not in user["content"]


def test_parsers() -> None:
    assert find_parser("program").parse(" def f(): 1\n") == " def f(): 1\n"
    fenced = find_parser("fenced")
    assert fenced.parse("first\n```python\nx = 1\n```\nbetter:\n```\nx = '```'\n```\ndone") == "x = '```'\n"
    assert fenced.parse("no program here") == ""


def test_unknown_names_list_the_choices() -> None:
    with pytest.raises(AgentsError, match="choose one of tiny, plain"):
        find_strategy("nope")
    with pytest.raises(AgentsError, match="choose one of program, fenced"):
        find_parser("nope")
