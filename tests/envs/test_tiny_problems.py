"""tiny-problems: the splits are what they claim, and every level rejects what it is there to reject."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest

from alphadial.envs.errors import ProblemError
from alphadial.envs.problems import find_problem, load_split
from alphadial.envs.problems.tiny import splits
from alphadial.envs.problems.tiny.build import LIMITS, SIZES, Spec, build_problem
from alphadial.envs.problems.tiny.variants import (
    DEV_TEMPLATES,
    RL_TEMPLATES,
    TEST_TEMPLATES,
    TIERS,
    reference,
    templates,
)
from alphadial.envs.sandbox.guest.steps import Budget, compile_steps, namespace
from alphadial.envs.types import Problem

PASSES_LEVELS = {
    "loose": {"cubic": 4, "quadratic": 4, "linear": 4},
    "medium": {"cubic": 2, "quadratic": 4, "linear": 4},
    "tight": {"cubic": 2, "quadratic": 3, "linear": 4},
}
"""Size class -> tier -> the highest level it passes; the loosest class of two tiers has no cubic one."""


class OutOfStepsError(BaseException):
    pass


def out_of_steps() -> None:
    raise OutOfStepsError


def level_passed(problem: Problem, source: str) -> int:
    assert LIMITS.steps is not None
    budget = Budget(LIMITS.steps, out_of_steps)
    names = namespace(budget)
    exec(compile_steps(source), names)
    for test in problem.tests:
        names["_tick"] = budget.reset()
        try:
            assert json.dumps(names["f"](*json.loads(test.input))) == test.answer
        except OutOfStepsError:
            return test.level - 1
    return problem.levels


@pytest.mark.parametrize("name", sorted(templates()))
def test_each_tier_passes_exactly_the_levels_of_its_size_class(name: str) -> None:
    template = templates()[name]
    for size in SIZES if len(template.tiers) == 3 else ("loose", "tight"):
        problem = build_problem(Spec(name, "double1", "plus1", size, 1), "any")
        for tier in template.tiers:
            expected = PASSES_LEVELS[size][tier]
            assert level_passed(problem, reference(name, tier, "double1", "plus1")) == expected, (size, tier)


def test_template_groups_are_disjoint_and_complete() -> None:
    groups = [RL_TEMPLATES, DEV_TEMPLATES, TEST_TEMPLATES]
    assert [len(group) for group in groups] == [12, 12, 16]
    assert {name for group in groups for name in group} == set(templates())
    for group in groups:
        assert sum(templates()[name].tiers == TIERS for name in group) >= 4


def test_splits_have_the_promised_mix_and_share_no_variant() -> None:
    variants = []
    for name in ("train", "dev", "test"):
        problems = load_split("tiny-problems", name).problems
        assert len({problem.id for problem in problems}) == len(problems)
        variants.append({problem.id.rsplit(".", 1)[0] for problem in problems})
        if name != "train":
            assert len(problems) == 72
            assert sum(problem.group == "unseen_templates" for problem in problems) == 48
            assert sum(problem.id.endswith(".loose") for problem in problems) == 36
    assert not any(one & other for one in variants for other in variants if one is not other)


def test_only_train_shows_variants_that_the_corpus_may_show() -> None:
    for name in ("train", "dev", "test"):
        for problem in load_split("tiny-problems", name).problems:
            template, map_name, post_name, _ = problem.id.split(".")
            assert splits.held_out(template, map_name, post_name) == (name != "train")


def test_levels_are_nested_by_size_and_public_tests_are_the_smallest() -> None:
    for problem in load_split("tiny-problems", "test").problems:
        lengths: dict[int, list[int]] = {level: [] for level in range(1, 5)}
        for test in problem.tests:
            lengths[test.level].append(len(json.loads(test.input)[0]))
        assert all(max(lengths[low]) < min(lengths[high]) for low, high in pairwise(sorted(lengths)))
        assert [test.public for test in problem.tests] == [True] * 3 + [False] * 9
        assert problem.coverages == {"low": 2, "mid": 3, "high": 4}


def test_size_class_is_not_in_what_the_model_reads() -> None:
    loose, tight = (build_problem(Spec("pair_gain", "same", "same", size, 1), "any") for size in ("loose", "tight"))
    assert (loose.prompt, loose.statement) == (tight.prompt, tight.statement)


def test_split_files_are_as_drawn() -> None:
    for name in ("train", "dev", "test"):
        built = [build_problem(spec, splits.group_of(spec.template)) for spec in splits.draw(name)]
        assert tuple(built) == load_split("tiny-problems", name).problems


def test_changed_split_file_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    saved = json.loads((Path(splits.__file__).parent / "splits" / "dev.json").read_text("utf-8"))
    (tmp_path / "splits").mkdir()
    (tmp_path / "splits" / "dev.json").write_text(json.dumps({**saved, "specs": saved["specs"][1:]}), "utf-8")
    monkeypatch.setattr("importlib.resources.files", lambda _: tmp_path)
    with pytest.raises(ProblemError, match="hash"):
        splits.TinyProblems().load("dev")


@pytest.mark.parametrize(("problem_set", "split"), [("tiny-problems", "held-out"), ("huge-problems", "dev")])
def test_unknown_names_are_told(problem_set: str, split: str) -> None:
    with pytest.raises(ProblemError, match="choose"):
        load_split(problem_set, split)


def test_unknown_problem_is_told_with_an_example() -> None:
    with pytest.raises(ProblemError, match="ids look like"):
        find_problem("tiny-problems", "nothing")
