"""APPS (Hendrycks et al. 2021): rows of JSON, or one folder a problem as in the published archive.

Not checked on published files. ``input_output`` holds ``inputs``, ``outputs`` and, for call-based problems,
``fn_name``; ``solutions`` a JSON array of accepted Python programs.

What a call is given and must return follows the authors' runners, ``eval/testing_util.py`` of hendrycks/apps and
``metrics/testing_util.py`` of FlagOpen/TACO. An input is an array of arguments, and its output a value that is taken as
it is: a text stays a text, whatever it looks like. They accept an array of one by its element too; here it is one of
the two, for all tests of a problem alike, since answering the other would be wrong. Rows made for the runner of
LiveCodeBench have texts instead: JSON, one argument a line. Outputs are compared as by the same runners: see ``apps``
in ``judging.graders``, and for values ``judging.equality``.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from alphadial.envs.labelled import LabelledSubmission
from alphadial.envs.problems.formats.features import Features, known_features, site
from alphadial.envs.problems.formats.fields import Row, mapping, parse, sequence, text, text_of
from alphadial.envs.problems.formats.packages import FormatError, LoadError, Package
from alphadial.envs.problems.formats.rows import (
    argument_lines,
    call_test,
    checked,
    grouped,
    json_or_text,
    problem,
    solution,
    stdio_test,
)
from alphadial.envs.problems.formats.tree import Tree
from alphadial.envs.types import MIB, Problem, Rule, Test

KEYS = frozenset({"question", "input_output"})
QUESTION, INPUT_OUTPUT, METADATA = "question.txt", "input_output.json", "metadata.json"
CALL_LIMIT_S = 4.0
"""CPU seconds of a call, as in the test harness of the paper; programs on stdin are calibrated by their solutions."""


@checked
def package(row: Row, path: Path, line: int | None) -> Package:
    """The package in a row of ``path``.

    Raises:
        FormatError: a field is missing or not what it should be.
    """
    stated = row.get("problem_id")
    name = f"{path.name.partition('.')[0]}-{line or 1}" if stated is None else text(str(stated), "problem_id")
    features = known_features(difficulty=row.get("difficulty"), platform=site(row.get("url")))
    found = in_out_problem(row, name, None, features=features)
    return Package(found, tuple(_solutions(row, found)), source=path)


def load_folder(folder: Path, name: str) -> Iterator[Package | LoadError]:
    """The problem in a folder, or its fault."""
    tree = Tree(folder)
    try:
        row = {"problem_id": name, "question": tree.text(folder / QUESTION)}
        for file in (INPUT_OUTPUT, "solutions.json"):
            if tree.is_file(folder / file) or file == INPUT_OUTPUT:
                row[file.partition(".")[0]] = tree.text(folder / file)
        if tree.is_file(folder / "starter_code.py"):
            row["starter_code"] = tree.text(folder / "starter_code.py")
        yield package({**_metadata(tree), **row}, folder, None)
    except FormatError as error:
        yield error.fault(folder)


def _metadata(tree: Tree) -> Row:
    """What lies beside the problem in the archive. Nothing is judged by it, so what cannot be read is passed over."""
    with suppress(FormatError):
        if tree.is_file(tree.root / METADATA):
            stated = mapping(parse(tree.text(tree.root / METADATA), METADATA), METADATA)
            return {name: stated.get(name) for name in ("difficulty", "url")}
    return {}


def in_out_problem(
    row: Row, name: str, time_limit_s: float | None, memory_bytes: float | None = None, *, features: Features
) -> Problem:
    """The problem in a row with ``input_output``, as in APPS and TACO.

    Raises:
        FormatError: as ``package``.
    """
    in_out = mapping(json_or_text(row.get("input_output"), "input_output"), "input_output")
    inputs = sequence(in_out.get("inputs"), "input_output.inputs")
    outputs = sequence(in_out.get("outputs"), "input_output.outputs")
    if len(inputs) != len(outputs):
        raise FormatError(f"input_output has {len(inputs)} inputs but {len(outputs)} outputs")
    entry, starter = in_out.get("fn_name"), text_of(row, "starter_code", "")
    if entry is None:
        tests = [stdio_test(str(at), *pair, public=False) for at, pair in enumerate(zip(inputs, outputs, strict=True))]
    else:
        entry = text(entry, "input_output.fn_name")
        tests = _calls(inputs, outputs, _returned_depth(starter, entry))
        time_limit_s = time_limit_s or CALL_LIMIT_S
    memory_bytes = memory_bytes or 1024 * MIB
    return problem(
        name,
        text_of(row, "question"),
        grouped(tests),
        entry=entry,
        starter=starter,
        time_limit_s=time_limit_s,
        memory_bytes=memory_bytes,
        rule=Rule.APPS,
        features=features,
    )


def accepted_programs(row: Row) -> list[str]:
    """The sources in ``solutions``: a JSON array as text, or the array; none where it is empty."""
    value = json_or_text(row.get("solutions"), "solutions")
    return [text(source, "each of solutions") for source in sequence(value or [], "solutions")]


def _solutions(row: Row, found: Problem) -> Iterator[LabelledSubmission]:
    for number, source in enumerate(accepted_programs(row)):
        yield solution(f"solution-{number}", "python3", source, "accepted")


def _calls(inputs: list[Any], outputs: list[Any], depth: int | None) -> list[Test]:
    wrapped = all(isinstance(value, list) and len(value) == 1 for value in outputs)
    if wrapped and depth is not None:
        wrapped = max(map(_depth, outputs), default=0) > depth
    tests = []
    for at, (given, value) in enumerate(zip(inputs, outputs, strict=True)):
        answer = value[0] if wrapped else value
        if isinstance(given, str) and isinstance(answer, str):
            answer = parse(answer, f"answer of test '{at}'")
        arguments = _arguments(given, f"input of test '{at}'")
        tests.append(call_test(str(at), arguments, _whole_keys(answer), public=False))
    return tests


def _arguments(given: Any, what: str) -> list[Any]:
    if isinstance(given, str):
        return argument_lines(given, what)
    arguments = sequence(given, what)
    if len(arguments) > 1 and _whole_keys(arguments[0]) != arguments[0]:
        raise FormatError(f"{what} has integers as keys, for which the authors' runner leaves out the other arguments")
    return [_whole_keys(argument) for argument in arguments]


def _whole_keys(value: Any) -> Any:
    """The authors' runner reads the keys of an object, alone or alone in a list, as integers where all are such."""
    if isinstance(value, list) and len(value) == 1:
        return [_whole_keys(value[0])] if isinstance(value[0], dict) else value
    if not isinstance(value, dict):
        return value
    try:
        return {int(key): item for key, item in value.items()}
    except ValueError:
        return value


def _returned_depth(starter: str, entry: str) -> int | None:
    """How many lists lie within each other in what the starter code says that ``entry`` returns; None: it does not."""
    try:
        tree = ast.parse(f"{starter.rstrip()} pass")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name == entry]
    returned, depth = functions[0].returns if functions else None, 0
    while isinstance(returned, ast.Subscript) and ast.unparse(returned.value) in ("List", "list"):
        returned, depth = returned.slice, depth + 1
    return depth if isinstance(returned, ast.Name) and returned.id in ("bool", "float", "int", "str") else None


def _depth(value: Any) -> int:
    return 1 + max(map(_depth, value), default=0) if isinstance(value, list) else 0
