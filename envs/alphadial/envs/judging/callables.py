"""Programs as the runners of data sets take them: with imports put before them, and methods that can be called."""

from __future__ import annotations

import ast
import io

from alphadial.envs.raw import BOM
from alphadial.envs.types import Problem, Rule

_MODULES = (
    *("string", "re", "datetime", "collections", "heapq", "bisect", "copy", "math", "random", "statistics"),
    *("itertools", "functools", "operator", "io", "sys", "json"),
)
_PRELUDE = "; ".join(
    [
        *(f"from {module} import *" for module in (*_MODULES, "typing", "builtins")),
        f"import {', '.join(_MODULES)}, fractions, time\n",
    ]
)
"""What submissions to call-based problems may use without importing it: what the runners of LiveCodeBench and APPS put
before them, but numpy. The order matters: ``math.pow``, ``io.open`` and such must not stand for the built-in ones, nor
``copy.copy`` for the module."""
_LONGEST = 2**20
"""Characters of a source that is looked into: no program for such a problem is as long."""


def prepared_source(problem: Problem, source: str) -> str:
    """The program as the tests of a problem call it.

    Problems of LiveCodeBench, APPS and TACO, and those whose tests are assertions, get the usual imports. Everywhere
    but in the restricted language, a method of ``class Solution`` can stand for the function.
    """
    if problem.limits.steps is not None:
        return source
    of_data_set = problem.checker.rule is not Rule.KATTIS or any(test.check for test in problem.tests)
    return callable_source(source, problem.entry) if of_data_set or "class Solution" in source else source


def callable_source(source: str, entry: str) -> str:
    """The program with the usual imports before it, and ``entry`` as a function where it is a method of ``Solution``.

    What does not parse, or is very long, is left as it is, for the judge to say.
    """
    source = source.removeprefix(BOM)
    if len(source) > _LONGEST:
        return source
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return source
    names = {getattr(node, "name", None) for node in body}
    ends = [node.end_lineno or 0 for node in body if isinstance(node, ast.ImportFrom) and node.module == "__future__"]
    lines = list(io.StringIO(source, newline=""))  # splitlines() knows line ends that Python does not, such as \f
    cut = max(ends, default=0)
    program = "".join([*lines[:cut], _PRELUDE, *lines[cut:]])
    if entry in names or "Solution" not in names:
        return program
    return f"{program}\n\ndef {entry}(*arguments):\n    return Solution().{entry}(*arguments)\n"
