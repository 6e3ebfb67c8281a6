"""EvalPlus's HumanEval+ (Liu et al. 2023): rows of JSON with inputs, whose answers the row's own solution gives.

``base_input`` is level 1 and ``plus_input`` level 2. An output is right if it equals the solution's, or is close to it
where that is made of floats or the row has an ``atol``: see ``evalplus_guest``, after ``evalplus/eval/__init__.py`` of
evalplus/evalplus. The solution runs beside the assertions, never beside the candidate. Rows of MBPP+ are a fault: what
its inputs stand for is written in the code of evalplus, task by task, and not in the rows.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from alphadial.envs.problems.formats.fields import Row, number, sequence, text_of
from alphadial.envs.problems.formats.packages import FormatError, Package
from alphadial.envs.problems.formats.rows import checked, problem, solution
from alphadial.envs.problems.formats.statements import docstring
from alphadial.envs.types import Rule, Test

KEYS = frozenset({"task_id", "prompt", "entry_point", "canonical_solution", "base_input", "plus_input"})
TIME_LIMIT_S = 4.0
"""Of a call; the authors' least."""
_ROOTS = "find_zero"


@checked
def package(row: Row, path: Path, line: int | None) -> Package:
    """The package in a row of ``path``.

    Raises:
        FormatError: a field is missing or not what it should be, or the row is of MBPP+.
    """
    name, entry = text_of(row, "task_id"), text_of(row, "entry_point")
    if name.startswith("Mbpp/"):
        raise FormatError("rows of MBPP+ are not supported: use those of MBPP")
    prompt = text_of(row, "prompt")
    whole = prompt + text_of(row, "canonical_solution")
    within = number(row.get("atol") or 0, "field 'atol'", above=-1)
    tests = [
        _test(f"{group}/{at}", group, given, whole, entry, within)
        for group in ("base", "plus")
        for at, given in enumerate(sequence(row.get(f"{group}_input") or [], f"field '{group}_input'"))
    ]
    found = problem(
        name,
        docstring(prompt, entry),
        tests,
        entry=entry,
        starter=prompt,
        time_limit_s=TIME_LIMIT_S,
        rule=Rule.KATTIS,
    )
    return Package(found, (solution("canonical", "python3", whole, "accepted"),), source=path)


def _test(name: str, group: str, given: Any, whole: str, entry: str, within: float) -> Test:
    arguments = sequence(given, f"input of test {name!r}")
    passed = f"accepts({entry}(*arguments), reference({whole!r}, {entry!r})(*arguments), {within})"
    if entry == _ROOTS:
        passed = f"is_root(*arguments, {entry}(*arguments), {within})"
    guest = Path(__file__).with_name("evalplus_guest.py").read_text("utf-8")
    check = f"{guest}\n\ninf, nan = math.inf, math.nan\narguments = {arguments!r}\nassert {passed}\n"
    return Test(1, repr(arguments), "the output of the row's own solution", name=name, group=group, check=check)
