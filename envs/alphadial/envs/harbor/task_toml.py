"""task.toml of an exported task."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from alphadial.envs.harbor.grading_here import WORKSPACE
from alphadial.envs.repository import PERFORMANCE, PROTECTED, Repository, Verifier, VerifierKind
from alphadial.envs.types import MIB, Problem

_Value = str | int | float | bool | Sequence[str] | Mapping[str, str]
_PACK = f"tar -C {{workdir}} -cf {WORKSPACE} --exclude=./.git --exclude=__pycache__ --exclude=.pytest_cache ."
_GRADINGS = 6
"""So many times the limit of all tests a verifier may take: tests, and pairs of runs of performance."""


def task_toml(problem: Problem, name: str) -> str:
    """The text of it.

    Args:
        problem: of a code base.
        name: of the task, as a folder.
    """
    assert problem.repository is not None
    repository = problem.repository
    verifier = repository.verifier
    tested = verifier.kind in (VerifierKind.TESTS, VerifierKind.PROJECT_TESTS)
    artifacts = [WORKSPACE] if tested else [path for path in verifier.artifacts if path != "/logs/artifacts"]
    parts = [
        _table("", {"schema_version": "1.4", "artifacts": artifacts}),
        _table("task", {"name": f"alphadial/{name.lower()}", "description": problem.statement.split("\n")[0][:200]}),
        _table("metadata", _features(problem)),
        _table("metadata.alphadial", _ours(problem, repository, tested=tested)),
        _performance(repository),
        _table("verifier", _verifier(problem, verifier, tested=tested)),
        *_collect(repository, tested=tested),
        _verifier_image(verifier),
        _table("agent", {"timeout_sec": 3600.0}),
        _table("environment", _environment(problem, repository)),
    ]
    return "\n".join(part for part in parts if part)


def _features(problem: Problem) -> dict[str, _Value]:
    """Those that are read back."""
    known = {key: problem.features[key] for key in ("difficulty", "category") if key in problem.features}
    tags = problem.features.get("tags")
    return {**known, **({"tags": tags.split(",")} if isinstance(tags, str) else {})}


def _ours(problem: Problem, repository: Repository, *, tested: bool) -> dict[str, _Value]:
    values: dict[str, _Value] = {"verifier": str(repository.verifier.kind), "timeout_s": problem.limits.cpu_s}
    values["workdir"] = repository.workdir
    if repository.image.name:
        values["image"] = repository.image.name
    if problem.template != problem.id:
        values["template"] = problem.template
    if not tested:
        return {**values, "rewards": [test.name for test in problem.tests]}
    nodes = [test for test in problem.tests if not test.input and test.name != PERFORMANCE]
    first = min(test.level for test in problem.tests)
    return {
        **values,
        "fail_to_pass": [test.name for test in nodes if test.level == first],
        "pass_to_pass": [test.name for test in nodes if test.level != first],
        "public": [test.name for test in nodes if test.public],
        "editable": list(repository.editable),
        "protected": [pattern for pattern in repository.protected if pattern not in PROTECTED],
        "import_from": list(repository.import_from),
    }


def _performance(repository: Repository) -> str:
    stated = repository.performance
    if stated is None:
        return ""
    values: dict[str, _Value] = {"command": list(stated.command), "ratio": stated.ratio, "pairs": stated.pairs}
    return _table("metadata.alphadial.performance", values)


def _verifier(problem: Problem, verifier: Verifier, *, tested: bool) -> dict[str, _Value]:
    times = _GRADINGS if tested else 1
    values: dict[str, _Value] = {
        "timeout_sec": times * problem.limits.wall_s if tested else verifier.timeout_s,
        "environment_mode": "separate",
    }
    return {**values, **({"env": verifier.env} if verifier.env else {})}


def _collect(repository: Repository, *, tested: bool) -> list[str]:
    """Commands that make the artifacts, in the candidate's container."""
    commands = [_PACK.format(workdir=repository.workdir)] if tested else repository.verifier.collect
    return [f"[[verifier.collect]]\ncommand = {_shown(command)}\n" for command in commands]


def _verifier_image(verifier: Verifier) -> str:
    if verifier.image is None:
        return ""
    values: dict[str, _Value] = {"docker_image": verifier.image.name} if verifier.image.name else {}
    return _table("verifier.environment", {"network_mode": "public", **values})


def _environment(problem: Problem, repository: Repository) -> dict[str, _Value]:
    """The network is named public since any other mode needs images from a registry: the compose file takes it away."""
    values: dict[str, _Value] = {
        "network_mode": "public",
        "memory_mb": problem.limits.memory_bytes // MIB,
        "storage_mb": problem.limits.files_bytes // MIB,
        "workdir": repository.workdir,
    }
    if repository.image.name and repository.tree is None:
        values["docker_image"] = repository.image.name
    return {**values, **({"env": repository.env} if repository.env else {})}


def _table(name: str, values: Mapping[str, _Value]) -> str:
    lines = [f"{key} = {_shown(value)}" for key, value in values.items()]
    return "\n".join([*([f"[{name}]"] if name else []), *lines, ""])


def _shown(value: _Value) -> str:
    """A value in TOML, whose texts are those of JSON."""
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{json.dumps(key)} = {_shown(each)}' for key, each in value.items())} }}"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, Sequence):
        return f"[{', '.join(map(_shown, value))}]"
    return json.dumps(value)
