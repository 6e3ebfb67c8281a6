"""Problems of code bases become Harbor task folders, with a verifier in a container of its own.

There a task is graded by the modules that grade it here: they lie in ``tests/grader.zip`` and need Python alone. Read
back by ``load_split``, an exported task is the problem that it was.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from alphadial.envs.errors import PatchError, ProblemError, StoreError
from alphadial.envs.files import File
from alphadial.envs.harbor.grader_archive import grader_archive
from alphadial.envs.harbor.grading_here import PLAN, plan_of
from alphadial.envs.harbor.task_toml import task_toml
from alphadial.envs.patches import written
from alphadial.envs.problems.formats.levels import coverages
from alphadial.envs.problems.sets import Source, load_split
from alphadial.envs.raw import as_bytes
from alphadial.envs.repository import Repository, VerifierKind
from alphadial.envs.types import Problem

BASE = "alphadial/repository"
"""The image that an exported task begins from where its problem names ours."""
_OURS = "repository"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
_TESTED = (VerifierKind.TESTS, VerifierKind.PROJECT_TESTS)
_DOCKERFILE = """\
# The image of {image}: `alphadial images build` makes ours where no registry is reached.
ARG BASE={base}
FROM ${{BASE}}
USER root
WORKDIR {workdir}
{copy}# Whatever history the image has may tell what comes next.
RUN rm -rf .git; if command -v git >/dev/null; then git init -q . && git config user.name agent \\
    && git config user.email agent@localhost && git add -A && git commit -q --allow-empty -m 'The task begins'; fi
"""
_COMPOSE = """\
services:
  main:
    init: true
    network_mode: none
"""
_BUILD = "    build:\n      network: none\n"
_TEST = """\
#!/bin/bash
# Grades as alphadial does. Where the grading itself fails no reward is written: a missing reward is not 0.
exec python3 -I -B -c 'import sys; sys.path.insert(0, "/tests/grader.zip")
from alphadial.envs.harbor.grading_here import main; main()'
"""
_SOLVE = """\
#!/bin/bash
cd {workdir} || exit 1
if command -v git >/dev/null; then git apply --whitespace=nowarn /solution/gold.patch
else patch -p1 -i /solution/gold.patch; fi
"""


@dataclass(frozen=True, slots=True)
class Exported:
    """What became of a set of problems."""

    folders: tuple[Path, ...]
    """The folders of the tasks that were written."""
    refused: Mapping[str, str]
    """The id of each problem that cannot be a Harbor task, to the reason."""


def export_tasks(source: Source, out: Path, split: str | None = None, *, base: str = BASE) -> Exported:
    """Writes the code bases of a problem set as Harbor task folders.

    Args:
        source: as ``load_split`` takes it.
        out: a folder that gets one for each task; those that are there already are replaced.
        split: of the set; None: all.
        base: image with Python 3.11, git and pytest from which those begin that name ours.

    Raises:
        ProblemError: there is no such set, or nothing in it can be exported.
        StoreError: a folder cannot be written.
    """
    folders: list[Path] = []
    refused: dict[str, str] = {}
    for problem in load_split(source, split).problems:
        taken = {folder.name for folder in folders}
        name = next(name for name in _names(problem) if name not in taken)
        try:
            files = task_folder(problem, name, base)
        except ProblemError as error:
            refused[problem.id] = str(error)
            continue
        folders.append(_write(out / name, files))
    if not folders:
        raise ProblemError(
            f"{source} holds no task that can be exported: {next(iter(refused.values()), 'it is empty')}"
        )
    return Exported(tuple(folders), refused)


def _names(problem: Problem) -> Iterator[str]:
    """What a task's folder may be called: the last part of its id, all of it, and others where those are taken."""
    for name in (problem.id.rpartition("/")[2], problem.id):
        plain = re.sub(r"[^A-Za-z0-9_.-]|\.\.+", "-", name)  # what Harbor, too, takes as a name
        yield plain if _NAME.fullmatch(plain) else f"task-{plain.lstrip('.-_')[:90]}"
    yield from (f"{plain[:90]}-{number}" for number in count(2))


def task_folder(problem: Problem, name: str, base: str = BASE) -> dict[str, File]:
    """The files of one task, by relative path.

    Args:
        problem: of a code base.
        name: of the task.
        base: as ``export_tasks`` has it.

    Raises:
        ProblemError: it is no code base, or its verifier cannot have a container of its own.
    """
    repository = _exportable(problem)
    files = {
        "instruction.md": _text(problem.statement),
        "task.toml": _text(task_toml(problem, name)),
        **_below("environment", _environment(repository, base)),
        **_below("tests", _tests(problem, repository)),
    }
    files |= _below("solution", repository.solution)
    if repository.gold:
        solve = _text(_SOLVE.format(workdir=repository.workdir), executable=True)
        files |= {"solution/gold.patch": _text(repository.gold), "solution/solve.sh": solve}
    return files


def _exportable(problem: Problem) -> Repository:
    repository = problem.repository
    if repository is None:
        raise ProblemError(f"problem {problem.id} is no code base")
    if repository.verifier.kind is VerifierKind.SHARED_SCRIPT:
        raise ProblemError(f"problem {problem.id} has a verifier that looks at a candidate from within its own box")
    if repository.verifier.kind in _TESTED and repository.tree is None and repository.verifier.patch:
        raise ProblemError(f"problem {problem.id} has its code base in an image, to which its tests come as a patch")
    if dict(problem.coverages) != coverages(problem.tests):
        raise ProblemError(f"problem {problem.id} has coverages of its own, which a task folder cannot state")
    return repository


def _environment(repository: Repository, base: str) -> dict[str, File]:
    image, tree = repository.image, repository.tree
    files = dict(image.context)
    if tree is not None:
        files |= _below("repository", tree)
    if image.name and (tree is not None or image.name == _OURS):
        start = base if image.name == _OURS else image.name
        copy = "" if tree is None else "COPY repository/ ./\n"
        text = _DOCKERFILE.format(image=image.name, base=start, workdir=repository.workdir, copy=copy)
        files["Dockerfile"] = _text(text)
        files["docker-compose.yaml"] = _text(_COMPOSE + _BUILD)
    files.setdefault("docker-compose.yaml", _text(_COMPOSE))
    return files


def _tests(problem: Problem, repository: Repository) -> dict[str, File]:
    verifier = repository.verifier
    if verifier.kind not in _TESTED:
        return {**verifier.files, **({} if verifier.image is None else verifier.image.context)}
    calls = [test for test in problem.tests if test.input]
    return {
        "test.sh": _text(_TEST, executable=True),
        "grader.zip": File(grader_archive()),
        PLAN: _text(json.dumps(plan_of(problem), indent=1)),
        **_below("repository", {**verifier.files, **_patched(problem, repository)}),
        **(
            {
                "calls.json": _text(
                    json.dumps([_call(test.name, test.input, test.answer, test.level) for test in calls], indent=1)
                )
            }
            if calls
            else {}
        ),
        **(_below("performance", repository.performance.files) if repository.performance else {}),
        **({"gold.patch": _text(repository.gold)} if repository.performance else {}),
    }


def _call(name: str, given: str, answer: str, level: int) -> dict[str, object]:
    called, arguments = json.loads(given)
    return {"name": name, "call": called, "arguments": arguments, "value": json.loads(answer), "level": level}


def _patched(problem: Problem, repository: Repository) -> dict[str, File]:
    """The files that the verifier's patch of tests makes, by relative path."""
    if not repository.verifier.patch or repository.tree is None:
        return {}
    try:
        return written(repository.verifier.patch, repository.tree)
    except PatchError as error:
        raise ProblemError(f"problem {problem.id}: the patch of its tests does not apply: {error}") from error


def _below(folder: str, files: Mapping[str, File]) -> dict[str, File]:
    return {f"{folder}/{path}": file for path, file in files.items()}


def _text(text: str, *, executable: bool = False) -> File:
    return File(as_bytes(text), executable)


def _write(folder: Path, files: Mapping[str, File]) -> Path:
    """Makes a folder that holds these files and nothing else, in place of one that is there."""
    new = folder.with_name(f".{folder.name}.new")
    try:
        shutil.rmtree(new, ignore_errors=True)
        for path, file in files.items():
            full = new / path
            full.parent.mkdir(parents=True, exist_ok=True)
            if file.link:
                full.symlink_to(os.fsdecode(file.data))
            else:
                full.write_bytes(file.data)
                full.chmod(0o755 if file.executable else 0o644)
        if folder.exists():
            if not (folder / "task.toml").is_file():
                raise StoreError(f"{folder} is there and is no task folder: choose another --out, or remove it")
            shutil.rmtree(folder)
        new.rename(folder)
    except OSError as error:
        raise StoreError(f"cannot write {folder}: {error.strerror}") from error
    return folder
