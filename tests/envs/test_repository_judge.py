"""Patches to a repository are judged in real boxes: levels, kinds, and nobody is deceived."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from alphadial.envs.files import File
from alphadial.envs.judging import Judge
from alphadial.envs.repository import Verifier, VerifierKind
from alphadial.envs.sandbox import open_sandbox
from alphadial.envs.sandbox.boxes import open_boxes
from alphadial.envs.types import FailureKind, Submission, Test, Verdict

from . import patch_cheats, shop


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    with open_sandbox() as sandbox, open_boxes() as boxes, Judge(sandbox, boxes=boxes) as opened:
        yield opened


@pytest.mark.thorough
def test_the_empty_patch_reaches_no_level(judge: Judge) -> None:
    found = judge.judge(shop.shop(), "")
    assert (found.level_reached, found.verdict, found.failure_kind) == (0, Verdict.WA, FailureKind.CORRECTNESS)
    assert found.public_verdict is Verdict.AC
    assert found.first_failure == "tests/test_sums.py::test_sums"
    assert {test.name: test.verdict for test in found.tests}["tests/test_shop.py::test_one_line"] is Verdict.AC


@pytest.mark.parametrize(
    ("core", "level", "kind"),
    [
        (shop.PARTIAL, 1, FailureKind.CORRECTNESS),
        pytest.param(shop.SLOW, 2, FailureKind.OPTIMISATION, marks=pytest.mark.slow),
        pytest.param(shop.GOLD, 3, None, marks=pytest.mark.slow),
    ],
    ids=["partial", "slow", "gold"],
)
def test_patches_reach_the_level_that_they_pass(judge: Judge, core: str, level: int, kind: FailureKind | None) -> None:
    found = judge.judge(shop.shop(), shop.patch({shop.CORE: core}))
    assert (found.level_reached, found.failure_kind, found.error) == (level, kind, "")
    if level >= 2:
        assert found.tests[-1].name == "performance"
        assert found.tests[-1].ratio is not None
        assert (found.tests[-1].ratio > 2) is (level == 2)


@pytest.mark.slow
@pytest.mark.parametrize("name", patch_cheats.CHEATS)
def test_nobody_is_deceived(judge: Judge, name: str) -> None:
    problem = shop.shop(*shop.NODES)
    found = judge.judge(problem, shop.patch(patch_cheats.CHEATS[name]))
    assert (found.level_reached, found.failure_kind, found.error) == (0, FailureKind.CORRECTNESS, "")


@pytest.mark.slow
@pytest.mark.parametrize("name", patch_cheats.HALF_CHEATS)
def test_nobody_is_deceived_at_a_higher_level(judge: Judge, name: str) -> None:
    found = judge.judge(shop.shop(*shop.NODES), shop.patch({shop.CORE: patch_cheats.HALF_CHEATS[name]}))
    assert (found.level_reached, found.failure_kind, found.error) == (1, FailureKind.CORRECTNESS, "")


@pytest.mark.slow
@pytest.mark.parametrize("name", patch_cheats.SLOW_CHEATS)
def test_nobody_looks_fast_who_is_slow(judge: Judge, name: str) -> None:
    found = judge.judge(shop.shop(), shop.patch({shop.CORE: patch_cheats.SLOW_CHEATS[name]}))
    assert (found.level_reached, found.failure_kind, found.error) == (2, FailureKind.OPTIMISATION, "")


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["conftest", "pytest.ini", "plugin", "equality", "monkey patching of pytest", "frames"]
)
def test_nobody_deceives_tests_as_the_project_configures_them(judge: Judge, name: str) -> None:
    problem = shop.shop(*shop.NODES, kind=VerifierKind.PROJECT_TESTS, performance=False)
    assert judge.judge(problem, shop.patch(patch_cheats.CHEATS[name])).level_reached == 0


@pytest.mark.slow
def test_what_calls_leave_behind_is_gone_before_the_tests(judge: Judge) -> None:
    call = replace(shop.CALL, answer="[]")  # so that the calls pass, and the tests decide
    problem = shop.shop(call, *shop.NODES, kind=VerifierKind.PROJECT_TESTS, performance=False)
    found = judge.judge(problem, shop.patch({shop.CORE: patch_cheats.PLANTS}))
    assert (found.level_reached, found.tests[0].verdict, found.error) == (0, Verdict.AC, "")


@pytest.mark.slow
def test_a_run_that_fails_while_it_is_measured_says_how(judge: Judge) -> None:
    core = shop.GOLD.replace("    found = {}", "    if len(lines) > 1000:\n        raise SystemExit(7)\n    found = {}")
    found = judge.judge(shop.shop(), shop.patch({shop.CORE: core}))
    assert (found.level_reached, found.verdict, found.cause) == (2, Verdict.RTE, "exit status 7")
    assert found.failure_kind is FailureKind.CORRECTNESS


@pytest.mark.slow
@pytest.mark.parametrize(("core", "level"), [(shop.PARTIAL, 1), (shop.GOLD, 2)], ids=["partial", "gold"])
def test_tests_may_run_as_the_project_configures_them(judge: Judge, core: str, level: int) -> None:
    conftest = "import pytest\n\n\n@pytest.fixture\ndef tea():\n    return ['tea 3']\n"
    node = Test(1, "", "", name="tests/test_with.py::test_fixture")
    test = "import pytest\nfrom shop.core import totals\n\n\n@pytest.mark.quick\ndef test_fixture(tea):\n"
    files = {**shop.HIDDEN, **shop.texts({"tests/test_with.py": test + "    assert totals(tea) == [('tea', 3)]\n"})}
    problem = shop.shop(
        *shop.NODES,
        node,
        performance=False,
        tree={**shop.TREE, **shop.texts({"tests/conftest.py": conftest})},
        verifier=Verifier(VerifierKind.PROJECT_TESTS, files),
    )
    found = judge.judge(problem, shop.patch({shop.CORE: core}))
    assert (found.level_reached, found.error) == (level, "")


@pytest.mark.slow
def test_public_tests_tell_what_pytest_says(judge: Judge) -> None:
    problem = shop.shop(replace(shop.CALL, public=True), *shop.NODES[2:], performance=False)
    call, node = judge.run_public(problem, shop.patch({shop.CORE: patch_cheats.WRONG}))
    assert (call.verdict, call.got) == (Verdict.WA, "[]")
    assert node.verdict is Verdict.WA
    assert 'assert totals(["tea 3"]) == [("tea", 3)]' in node.got
    assert [each.verdict for each in judge.run_public(problem, Submission.patch(""))] == [Verdict.WA, Verdict.AC]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("best", "verdict", "kind", "cause"),
    [
        ("while True:\n        pass", Verdict.TLE, FailureKind.OPTIMISATION, "cpu"),
        ("held = [0]\n    while True:\n        held += held", Verdict.MLE, FailureKind.OPTIMISATION, "memory"),
        ("raise ValueError(lines)", Verdict.RTE, FailureKind.CORRECTNESS, "ValueError"),
        ("import os\n    os._exit(0)", Verdict.RTE, FailureKind.CORRECTNESS, "ended before the test did"),
        (
            "import os, signal\n    os.kill(os.getpid(), signal.SIGSEGV)",
            Verdict.RTE,
            FailureKind.CORRECTNESS,
            "signal 11",
        ),
    ],
)
def test_how_a_program_ends_at_level_2(
    judge: Judge, best: str, verdict: Verdict, kind: FailureKind, cause: str
) -> None:
    core = f"{shop.GOLD.partition('def best')[0]}def best(lines):\n    {best}\n"
    problem = replace(shop.shop(*shop.NODES, performance=False), time_limit_s=3.0)
    found = judge.judge(problem, shop.patch({shop.CORE: core}))
    assert (found.level_reached, found.verdict, found.failure_kind, found.cause) == (1, verdict, kind, cause)
    assert not found.borderline


@pytest.mark.slow
def test_a_floods_of_words_hurts_nobody(judge: Judge) -> None:
    core = f"print('x' * 50_000_000)\n{shop.PARTIAL}"
    found = judge.judge(shop.shop(*shop.NODES, performance=False), shop.patch({shop.CORE: core}), 1)
    assert found.solved


SCRIPT = b"""#!/bin/bash
cd /app
patch -p1 < /logs/artifacts/model.patch || exit 1
test -f /app/.git/HEAD && exit 1
if PYTHONPATH=src python3 -c 'from shop.core import totals; assert totals(["a 1", "a 2"]) == [("a", 3)]'; then
    echo '{"reward": 1, "level_2": 0.5}' > /logs/verifier/reward.json
fi
echo 0 > /logs/verifier/reward.txt
exit 3
"""
SCRIPTED = shop.shop(
    Test(1, "", "", name="reward"),
    Test(2, "", "", name="level_2"),
    performance=False,
    verifier=Verifier(
        VerifierKind.SCRIPT,
        {"test.sh": File(SCRIPT)},
        command=("bash", "/tests/test.sh"),
        artifacts=("/logs/artifacts/model.patch",),
        collect=("cd /app && git add -A && git diff --cached HEAD > /logs/artifacts/model.patch",),
    ),
)


@pytest.mark.slow
@pytest.mark.parametrize(("core", "level"), [(shop.BUGGY, 0), (shop.GOLD, 1)], ids=["empty", "gold"])
def test_scripts_look_at_the_artifacts_in_a_box_of_their_own(judge: Judge, core: str, level: int) -> None:
    found = judge.judge(SCRIPTED, shop.patch({shop.CORE: core}))
    assert (found.level_reached, found.error) == (level, "")


@pytest.fixture(scope="module")
def docker_judge() -> Iterator[Judge]:
    with open_sandbox() as sandbox, open_boxes("docker") as boxes, Judge(sandbox, boxes=boxes) as opened:
        yield opened


@pytest.mark.docker
@pytest.mark.parametrize(
    ("core", "level"),
    [(shop.BUGGY, 0), (shop.PARTIAL, 1), (shop.SLOW, 2), (shop.GOLD, 3)],
    ids=["empty", "partial", "slow", "gold"],
)
def test_containers_grade_alike(docker_judge: Judge, core: str, level: int) -> None:
    found = docker_judge.judge(shop.shop(), shop.patch({shop.CORE: core}))
    assert (found.level_reached, found.error) == (level, "")
    assert (found.failure_kind is FailureKind.OPTIMISATION) is (level == 2)


@pytest.mark.docker
def test_scripts_and_cheats_in_containers(docker_judge: Judge) -> None:
    assert docker_judge.judge(SCRIPTED, shop.patch({shop.CORE: shop.GOLD})).level_reached == 1
    problem = shop.shop(*shop.NODES, performance=False)
    found = {name: docker_judge.judge(problem, shop.patch(files)) for name, files in patch_cheats.CHEATS.items()}
    assert {name: report.level_reached for name, report in found.items()} == dict.fromkeys(patch_cheats.CHEATS, 0)
    assert not any(report.error for report in found.values())


@pytest.mark.slow
def test_patches_are_graded_beside_one_another() -> None:
    cores = [shop.BUGGY, shop.PARTIAL, shop.GOLD, shop.PARTIAL, shop.BUGGY, shop.GOLD]
    problem = shop.shop(*shop.NODES, shop.CALL, performance=False)
    with (
        open_sandbox() as sandbox,
        open_boxes() as boxes,
        Judge(sandbox, workers=3, boxes=boxes) as judge,
        ThreadPoolExecutor(3) as pool,
    ):
        found = list(pool.map(lambda core: judge.judge(problem, shop.patch({shop.CORE: core})), cores))
    assert [report.level_reached for report in found] == [0, 1, 2, 1, 0, 2]
