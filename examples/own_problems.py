"""Problems of your own, from Python, from a file and from a class: judged, as an environment and as a reward.

    python examples/own_problems.py

With ``examples`` on PYTHONPATH, ``alphadial run --model NAME --server URL --problem-set own_problems:Sums`` attempts
those of the class.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from alphadial.envs import CodingEnv, Interface, Judge, Problem, Test, open_sandbox, reward

DOUBLE = Problem(  # its tests call a function, with a JSON array of arguments
    "double",
    statement="Write a function that doubles a number.",
    entry="double",
    tests=(Test(1, "[21]", "42", public=True), Test(2, "[-3]", "-6"), Test(2, "[1e300]", "2e300")),
)
SUM = Problem(  # a program in any language, which reads stdin
    "sum",
    statement="Print the sum of the numbers on the line.",
    tests=(Test(1, "1 2 3\n", "6\n", public=True), Test(2, "5 " * 10_000 + "\n", "50000\n")),
    interface=Interface.STDIO,
    time_limit_s=1.0,
)
ANSWER = "```python\nprint(sum(map(int, input().split())))\n```"
MAX = "print(max(map(int, input().split())))"
ROW = {  # as envs/alphadial/envs/problems/formats/judging_jsonl.py reads it; data sets of others are read as published
    "id": "largest",
    "statement": "Print the largest number on the line.",
    "tests": [{"name": "1", "group": "sample", "input": "1 3 2\n", "answer": "3\n"}],  # others are hidden
    # Without a time limit, it gets one from what is accepted.
    "submissions": [{"name": "max.py", "language": "python3", "expected": "accepted", "source": MAX}],
}


class Sums:
    """A class that makes problems is named ``module:Class`` wherever a problem set is asked for."""

    splits = ("train", "test")

    def load(self, split: str) -> Sequence[Problem]:
        """Ten problems: numbers are to be summed up that are above a bound."""
        first = 0 if split == "train" else 10
        return [self._above(bound) for bound in range(first, first + 10)]

    def _above(self, bound: int) -> Problem:
        statement = f"Write a function that adds up the numbers of a list that are above {bound}."
        tests = tuple(
            Test(level, json.dumps([numbers]), json.dumps(sum(n for n in numbers if n > bound)), public=level == 1)
            for level, numbers in ((1, [bound, bound + 1]), (2, list(range(1_000))))
        )
        return Problem(f"above-{bound}", "above", statement=statement, entry="total", tests=tests)


def main() -> None:
    """Judges, steps and rewards."""
    with open_sandbox() as sandbox, Judge(sandbox) as judge:
        report = judge.judge(DOUBLE, "def double(x):\n    return abs(x) * 2\n")
        print(f"judged: {report.verdict}, level {report.level_reached} of {DOUBLE.levels}, {report.failure_kind}")

    env = CodingEnv([DOUBLE, SUM], problems=["sum"], setting="reasoning")
    env.reset(seed=0)
    print("environment:", env.step(ANSWER)[1])
    env.close()

    print("reward:", reward(ANSWER, SUM), reward("I do not know.", SUM))

    with TemporaryDirectory() as folder:
        path = Path(folder) / "mine.jsonl"
        path.write_text(json.dumps(ROW) + "\n")
        print("of a file:", reward(f"```python\n{MAX}\n```", "largest", problem_set=path))

    totals = "```python\ndef total(numbers):\n    return sum(n for n in numbers if n > 3)\n```"
    print("of a class:", [reward(totals, f"above-{n}", problem_set="own_problems:Sums", split="train") for n in (3, 4)])


if __name__ == "__main__":
    main()
