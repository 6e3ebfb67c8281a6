"""The verifier of an exported task: it grades in a container of Harbor's as everything is graded here.

Where the grading itself fails, no reward is written, and the exit status says so: a missing reward is none, not 0.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tarfile
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from alphadial.envs.errors import EnvsError, PatchError, WorkspaceError
from alphadial.envs.files import File
from alphadial.envs.harbor.here_boxes import HERE, HereBoxes
from alphadial.envs.judging.cores import Cores
from alphadial.envs.judging.repositories.repository_judging import RepositoryJudging
from alphadial.envs.judging.verdicts import report
from alphadial.envs.labelled import LabelledSubmission
from alphadial.envs.patches import diff
from alphadial.envs.repository import ImageSource, Performance, Repository, Verifier, VerifierKind
from alphadial.envs.sandbox.boxes.tar_trees import read_folder
from alphadial.envs.types import Checker, Interface, JudgeReport, Limits, Problem, Submission, Test

PLAN = "plan.json"
WORKSPACE = "/logs/artifacts/workspace.tar"
"""What the candidate's working directory was in the end, as the collecting command packs it."""
_LOGS = Path("/logs/verifier")


def plan_of(problem: Problem) -> dict[str, Any]:
    """What the verifier must know of a problem, as plain values; files and the gold patch lie beside it."""
    assert problem.repository is not None
    repository = problem.repository
    return {
        "id": problem.id,
        "tests": [asdict(replace(test, checker=None)) for test in problem.tests],
        "limits": asdict(problem.limits),
        "workdir": repository.workdir,
        "editable": repository.editable,
        "protected": repository.protected,
        "import_from": repository.import_from,
        "env": dict(repository.env),
        "verifier": {
            "kind": str(repository.verifier.kind),
            "timeout_s": repository.verifier.timeout_s,
            "env": dict(repository.verifier.env),
        },
        "performance": None
        if repository.performance is None
        else {key: value for key, value in asdict(replace(repository.performance, files={})).items() if key != "files"},
    }


def problem_of(plan: dict[str, Any], folder: Path) -> Problem:
    """The problem again. Its code base is what the container holds.

    Args:
        plan: as ``plan_of`` makes it.
        folder: with ``repository/``, ``performance/`` and ``gold.patch``.
    """
    verifier, performance = plan["verifier"], plan["performance"]
    gold = folder / "gold.patch"
    repository = Repository(
        image=ImageSource("here"),
        verifier=Verifier(
            VerifierKind(verifier["kind"]),
            _files(folder / "repository"),
            timeout_s=verifier["timeout_s"],
            env=verifier["env"],
        ),
        workdir=plan["workdir"],
        gold=gold.read_text("utf-8", "surrogateescape") if gold.exists() else "",
        editable=tuple(plan["editable"]),
        protected=tuple(plan["protected"]),
        import_from=tuple(plan["import_from"]),
        performance=performance
        and Performance(
            tuple(performance["command"]), _files(folder / "performance"), performance["ratio"], performance["pairs"]
        ),
        env=plan["env"],
    )
    tests = tuple(Test(**{**test, "checker": None, "arguments": None}) for test in plan["tests"])
    limits = Limits(**plan["limits"])
    return Problem(
        plan["id"],
        tests=tests,
        limits=limits,
        interface=Interface.REPOSITORY,
        checker=Checker(),
        time_limit_s=limits.cpu_s,
        repository=repository,
    )


def main(folder: Path = Path("/tests")) -> None:
    """Grades what a candidate left, and writes the rewards."""
    if os.getuid() != 0:
        sys.exit("alphadial: no reward: the verifier must run as root, who alone can keep a candidate from the tests")
    os.umask(0o022)
    folder.chmod(0o700)  # what lies here tells which answers are right
    _LOGS.mkdir(parents=True, exist_ok=True)
    _LOGS.chmod(0o755)
    problem = problem_of(json.loads((folder / PLAN).read_text("utf-8")), folder)
    try:
        found = grade(problem, Path(WORKSPACE))
    except (EnvsError, OSError, tarfile.TarError) as error:
        sys.exit(f"alphadial: no reward, since the grading failed: {error}")
    if found.verdict is None:
        sys.exit(f"alphadial: no reward, since nothing was measured: {found.error}")
    rewards = {"reward": float(found.solved)}
    rewards |= {f"level_{level}": float(found.level_reached >= level) for level in range(1, problem.levels + 1)}
    _write(json.dumps(rewards))
    print(f"{found.verdict} {found.cause} {json.dumps(rewards)}")


def grade(problem: Problem, packed: Path) -> JudgeReport:
    """Grades a working directory that is packed in an archive.

    Raises:
        EnvsError: our machinery broke.
        OSError: there is no such archive.
        tarfile.TarError: it is damaged.
    """
    assert problem.repository is not None
    limit_s = problem.limits.cpu_s
    with HereBoxes() as boxes:
        first = boxes.tree(HERE, problem.repository.workdir)
        with tarfile.open(packed) as tar:
            try:
                patch = diff(first.files, read_folder(tar).files)
            except (PatchError, WorkspaceError) as error:
                patch = f"{error}"  # no patch at all: what was handed in cannot be one
        problem = replace(problem, repository=replace(problem.repository, tree=first.files))
        judging = RepositoryJudging(boxes, Cores(1), counted_by="polling", allow_shared_verifier=False)
        labelled = LabelledSubmission("", Submission.patch(patch))
        record = judging.record(problem, labelled, limit_s, level=problem.levels)
        return report(record, limit_s)


def _files(folder: Path) -> dict[str, File]:
    return {
        path.relative_to(folder).as_posix(): File(os.fsencode(path.readlink()), link=True)
        if path.is_symlink()
        else File(path.read_bytes(), bool(path.stat().st_mode & 0o100))
        for path in sorted(folder.rglob("*"))
        if path.is_symlink() or path.is_file()
    }


def _write(rewards: str) -> None:
    """Writes ``reward.json``, given as text, and removes what a candidate may have put there in its place."""
    for name in ("reward.json", "reward.txt"):
        place = _LOGS / name
        if place.is_dir() and not place.is_symlink():
            shutil.rmtree(place)
        else:
            place.unlink(missing_ok=True)
    (_LOGS / "reward.json").write_text(rewards)
