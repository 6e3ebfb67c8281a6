"""Three problems with files: one to write, one to fix, one to make fast. CPU time decides, on full Python."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from alphadial.envs.errors import ProblemError
from alphadial.envs.problems.hashing import problems_hash
from alphadial.envs.problems.workspaces import references, texts
from alphadial.envs.types import Limits, Problem, Test

SHA256 = "c332195faa23e615f280ac7043c1b8c7dc047560f3e7f6a199a7268ed9a5df6e"
LIMITS = Limits(cpu_s=1.0, wall_s=20.0)
"""The references use less than a fifth of it, the slow programs that they must be told from more than ten times."""
COVERAGES = {"low": 2, "mid": 3, "high": 4}
_PUBLIC = 2
_SEED = 20261121


class Workspaces:
    """Three problems with files, for the agentic setting: one to write, one to mend, one to make fast."""

    splits = ("test",)

    def load(self, split: str) -> tuple[Problem, ...]:
        """The three problems.

        Raises:
            ProblemError: this Python draws other tests than those that results are bound to.
        """
        problems, digest = _built()
        if digest != SHA256:
            raise ProblemError(f"the {split} split builds problems of hash {digest[:12]}, not {SHA256[:12]}")
        return problems


@cache
def _built() -> tuple[tuple[Problem, ...], str]:
    """The problems and their hash, which take long to make."""
    problems = (_ledger(), _intervals(), _inversions())
    return problems, problems_hash(problems)


def _ledger() -> Problem:
    small = [
        ["open ann", "pay ann 10", "open bob", "move ann bob 4"],
        ["open ann", "open ann", "pay bob 3", "close bob", "close ann"],
        ["pay ann 5", "open ann", "pay ann 5", "open ann", "close ann"],
        ["open b", "open a", "pay b 7", "move b a 7", "close b", "open b"],
    ]
    edges = [
        ["open a", "pay a -5", "pay a 0", "pay a 5", "move a a 5", "move a a 6"],
        ["open a", "open", "open b c", "pay a", "pay a 1 2", "move a b", "fly a", "", "pay a x"],
        ["open a", "open b", "pay a 9", "move a b 10", "move a c 1", "move c a 1", "close a", "close b"],
    ]
    rng = random.Random(f"{_SEED}/ledger")
    inputs = [
        (1, small),
        (2, edges),
        (3, [_lines(rng, 40, 3), _lines(rng, 400, 40)]),
        (4, [_lines(rng, 90_000, 20_000)]),
    ]
    statement = "Write the function that SPEC.md describes. solution.py holds a stub."
    files = {"SPEC.md": texts.LEDGER_SPEC, "solution.py": texts.LEDGER_STUB}
    return _problem("ledger", statement, files, references.ledger, inputs)


def _lines(rng: random.Random, count: int, names: int) -> list[str]:
    def name() -> str:
        return f"n{rng.randrange(names)}"

    # Half of all accounts are opened first, so that the many commands after meet many accounts.
    lines = [f"open n{number}" for number in range(0, names, 2)]
    while len(lines) < count:
        kind = rng.choice(("open", "pay", "pay", "move", "move", "move", "close"))
        words = [name() for _ in range(2 if kind == "move" else 1)]
        lines.append(" ".join([kind, *words, *([str(rng.randint(0, 50))] if kind in ("pay", "move") else [])]))
    return lines


def _intervals() -> Problem:
    small = [[[1, 3], [5, 8]], [[1, 4], [2, 6]], [[2, 2]], []]
    edges = [[[1, 3], [4, 6]], [[5, 8], [1, 3]], [[1, 9], [2, 3]], [[4, 4], [1, 1], [3, 3]], [[-5, -3], [-2, 0]]]
    rng = random.Random(f"{_SEED}/intervals")
    apart = [[start, start + rng.randint(0, 2)] for start in rng.sample(range(0, 400_000, 5), 40_000)]
    inputs = [(1, small), (2, edges), (3, [_pairs(rng, 30, 60), _pairs(rng, 300, 5000)]), (4, [apart])]
    statement = "merge in solution.py returns wrong unions. Mend it; lists of tens of thousands of intervals are usual."
    files = {"solution.py": texts.INTERVALS_WRONG}
    return _problem("intervals", statement, files, references.merge, inputs)


def _pairs(rng: random.Random, count: int, span: int) -> list[list[int]]:
    starts = [rng.randrange(-span, span) for _ in range(count)]
    return [[start, start + rng.randrange(12)] for start in starts]


def _inversions() -> Problem:
    rng = random.Random(f"{_SEED}/inversions")
    small = [[2, 1], [1, 2, 3], [3, 1, 2], [2, 2, 1], []]
    edges = [[5, 4, 3, 2, 1], [1, 1, 1], [-1, -3, 2, -3], [rng.randint(-9, 9) for _ in range(60)]]
    large = [[rng.randint(0, 10**6) for _ in range(size)] for size in (30_000, 60_000)]
    inputs = [(1, small), (2, edges), (3, large[:1]), (4, large[1:])]
    statement = (
        "inversions in solution.py is right but far too slow. Make it fast, with the same results: a list of 60,000 "
        "numbers in under 2 s of CPU time."
    )
    return _problem("inversions", statement, {"solution.py": texts.INVERSIONS_SLOW}, references.inversions, inputs)


def _problem(
    name: str,
    statement: str,
    files: dict[str, str],
    reference: Callable[[Any], Any],
    inputs: Sequence[tuple[int, Sequence[Any]]],
) -> Problem:
    cases = [(level, case) for level, group in inputs for case in group]
    tests = tuple(
        Test(level, json.dumps([case]), json.dumps(reference(case)), public=number < _PUBLIC)
        for number, (level, case) in enumerate(cases)
    )
    return Problem(name, name, "", statement, "", reference.__name__, tests, LIMITS, COVERAGES, files=files)
