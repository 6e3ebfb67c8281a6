"""Answers without a program, with two, in another language, or too long: one failed attempt, with its cause."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from alphadial.agents.policies import ScriptedPolicy
from alphadial.agents.types import Completion, Request
from alphadial.envs.judging import Judge
from alphadial.envs.sandbox import open_sandbox
from alphadial.envs.types import Interface, Limits, Problem, Setting, Test, Verdict

from .tool_fakes import answers, attempt_spec, play_all

READ = Problem(
    id="read",
    template="read",
    group="",
    statement="Twice the number.",
    prompt="",
    entry="",
    tests=(Test(1, "4\n", "8\n", public=True, name="1"), Test(2, "31337\n", "62674\n", name="2")),
    limits=Limits(),
    interface=Interface.STDIO,
    time_limit_s=5.0,
)
RIGHT = "print(2 * int(input()))\n"


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    with open_sandbox() as sandbox, Judge(sandbox) as judge:
        yield judge


@pytest.mark.thorough
def test_a_failed_program_is_mended_in_another_language(judge: Judge) -> None:
    said = ["```cpp\nint main() {\n```", "```rust\nfn main() {}\n```", f"```python\n{RIGHT}```"]
    seen: list[str] = []

    def reply(request: Request) -> Completion:
        seen.append(request.messages[-1]["content"])
        return Completion(said[answers(request.messages)], None, 0, 1)

    spec = attempt_spec(READ, Setting.TOOLS, 4, prompt="repair", parser="fenced")
    (rollout,) = play_all([spec], ScriptedPolicy(reply), judge)
    assert (rollout.report.verdict, len(rollout.answers), rollout.end_reason) == (Verdict.AC, 3, "submitted")
    assert "The program does not compile:" in seen[1]
    assert "the program is in rust, but must be in C, C++, Java" in seen[2]
    assert not any("31337" in text for text in seen)


@pytest.mark.parametrize(
    ("text", "language", "reason", "cause"),
    [
        ("I do not know.", None, "no program", "no program"),
        ("```rust\nfn main() {}\n```", None, "submitted", "the program is in rust, but must be in C, C++"),
        ("```python\nprint(1)\n```", "cpp", "submitted", "error"),
        ("```cpp\n" + "x" * 10**7 + "\n```", None, "submitted", "longer than 100,000 bytes"),
    ],
)
def test_what_is_no_program_fails_its_attempt(
    judge: Judge, text: str, language: str | None, reason: str, cause: str
) -> None:
    spec = attempt_spec(READ, Setting.REASONING, prompt="plain", parser="fenced")
    spec = replace(spec, rules=replace(spec.rules, language=language))
    (rollout,) = play_all([spec], ScriptedPolicy(lambda _: Completion(text, None, 0, 1)), judge)
    assert (rollout.end_reason, rollout.report.verdict, rollout.report.level_reached) == (reason, Verdict.CE, 0)
    assert cause in rollout.report.cause


def test_the_last_of_two_programs_counts(judge: Judge) -> None:
    text = f"```python\n{RIGHT}```\nor\n```python\nprint(8)\n```\nIt prints:\n```text\n8\n```"
    spec = attempt_spec(READ, Setting.REASONING, prompt="plain", parser="fenced")
    (rollout,) = play_all([spec], ScriptedPolicy(lambda _: Completion(text, None, 0, 1)), judge)
    assert (rollout.report.verdict, rollout.program) == (Verdict.WA, "print(8)\n")
