"""The verifier of exported tasks, run as Harbor runs it: in a fresh container, on what the candidate's one held."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from alphadial.envs.files import File
from alphadial.envs.harbor.exporting import task_folder
from alphadial.envs.judging import Judge
from alphadial.envs.judging.repositories.oracle import oracle_patch
from alphadial.envs.patches import apply
from alphadial.envs.problems import find_problem, load_split
from alphadial.envs.repository import ImageSource, Repository, Verifier, VerifierKind
from alphadial.envs.sandbox import open_sandbox
from alphadial.envs.sandbox.boxes import open_boxes
from alphadial.envs.sandbox.boxes.images import DockerImages, connect
from alphadial.envs.types import Interface, Limits, Problem, Submission, Test, Verdict

from .test_formats_swebench import BASE, FIXED, ROW

pytestmark = pytest.mark.docker
LEVELS = {"level_1": 0.0, "level_2": 0.0, "level_3": 0.0, "reward": 0.0}
_WAIT_S = 300


@pytest.fixture(scope="module")
def daemon() -> Iterator[Any]:
    client = connect()
    yield client
    client.close()


@pytest.fixture(scope="module")
def problem() -> Problem:
    return find_problem("repositories", "fix-busy-times")


def _tar(files: Mapping[str, File]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for path, file in files.items():
            entry = tarfile.TarInfo(f"./{path}")
            entry.mode = 0o755 if file.executable else 0o644
            if file.link:
                entry.type, entry.linkname = tarfile.SYMTYPE, file.data.decode()
                tar.addfile(entry)
            else:
                entry.size = len(file.data)
                tar.addfile(entry, io.BytesIO(file.data))
    return packed.getvalue()


def _verify(daemon: Any, problem: Problem, left: Mapping[str, File] | None) -> tuple[dict[str, float] | None, str]:
    """The rewards, None where none are written, and what the script says."""
    assert problem.repository is not None
    assert problem.repository.tree is not None
    image = DockerImages(daemon).find(ImageSource("repository"))
    host = daemon.create_host_config(network_mode="none", init=True)
    made = daemon.create_container(image.id, ["bash", "/tests/test.sh"], host_config=host, user="root")["Id"]
    try:
        files = {path: file for path, file in task_folder(problem, "task").items() if path.startswith("tests/")}
        files |= {f"app/{path}": file for path, file in problem.repository.tree.items()}
        files |= {"logs/artifacts/note": File(b""), "logs/verifier/reward.txt": File(b"1", link=False)}
        if left is not None:
            files["logs/artifacts/workspace.tar"] = File(_tar(left))
        assert daemon.put_archive(made, "/", _tar(files))
        daemon.start(made)
        daemon.wait(made, timeout=_WAIT_S)
        said = daemon.logs(made).decode(errors="replace")
        found = _read(daemon, made, "/logs/verifier/reward.json")
        return None if found is None else json.loads(found), said
    finally:
        daemon.remove_container(made, force=True)


def _read(daemon: Any, container: str, path: str) -> bytes | None:
    import docker.errors

    try:
        stream, _ = daemon.get_archive(container, path)
    except docker.errors.NotFound:
        return None
    with tarfile.open(fileobj=io.BytesIO(b"".join(stream))) as tar:
        content = tar.extractfile(tar.getmembers()[0])
        return None if content is None else content.read()


def test_gold_gets_everything_and_nothing_gets_nothing(daemon: Any, problem: Problem) -> None:
    assert problem.repository is not None
    tree = dict(problem.repository.tree or {})
    gold = apply(problem.repository.gold, tree)
    assert _verify(daemon, problem, gold)[0] == dict.fromkeys(LEVELS, 1.0)
    assert _verify(daemon, problem, tree)[0] == LEVELS
    assert _verify(daemon, problem, {})[0] == LEVELS
    links = {**gold, "src/slotbook/link.py": File(b"/tests/plan.json", link=True)}
    assert _verify(daemon, problem, links)[0] == dict.fromkeys(LEVELS, 1.0)


def test_tests_as_the_project_configures_them_over_a_tree_with_links(daemon: Any) -> None:
    verifier = Verifier(VerifierKind.PROJECT_TESTS, patch=ROW["test_patch"], timeout_s=60.0)
    problem = Problem(
        "shop",
        statement="total is wrong",
        tests=(Test(1, "", "", name="tests/test_shop.py::test_some"), Test(2, "", "", name="tests/test_shop.py")),
        limits=Limits(60.0, 130.0),
        coverages={"low": 1, "mid": 1, "high": 2},
        interface=Interface.REPOSITORY,
        time_limit_s=60.0,
        repository=Repository(ImageSource("repository"), verifier, tree=BASE, gold=ROW["patch"]),
    )
    assert _verify(daemon, problem, FIXED)[0] == {"reward": 1.0, "level_1": 1.0, "level_2": 1.0}
    assert _verify(daemon, problem, BASE)[0] == {"reward": 0.0, "level_1": 0.0, "level_2": 0.0}


CHEAT = b"""
import os, sys
if os.getuid() == 0:
    os.system("echo 1 > /logs/verifier/cheated-as-root")
for place in ("/logs/verifier/reward.json", "/logs/verifier/reward.txt"):
    try:
        open(place, "w").write('{"reward": 1, "level_1": 1, "level_2": 1, "level_3": 1}')
    except OSError:
        pass
try:
    print(open("/tests/plan.json").read())
except OSError:
    pass
if os.fork() == 0:
    os.setsid()
    import time
    for _ in range(600):
        try:
            open("/logs/verifier/reward.json", "w").write('{"reward": 1}')
        except OSError:
            time.sleep(0.05)
os._exit(0)
"""


def test_a_candidate_can_neither_write_the_reward_nor_outlive_its_run(daemon: Any, problem: Problem) -> None:
    assert problem.repository is not None
    tree = dict(problem.repository.tree or {})
    for path in [path for path in tree if path.startswith("src/") and path.endswith(".py")]:
        tree[path] = File(CHEAT)
    assert _verify(daemon, problem, tree)[0] == LEVELS


def test_without_what_the_candidate_left_there_is_no_reward(daemon: Any, problem: Problem) -> None:
    rewards, said = _verify(daemon, problem, None)
    assert rewards is None
    assert "alphadial: no reward, since the grading failed" in said


def test_tasks_of_others_are_judged_here_as_harbor_judges_them() -> None:
    """Harbor's own oracle gets 1.0 for both, and an agent that does nothing 0.0."""
    folders = load_split(Path(__file__).parent / "harbor_folders")
    with open_sandbox() as sandbox, open_boxes("docker") as boxes, Judge(sandbox, boxes=boxes) as judge:
        for problem in folders.problems:
            for patch, verdict in ((oracle_patch(boxes, problem), Verdict.AC), ("", Verdict.WA)):
                report = judge.judge(problem, Submission.patch(patch))
                assert (report.verdict, report.error) == (verdict, ""), problem.id
