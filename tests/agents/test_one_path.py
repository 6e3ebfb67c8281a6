"""Attempts on problems of every format get the judge's verdict, in every setting and language."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from alphadial.envs import Judge, Problem, Setting, Submission, load_split, open_sandbox
from alphadial.envs.judging.preparing import prepare
from alphadial.envs.labelled import LabelledSubmission
from alphadial.envs.types import Interface

ROOT = Path(__file__).parents[2]
FORMATS = ROOT / "tests" / "envs" / "formats"
DOUBLE = {
    "python3": "print(2 * int(input()))",
    "c": '#include <stdio.h>\nint main(void) { int x; scanf("%d", &x); printf("%d\\n", 2 * x); }',
    "cpp": '#include <cstdio>\nint main() { int x; std::scanf("%d", &x); std::printf("%d", 2 * x); }',
    "java": "import java.util.*;\npublic class Main { public static void main(String[] a) {"
    " System.out.println(2 * new Scanner(System.in).nextInt()); } }",
}
"""Solutions of the first LiveCodeBench problem; that format comes with none."""
METHOD = (
    "class Solution:\n    def add(self, numbers: List[int], more: int) -> int:\n        return sum(numbers) + more\n"
)
WRONG = {Interface.STDIO: "print('nothing of the kind')", Interface.CALL: "{entry} = lambda *arguments: 'wrong'"}


def loaded() -> ModuleType:
    spec = importlib.util.spec_from_file_location("one_path", ROOT / "benchmarks" / "one_path.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["one_path"] = module
    spec.loader.exec_module(module)
    return module


one_path = loaded()


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    with open_sandbox() as sandbox, Judge(sandbox, workers=2) as judge:
        yield judge


def pairs(judge: Judge, name: str) -> list[tuple[Problem, LabelledSubmission]]:
    """All submissions of a fixture and a wrong program for each problem; where it has none, those above."""
    ready = prepare(load_split(FORMATS / f"{name}.jsonl"), judge, cached=False)
    found = list(one_path.chosen(ready.packages, None))
    for problem in ready.problems:
        wrong = Submission.of(WRONG[problem.interface].format(entry=problem.entry))
        found.append((problem, LabelledSubmission("wrong", wrong, "wrong_answer")))
    if name == "livecodebench":
        first, second = ready.problems
        found += [
            (first, LabelledSubmission(language, Submission.of(source, language), "accepted"))
            for language, source in DOUBLE.items()
        ]
        found.append((second, LabelledSubmission("method", Submission.of(METHOD), "accepted")))
    return found


@pytest.mark.parametrize("setting", list(Setting))
@pytest.mark.parametrize(
    "name",
    [
        pytest.param("livecodebench", marks=pytest.mark.slow),
        pytest.param("codecontests", marks=pytest.mark.slow),
        "taco",
        pytest.param("apps", marks=pytest.mark.slow),
        "humaneval",
        "mbpp",
    ],
)
def test_attempts_get_the_verdict_of_the_judge(judge: Judge, name: str, setting: Setting) -> None:
    played = pairs(judge, name)
    attempts = one_path.played(played, judge, setting)
    result = one_path.compared(attempts, one_path.judged(played, judge))
    assert result["different"] == []
    verdicts = {
        (labelled.expected, str(made.report.verdict)) for (_, labelled), (_, made) in zip(played, attempts, strict=True)
    }
    assert {verdict for label, verdict in verdicts if label == "accepted"} <= {"AC", "CE"}
    assert ("accepted", "AC") in verdicts
    assert "AC" not in {verdict for label, verdict in verdicts if label == "wrong_answer"}
