"""APPS (Hendrycks et al. 2021): rows of JSON, or one folder a problem as in the published archive.

Not checked on published files. ``input_output`` holds ``inputs``, ``outputs`` and, for call-based problems,
``fn_name``; ``solutions`` a JSON array of accepted Python programs.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from alphadial.envs.types import MIB, Problem, Solution, Test

from .fields import Row, mapping, parse, sequence, text, text_of
from .rows import call_test, grouped, json_or_text, problem, solution, stdio_test
from .tree import Tree
from .types import Fault, FormatError, Package

KEYS = frozenset({"question", "input_output"})
QUESTION, INPUT_OUTPUT = "question.txt", "input_output.json"
CALL_LIMIT_S = 4.0
"""CPU seconds of a call, as in the test harness of the paper; programs on stdin are calibrated by their solutions."""


def package(row: Row, path: Path, line: int | None) -> Package:
    """The package in a row of ``path``.

    Raises:
        FormatError: a field is missing or not what it should be.
    """
    name = str(row["problem_id"]) if "problem_id" in row else f"{path.name.partition('.')[0]}-{line or 1}"
    found = in_out_problem(row, name, None)
    return Package(found, tuple(_solutions(row, found)), source=path)


def load_folder(folder: Path, name: str) -> Iterator[Package | Fault]:
    """The problem in a folder, or its fault."""
    tree = Tree(folder)
    try:
        row = {"problem_id": name, "question": tree.text(folder / QUESTION)}
        for file in (INPUT_OUTPUT, "solutions.json"):
            if tree.is_file(folder / file) or file == INPUT_OUTPUT:
                row[file.partition(".")[0]] = tree.text(folder / file)
        if tree.is_file(folder / "starter_code.py"):
            row["starter_code"] = tree.text(folder / "starter_code.py")
        yield package(row, folder, None)
    except FormatError as error:
        yield error.fault(folder)


def in_out_problem(row: Row, name: str, time_limit_s: float | None, memory_bytes: float | None = None) -> Problem:
    """The problem in a row with ``input_output``, as in APPS and TACO.

    Raises:
        FormatError: as ``package``.
    """
    in_out = mapping(json_or_text(row.get("input_output"), "input_output"), "input_output")
    inputs = sequence(in_out.get("inputs"), "input_output.inputs")
    outputs = sequence(in_out.get("outputs"), "input_output.outputs")
    if len(inputs) != len(outputs):
        raise FormatError(f"input_output has {len(inputs)} inputs but {len(outputs)} outputs")
    entry = in_out.get("fn_name")
    if entry is None:
        tests = [stdio_test(str(at), *pair, public=False) for at, pair in enumerate(zip(inputs, outputs, strict=True))]
    else:
        entry = text(entry, "input_output.fn_name")
        tests = _calls(inputs, outputs)
        time_limit_s = time_limit_s or CALL_LIMIT_S
    statement = text_of(row, "question")
    if starter := text_of(row, "starter_code", ""):
        statement = f"{statement}\n\n{starter}"
    memory_bytes = memory_bytes or 1024 * MIB
    return problem(name, statement, grouped(tests), entry=entry, time_limit_s=time_limit_s, memory_bytes=memory_bytes)


def accepted_programs(row: Row) -> list[str]:
    """The sources in ``solutions``: a JSON array as text, or the array; none where it is empty."""
    value = json_or_text(row.get("solutions"), "solutions")
    return [text(source, "each of solutions") for source in sequence(value or [], "solutions")]


def _solutions(row: Row, found: Problem) -> Iterator[Solution]:
    for number, source in enumerate(accepted_programs(row)):
        yield solution(f"solution-{number}", "python3", source, "accepted", found.entry or None)


def _calls(inputs: list[Any], outputs: list[Any]) -> list[Test]:
    values = [parse(value, "an output") if isinstance(value, str) and value[:1] in "[{" else value for value in outputs]
    # The answer comes in an array of one where it does in every test of the problem; else arrays are answers.
    wrapped = all(isinstance(value, list) and len(value) == 1 for value in values)
    tests = []
    for at, (given, value) in enumerate(zip(inputs, values, strict=True)):
        lines = given.splitlines() if isinstance(given, str) else None
        arguments = sequence(given, "each of inputs") if lines is None else [parse(line, "an input") for line in lines]
        tests.append(call_test(str(at), arguments, value[0] if wrapped else value, public=False))
    return tests
