"""What binds results to problems."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict

from alphadial.envs.types import Problem


def problems_hash(problems: Sequence[Problem]) -> str:
    """sha256 over all that a verdict can depend on, tests and limits included."""
    digest = hashlib.sha256()
    for problem in problems:
        values = asdict(problem)
        if not problem.files:
            # Results were bound to these hashes before problems could bring files.
            del values["files"]
        digest.update(json.dumps(values, sort_keys=True).encode())
    return digest.hexdigest()
