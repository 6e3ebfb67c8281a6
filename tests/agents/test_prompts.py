from __future__ import annotations

from dataclasses import replace

import pytest

from alphadial.agents.agent.prompts import STRATEGIES, Turn, find_parser, find_strategy
from alphadial.agents.agent.prompts.grid import INSTRUCTION, REASONING
from alphadial.agents.errors import AgentsError
from alphadial.agents.types import Message
from alphadial.envs.errors import ProblemError
from alphadial.envs.types import Interface, Limits, Problem, Setting, Submission, Test, Verdict


def test_tiny_is_the_prompt_itself(problems: tuple[Problem, ...]) -> None:
    strategy = find_strategy("tiny")
    assert strategy.messages(problems[0]) == ({"role": "user", "content": "prompt p0"},)
    program = Submission.of("def f(a): {}")
    failed = Turn(Message(role="assistant", content="def f(a): {}"), (), program, Verdict.TLE)
    (repair,) = strategy.next_messages(problems[0], Setting.TOOLS, [failed])
    assert repair["content"] == "prompt p0 <repair> TLE\ndef f(a): {}"


def test_plain_shows_the_statement_and_public_tests_alone(problems: tuple[Problem, ...]) -> None:
    system, user = find_strategy("plain").messages(problems[0])
    assert system["role"] == "system"
    assert "Solve p0." in user["content"]
    assert "f([1, 2], 3) == 4" in user["content"]
    assert "f([], 0)" not in user["content"]


def test_parsers(problems: tuple[Problem, ...]) -> None:
    whole = find_parser("program")
    for text in (" def f(): 1\n", "```python\nx = 1\n```\n", "\n"):
        assert whole(text, problems[0], None) == Submission.of(text)
    assert whole("", problems[0], None) is None
    fenced = find_parser("fenced")
    assert fenced("first\n```python\nx = 1\n```", problems[0], None) == Submission.of("x = 1\n")
    assert fenced("no program here", problems[0], None) is None


def test_unknown_names_list_the_choices() -> None:
    with pytest.raises(AgentsError, match="choose one of tiny, plain"):
        find_strategy("nope")
    with pytest.raises(AgentsError, match="choose one of program, fenced"):
        find_parser("nope")


def failed(program: str, results: str, verdict: Verdict = Verdict.WA) -> Turn:
    return Turn(
        Message(role="assistant", content=f"Well.\n```python\n{program}```\n"),
        (Message(role="tool", content=results, tool_call_id="call00100"),),
        Submission.of(program),
        verdict,
    )


RESULTS = "1 of 2 public tests passed.\nTest 1: passed. f([1]) returned 1\nTest 2: wrong answer. f([2]) returned 1"


def test_the_grid_says_what_its_name_says(problems: tuple[Problem, ...]) -> None:
    for reasoning, thinking in REASONING.items():
        for instruction, doing in INSTRUCTION.items():
            strategy = find_strategy(f"grid:{reasoning}+{instruction}+binary")
            text = strategy.messages(problems[0])[-1]["content"]
            assert thinking in text
            assert doing in text
            assert [other for other in REASONING.values() if other and other in text] == [thinking] * bool(thinking)
            assert [other for other in INSTRUCTION.values() if other and other in text] == [doing] * bool(doing)
    assert len(REASONING) * len(INSTRUCTION) == 9 * 7


@pytest.mark.parametrize(
    ("granularity", "shown"), [("binary", [False] * 2), ("failed-tests", [False, True]), ("all-tests", [True] * 2)]
)
def test_feedback_comes_in_three_granularities(
    problems: tuple[Problem, ...], granularity: str, shown: list[bool]
) -> None:
    strategy = find_strategy(f"grid:none+none+{granularity}")
    messages = strategy.next_messages(problems[0], Setting.TOOLS, [failed("x = 1\n", RESULTS)])
    assert [message["role"] for message in messages] == ["system", "user", "assistant", "user"]
    told = messages[-1]["content"]
    assert [f"Test {number}:" in told for number in (1, 2)] == shown
    assert ("does not pass" in told) == (granularity == "binary")


def test_cot_retry_guides_from_the_first_failure_on(problems: tuple[Problem, ...]) -> None:
    strategy = find_strategy("cot-retry")
    turns = [failed(f"x = {n}\n", RESULTS) for n in range(4)]
    contents = [one["content"] for one in strategy.next_messages(problems[0], Setting.TOOLS, turns)]
    assert ["guidelines" in content for content in contents[1::2]] == [False, True, False, False, False]
    assert ["naive" in content for content in contents[1::2]] == [False, False, True, True, True]
    # The conversation only ever grows: what servers have cached of it stays valid.
    earlier = strategy.next_messages(problems[0], Setting.TOOLS, turns[:2])
    assert [one["content"] for one in earlier] == contents[: len(earlier)]


def test_a_program_that_could_not_be_run_is_told_why(problems: tuple[Problem, ...]) -> None:
    refused = failed("x\0", "argument 'program' contains a NUL character")
    refused = Turn(refused.answer, refused.results, refused.submission, None)
    told = find_strategy("grid:none+none+binary").next_messages(problems[0], Setting.TOOLS, [refused])[-1]["content"]
    assert "NUL character" in told


DOUBLE = Problem(
    id="double",
    template="double",
    group="",
    statement="Print {twice} the number.",
    prompt="",
    entry="",
    tests=(Test(1, "4\n", "8\n", public=True), Test(2, "31337\n", "62674\n")),
    limits=Limits(),
    interface=Interface.STDIO,
)
FAILED = "1 of 2 public tests passed.\nTest 1: passed.\nTest 2: wrong answer.\nInput:\n    4\nExpected output:\n    8"


@pytest.mark.parametrize("name", [*(name for name in STRATEGIES if "tiny" not in name), "grid:none+none+failed-tests"])
def test_every_strategy_poses_programs_in_other_languages(name: str) -> None:
    strategy = find_strategy(name)
    *_, asked = strategy.messages(DOUBLE, Setting.REASONING, "cpp")
    assert "Print {twice} the number." in asked["content"]
    assert "Input 1:\n```\n4\n```" in asked["content"]
    assert asked["content"].endswith("Answer with one C++ code block that holds the whole program.")
    *_, free = strategy.messages(DOUBLE)
    assert free["content"].endswith("tagged with its language: c, cpp, java or python.")
    turn = Turn(
        Message(role="assistant", content="So."),
        (Message(role="tool", content=FAILED, tool_call_id="call00100"),),
        Submission.of("int main() {}\n", "cpp"),
        Verdict.WA,
    )
    last = strategy.next_messages(DOUBLE, Setting.TOOLS, [turn], "cpp")[-1]["content"]
    if name == "plain":
        assert "```cpp\nint main() {}\n```" in last
    elif strategy.chat:
        assert "Test 2: wrong answer.\nInput:\n    4" in last
        assert "passed.\nTest 1" not in last


def test_what_a_strategy_shows_a_problem_must_have(problems: tuple[Problem, ...]) -> None:
    with pytest.raises(ProblemError, match="problem double has no compact prompt: choose a prompting strategy"):
        find_strategy("tiny").messages(DOUBLE)
    with pytest.raises(ProblemError, match="problem p0 has no statement"):
        find_strategy("plain").messages(replace(problems[0], statement=""))
    with pytest.raises(ProblemError, match=r"takes programs in Python, not in C\+\+"):
        find_strategy("plain").messages(problems[0], Setting.REASONING, "cpp")


def test_hidden_tests_are_in_no_prompt(problems: tuple[Problem, ...]) -> None:
    hidden = problems[0].tests[1]
    assert not hidden.public
    for name in (*STRATEGIES, "grid:predict-tag+docstrings+all-tests"):
        for setting in Setting:
            turns = [failed("x = 1\n", RESULTS)]
            said = str(find_strategy(name).next_messages(problems[0], setting, turns))
            assert f"({hidden.input[1:-1]})" not in said


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("grid:none", "no point of the grid: write grid:REASONING"),
        ("grid:guess+none+binary", "'guess' is none of none, self-reflection"),
        ("grid:none+none+ldb", "'ldb' is none of binary, failed-tests, all-tests"),
    ],
)
def test_what_the_grid_does_not_have_is_refused(name: str, message: str) -> None:
    with pytest.raises(AgentsError, match=message):
        find_strategy(name)
