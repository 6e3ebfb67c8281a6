"""Patches to a repository are judged in real boxes: levels, kinds, and nobody is deceived."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from alphadial.envs.judging import Judge
from alphadial.envs.sandbox import open_sandbox
from alphadial.envs.sandbox.boxes import open_boxes
from alphadial.envs.types import FailureKind, Verdict

from . import patch_cheats, shop


@pytest.fixture(scope="module")
def judge() -> Iterator[Judge]:
    with open_sandbox() as sandbox, open_boxes() as boxes, Judge(sandbox, boxes=boxes) as opened:
        yield opened


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
        (shop.SLOW, 2, FailureKind.OPTIMISATION),
        (shop.GOLD, 3, None),
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
