"""Runs in the environment of ``peers.py``: asks the grader of verl or of LiveCodeBench what it makes of programs.

    python peer_guest.py verl|lcb FOLDER

Reads lines of JSON, [tests, source, seconds], and writes a line of JSON for each: the results of the tests, in the
grader's words.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

Grade = Callable[[dict[str, Any], str, int], list[Any]]


def bare_package(name: str, folder: str) -> None:
    """A package without its ``__init__``, which would load what trains models."""
    package = ModuleType(name)
    package.__path__ = [folder]
    sys.modules[name] = package


def verl(folder: str) -> Grade:
    """The check of ``prime_code``, which verl's reward function for code makes first."""
    bare_package("reward_score", folder)
    check = import_module("reward_score.prime_code.utils").check_correctness
    return lambda tests, source, limit_s: list(check(tests, source, timeout=limit_s, debug=False)[0])


def lcb(folder: str) -> Grade:
    """The check that LiveCodeBench makes of each generation."""
    for name in ("lcb_runner", "lcb_runner.evaluation"):
        bare_package(name, str(Path(folder, *name.split("."))))
    check = import_module("lcb_runner.evaluation.compute_code_generation_metrics").check_correctness

    def grade(tests: dict[str, Any], source: str, limit_s: int) -> list[Any]:
        return list(check({"input_output": json.dumps(tests)}, source, timeout=limit_s, debug=False)[0])

    return grade


def main() -> None:
    name, folder = sys.argv[1:]
    grade = {"verl": verl, "lcb": lcb}[name](folder)
    answers = os.fdopen(os.dup(1), "w")
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)  # programs that fail print there
    os.dup2(null, 2)
    for line in sys.stdin:
        tests, source, limit_s = json.loads(line)
        results = grade(tests, source, limit_s)
        plain = [bool(result) if result in (True, False) else int(result) for result in results]
        answers.write(json.dumps(plain) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
