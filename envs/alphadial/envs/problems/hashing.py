"""What binds results to problems."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from alphadial.envs.types import Problem

_CHECKER = {"rule": "kattis"}
_PROBLEM = {
    "interface": "call",
    "checker": {"float_absolute": None, "float_relative": None, "case_sensitive": False, "space_sensitive": False},
    "validator": None,
    "time_limit_s": None,
    "files": {},
    "requires": {},
    "continues": (),
}
_TEST = {"name": "", "group": "", "checker": None, "arguments": None, "check": ""}
"""Fields that do not count at these values: results were bound to hashes before problems had them."""


def problems_hash(problems: Sequence[Problem]) -> str:
    """sha256 over all that a verdict can depend on, tests and limits included."""
    digest = hashlib.sha256()
    for problem in problems:
        values = _used(_plain(asdict(problem)), _PROBLEM)
        values["tests"] = [_used(_plain(test), _TEST) for test in values["tests"]]
        digest.update(json.dumps(values, sort_keys=True).encode())
    return digest.hexdigest()


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    checker = values["checker"]
    return values if checker is None else values | {"checker": _used(checker, _CHECKER)}


def _used(values: dict[str, Any], unused: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in unused or value != unused[name]}
