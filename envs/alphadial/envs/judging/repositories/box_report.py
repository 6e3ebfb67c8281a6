"""What the guest of a grader's box reports, as far as it can be believed."""

from __future__ import annotations

import builtins
import json
import math
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

from alphadial.envs.errors import EnvsError, SandboxFailedError
from alphadial.envs.files import File
from alphadial.envs.sandbox.boxes.box import Box
from alphadial.envs.types import Limits, RunResult

GUEST, TESTS, GRADE = "/grade/guest", "/grade/tests", "/grade"
"""The folders of a grader's box that hold the guest's modules, the tests, and, in a box that measures performance, what
that needs. No command of the agent's can change what lies there."""
_START = "import sys; sys.path.insert(0, {folder!r}); from grader.{module} import main; del sys.path[0]; main()"
_MODULES = ("assertions", "calling", "pytest_run", "reporting", "values")
_LONGEST = 4_000


@dataclass(frozen=True, slots=True)
class Said:
    """What one test came to, by the report."""

    right: bool = False
    error: str = ""
    """What it raised, or how else it failed beside by a wrong value; "" where it did not."""
    text: str = ""
    """What pytest says of the failure, where that is wanted; "" otherwise."""
    cpu_s: float = 0.0
    missing: bool = False
    """The report says nothing of the test: whatever ended the guest's process also ended the test."""


class GuestRun:
    """One run of a module of the guest.

    Args:
        box: in which ``guest_files`` are sealed at ``GUEST``.
        module: its name.
        told: what it is told beside its nonce.
        limits: of the run.
        env: variables beside the image's.

    Raises:
        SandboxFailedError: it did not come to begin.
        EnvsError: the image lacks what it needs.
    """

    def __init__(self, box: Box, module: str, told: Mapping[str, Any], limits: Limits, env: Mapping[str, str]) -> None:
        nonce = secrets.token_hex(16)
        command = ["python3", "-I", "-B", "-c", _START.format(folder=GUEST, module=module)]
        stdin = json.dumps({"nonce": nonce, **told}).encode() + b"\n"
        self.result: RunResult = box.exec(command, limits, stdin=stdin, env=env)
        self.lines = _lines(nonce, self.result.stdout)
        lacks = next((line["lacks"] for line in self.lines if "lacks" in line), None)
        if lacks is not None:
            raise EnvsError(f"the image's python3 has no {lacks}, which grades: build an image that has it")
        if self.result.exit_status == 127:
            raise EnvsError("the image has no python3, which grades: build an image that has it")
        if not any("ready" in line for line in self.lines):
            raise SandboxFailedError(f"the grader did not start: {self.result.words[-200:] or self.result}")

    def by(self, key: str) -> dict[Any, list[dict[str, Any]]]:
        """The lines that have the key, by its value."""
        found: dict[Any, list[dict[str, Any]]] = {}
        for line in self.lines:
            if isinstance(line.get(key), str | int):
                found.setdefault(line[key], []).append(line)
        return found

    def names(self, key: str) -> Sequence[str]:
        """The list of texts that the first such line has."""
        listed: list[object] = next((line[key] for line in self.lines if isinstance(line.get(key), list)), [])
        return [name for name in listed if isinstance(name, str)]


def guest_files() -> dict[str, File]:
    """The guest's modules, to be sealed at ``GUEST``."""
    folder = resources.files("alphadial.envs.sandbox.guest")
    modules = {f"grader/{name}.py": File(folder.joinpath(f"{name}.py").read_bytes()) for name in _MODULES}
    return {"grader/__init__.py": File(b""), **modules}


def error_name(value: object) -> str:
    """The name of a builtin exception; any other is the candidate's, which could write a hidden test's input there."""
    known = vars(builtins).get(value) if isinstance(value, str) else None
    return known.__name__ if isinstance(known, type) and issubclass(known, BaseException) else "Exception"


def seconds(value: object, most: float) -> float:
    """CPU seconds as a guest tells them: no less than nothing, no more than the whole run took."""
    return min(max(value, 0.0), most) if isinstance(value, float) and math.isfinite(value) else 0.0


def text_of(line: Mapping[str, Any], key: str) -> str:
    """A text of the report; "" where there is none."""
    value = line.get(key)
    return value[-_LONGEST:] if isinstance(value, str) else ""


def _lines(nonce: str, stdout: str) -> list[dict[str, Any]]:
    found = []
    for line in stdout.split("\n"):
        if line.startswith(nonce):
            try:
                value = json.loads(line[len(nonce) :])
            except (ValueError, RecursionError):
                continue
            if isinstance(value, dict):
                found.append(value)
    return found
