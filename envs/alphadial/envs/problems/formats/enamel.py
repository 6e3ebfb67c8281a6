"""ENAMEL (Qiu et al. 2024): HumanEval problems whose inputs come from generators, in four levels of size.

A row of its CSV is a problem without tests, since making them runs its generator and its reference, which
``generate_tests`` does in a sandbox. Answers are compared as JSON, so that a tuple equals a list of the same.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from alphadial.envs.languages import PYTHON
from alphadial.envs.problems.formats.fields import Row, parse, sequence, text, text_of
from alphadial.envs.problems.formats.lines import read_text
from alphadial.envs.problems.formats.packages import FormatError, Generator, Package
from alphadial.envs.problems.formats.rows import checked, solution
from alphadial.envs.problems.formats.statements import docstring
from alphadial.envs.types import MIB, Checker, Limits, Problem

KEYS = frozenset({"task_id", "prompt", "input_generator", "input_levels", "reference_solution", "checker"})
TESTS = (8, 4, 4, 4)
"""Of each level, and the seed, as the authors use them."""
SEED = 998244353
UNUSED = {2, 23, 41, 45, 53, 60, 71, 92, 97, 99, 102, 123, 124, 135, 137, 138, 144, 148, 156, 157, 159, 160}
"""Numbers of the problems that the authors leave out."""
_EQUAL = re.compile(r"return type\(output\) == type\(answer\) and output == answer\s*$")
_CLOSE = re.compile(r"abs\((?:answer - output|a - b)\)(?: for a, b in zip\(answer, output\)\))? < ([\d.e-]{1,20})\s*$")
_LIMITS = Limits(cpu_s=20.0, wall_s=60.0, memory_bytes=4096 * MIB, output_bytes=16 * MIB, files_bytes=16 * MIB)


@checked
def package(row: Row, path: Path, line: int | None) -> Package:
    """The package in a row of ``path``, its tests still to be made.

    Raises:
        FormatError: a field is missing or not what it should be, the authors leave the problem out, or its answers are
            compared neither by equality nor within a tolerance.
    """
    name = text_of(row, "task_id")
    digits = name.rpartition("/")[2]
    if not (digits.isdecimal() and len(digits) < 6):
        raise FormatError(f"task_id must end with a number, as in HumanEval/0, not {name!r}")
    if int(digits) in UNUSED:
        raise FormatError(f"{name} is left out by the authors of ENAMEL: nothing tells programs apart")
    prompt, entry = text_of(row, "prompt"), text_of(row, "entry_point")
    reference = text_of(row, "reference_solution")
    checker = _checker(text_of(row, "checker"), name)
    problem = Problem(
        id=name,
        template=name,
        group="",
        statement=docstring(prompt, entry),
        prompt="",
        entry=entry,
        tests=(),
        limits=_LIMITS,
        coverages={"low": 2, "mid": 3, "high": 4},
        checker=checker,
        starter={PYTHON: prompt},
    )
    solutions = (solution("reference", "python3", f"{prompt}\n{reference}", "accepted"),)
    generator = _generator(text_of(row, "input_generator"), prompt, reference, entry, int(digits), _sizes(row))
    return Package(problem, solutions, generator=generator, source=path)


def samples(path: Path) -> list[list[str]]:
    """A sample set: for each problem of HumanEval, in order, its programs.

    Raises:
        FormatError: the file is not an array of arrays of texts.
    """
    rows = sequence(parse(read_text(path), "the file"), "the file")
    return [[text(program, "each program") for program in sequence(row, "each problem")] for row in rows]


def _checker(source: str, name: str) -> Checker:
    close = _CLOSE.search(source)
    if close is None and not _EQUAL.search(source):
        raise FormatError(f"{name} has a checker of its own, which is not supported")
    return Checker(float_absolute=float(close[1])) if close else Checker()


def _sizes(row: Row) -> list[int]:
    try:
        sizes = [int(size) for size in text_of(row, "input_levels").split()]
    except ValueError:
        sizes = []
    if len(sizes) != len(TESTS) or min(sizes) < 0:
        raise FormatError(f"field 'input_levels' must hold {len(TESTS)} whole numbers")
    return sizes


def _generator(source: str, prompt: str, reference: str, entry: str, number: int, sizes: list[int]) -> Generator:
    tests = []
    for level, (size, count) in enumerate(zip(sizes, TESTS, strict=True)):
        tests += [(SEED ^ number ^ (sum(TESTS[:level]) + k), size, level, k) for k in range(count)]
    request = {"prompt": prompt, "generator": source, "reference": reference, "entry": entry, "tests": tests}
    guest = Path(__file__).with_name("enamel_guest.py").read_text("utf-8")
    return Generator({"enamel_guest.py": guest, "request.json": json.dumps(request)})
