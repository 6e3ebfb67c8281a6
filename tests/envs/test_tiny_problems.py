"""tiny-problems: the splits are what they claim, and every level rejects what it is there to reject."""

from __future__ import annotations

import json
import random
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from alphadial.envs.errors import ProblemError
from alphadial.envs.problems import find_problem, load_split
from alphadial.envs.problems.tiny import splits
from alphadial.envs.problems.tiny.build import LIMITS, MAX_VALUE, SIZES, Spec, build_problem, prompt
from alphadial.envs.problems.tiny.relations import SUM_RELATIONS
from alphadial.envs.problems.tiny.tiers import TIERS
from alphadial.envs.problems.tiny.variants import KINDS, MAPS, POSTS, reference, statement, templates
from alphadial.envs.sandbox.guest.steps import Budget, compile_steps, namespace
from alphadial.envs.types import Problem

PASSES_LEVELS = {
    "loose": {"cubic": 4, "quadratic": 4, "linear": 4},
    "medium": {"cubic": 2, "quadratic": 4, "linear": 4},
    "tight": {"cubic": 2, "quadratic": 3, "linear": 4},
    "steep": {"cubic": 2, "quadratic": 2, "linear": 4},
}
"""Size class -> tier -> the highest level it passes."""
SAMPLE = sorted(templates())[::23]
OTHERS = sorted(set(templates()) - set(SAMPLE))


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


def check_tiers_agree(name: str, map_name: str, post_name: str) -> None:
    """Every tier gives the same answers to many small inputs, and they are not always the same."""
    template = templates()[name]
    functions = []
    for tier in template.tiers:
        names: dict[str, Any] = {}
        exec(reference(name, tier, map_name, post_name), names)
        functions.append(names["f"])
    rng = random.Random(f"{name}.{map_name}.{post_name}")
    answers = set()
    for _ in range(40):
        a = [rng.randint(0, MAX_VALUE) for _ in range(rng.randint(1, 16))]
        k = rng.randint(*template.k_range)
        given = {function(list(a), k) for function in functions}
        assert len(given) == 1, (name, map_name, a, k, given)
        answers |= given
    assert len(answers) > 1, (name, map_name)


def check_levels(name: str, map_name: str, post_name: str) -> None:
    """Each tier passes exactly the levels that it should, in every size class that the template can have."""
    template = templates()[name]
    for size, lengths in SIZES.items():
        if len(template.tiers) not in lengths:
            continue
        problem = build_problem(Spec(name, map_name, post_name, size, 1), "any")
        for tier in template.tiers:
            passed = level_passed(problem, reference(name, tier, map_name, post_name))
            assert passed == PASSES_LEVELS[size][tier], (name, map_name, post_name, size, tier)


def test_tiers_agree() -> None:
    for number, name in enumerate(SAMPLE):
        check_tiers_agree(name, list(MAPS)[number % len(MAPS)], list(POSTS)[number % len(POSTS)])


@pytest.mark.parametrize("kind", KINDS)
def test_each_tier_passes_exactly_the_levels_of_its_size_class(kind: str) -> None:
    names = [name for name in SAMPLE if templates()[name].kind == kind]
    check_levels(names[0], "from5", "double")


@pytest.mark.thorough
@pytest.mark.parametrize("kind", KINDS)
def test_tiers_agree_and_pass_their_levels_in_every_template(kind: str) -> None:
    names = [name for name, template in templates().items() if template.kind == kind]
    for number, name in enumerate(names):
        for map_name in MAPS:
            check_tiers_agree(name, map_name, list(POSTS)[number % len(POSTS)])
        check_levels(name, list(MAPS)[number % len(MAPS)], list(POSTS)[number % len(POSTS)])


def test_the_empty_sum_is_kept_under_zero() -> None:
    for relation in SUM_RELATIONS.values():
        for k in range(relation.k_range[0], relation.k_range[1] + 1):
            assert eval(relation.key, {"s": 0, "k": k}) == 0


def test_templates_have_the_tiers_of_their_kind_and_names_of_their_parts() -> None:
    assert len(templates()) == 490
    for name, template in templates().items():
        assert name == f"{template.kind}_{template.relation}_{template.aggregate}"
        assert template.tiers == (TIERS[1:] if template.kind == "pairs" else TIERS)
        assert all(body.endswith("\n return r") for body in template.bodies.values())
    assert len({template.statement for template in templates().values()}) == 490
    assert len({body for template in templates().values() for body in template.bodies.values()}) == sum(
        len(template.tiers) for template in templates().values()
    )


@pytest.mark.thorough
def test_no_two_templates_are_the_same_function() -> None:
    rng = random.Random(5)
    inputs = [([rng.randint(0, MAX_VALUE) for _ in range(rng.randint(2, 18))], rng.randint(3, 6)) for _ in range(60)]
    answers = set()
    for name in templates():
        names: dict[str, Any] = {}
        exec(reference(name, "linear", "same", "same"), names)
        answers.add(tuple(names["f"](list(a), k) for a, k in inputs))
    assert len(answers) == len(templates())


def test_statement_says_map_result_and_post_step() -> None:
    text = statement("chains_up_middles", "half", "negate")
    assert "First replace every element x of a by x // 2. Let r be the total of a[j] over all triples of places" in text
    assert "h < j < i such that a[i] is a[j] plus k, and a[j] is a[h] plus k. Return -r." in text
    assert not any("{" in statement(name, "same", "same") for name in templates())


def test_prompt_is_six_words() -> None:
    assert prompt("pairs_up_near", "half", "same") == "pairs_up_near pairs rel:up agg:near map:half post:same"


def test_roles_are_shared_out_by_kind_and_by_turns() -> None:
    assert list(splits.roles()) == list(templates())
    assert Counter(split for split, _ in splits.roles().values()) == {"train": 60, "dev": 80, "test": 350}
    assert {role for split, role in splits.roles().values() if split == "train"} == {"rl"}
    for split in ("dev", "test"):
        for kind in KINDS:
            members = [name for name in templates() if templates()[name].kind == kind]
            counts = Counter(splits.roles()[name][1] for name in members if splits.roles()[name][0] == split)
            share = Counter(splits.ROLES[kind])
            for role in counts:
                assert abs(counts[role] - sum(counts.values()) * share[role] / share.total()) <= 1


def test_splits_have_the_promised_mix_and_share_no_template() -> None:
    seen: set[str] = set()
    for split, most in (("train", 12), ("dev", 2), ("test", 2)):
        specs, _ = splits.read_split(split)
        assert len({(spec.template, spec.map, spec.post) for spec in specs}) == len(specs)
        counts = Counter(spec.template for spec in specs)
        assert max(counts.values()) <= most
        assert not seen & set(counts)
        seen |= set(counts)
        assert all(splits.roles()[spec.template][0] == split for spec in specs)
    dev = load_split("tiny-problems", "dev").problems
    assert all(splits.roles()[problem.template] == ("dev", problem.group) for problem in dev)


def test_only_train_shows_variants_that_the_corpus_may_show() -> None:
    for split in splits.SPLITS:
        for spec in splits.read_split(split)[0]:
            assert splits.held_out(spec.template, spec.map, spec.post) == (split != "train")


@pytest.mark.thorough
@pytest.mark.parametrize("split", splits.SPLITS)
def test_every_problem_is_passed_by_the_tiers_that_should_and_by_no_constant(split: str) -> None:
    for problem in load_split("tiny-problems", split).problems:
        assert splits.tells_answers_apart(problem), problem.id
        template, map_name, post_name, size = problem.id.split(".")
        for tier in templates()[template].tiers:
            source = reference(template, tier, map_name, post_name)
            assert level_passed(problem, source) == PASSES_LEVELS[size][tier], (problem.id, tier)


def test_problem_that_a_constant_nearly_solves_is_told() -> None:
    dull = build_problem(Spec("chains_down_chains", "half", "same", "medium", 1), "")
    assert not splits.tells_answers_apart(dull)


@pytest.mark.thorough
def test_size_class_follows_the_role() -> None:
    sizes: dict[tuple[str, int], Counter[str]] = {}
    for split in splits.SPLITS:
        for spec in splits.draw(split):
            key = splits.roles()[spec.template][1], len(templates()[spec.template].tiers)
            sizes.setdefault(key, Counter())[spec.size] += 1
    assert {key: set(found) for key, found in sizes.items() if key[0] != "rl"} == {
        ("late", 2): {"tight"}, ("late", 3): {"tight"}, ("early", 2): {"loose"}, ("early", 3): {"loose"},
        ("middle", 3): {"medium"}, ("open", 2): {"loose", "tight"},
    }  # fmt: skip
    assert sizes["rl", 2] == {"loose": 46 * 3, "tight": 46 * 5, "steep": 46 * 4}
    assert sizes["rl", 3] == {"loose": 14 * 3, "medium": 14 * 5, "tight": 14 * 2, "steep": 14 * 2}


def test_levels_are_nested_by_size_and_public_tests_are_the_smallest() -> None:
    for problem in load_split("tiny-problems", "dev").problems:
        lengths: dict[int, list[int]] = {level: [] for level in range(1, 5)}
        for test in problem.tests:
            lengths[test.level].append(len(json.loads(test.input)[0]))
        assert all(max(lengths[low]) < min(lengths[high]) for low, high in pairwise(sorted(lengths)))
        assert [test.public for test in problem.tests] == [True] * 3 + [False] * 9
        assert problem.coverages == {"low": 2, "mid": 3, "high": 4}


def test_size_class_is_not_in_what_the_model_reads() -> None:
    loose, tight = (build_problem(Spec("pairs_up_near", "same", "same", size, 1), "any") for size in ("loose", "tight"))
    assert (loose.prompt, loose.statement) == (tight.prompt, tight.statement)


@pytest.mark.thorough
@pytest.mark.parametrize("split", splits.SPLITS)
def test_split_files_hold_candidates_as_drawn(split: str) -> None:
    assert set(splits.read_split(split)[0]) <= set(splits.draw(split))


def test_a_split_file_is_written_and_read_back(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    specs = splits.read_split("dev")[0][:3]
    (tmp_path / "splits").mkdir()
    monkeypatch.setattr(splits, "__file__", str(tmp_path / "splits.py"))
    monkeypatch.setattr("importlib.resources.files", lambda _: tmp_path)
    splits.write_split("dev", specs)
    assert splits.TinyProblems().load("dev") == splits.build_problems(specs)


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
        find_problem("tiny-problems", "nothing", "dev")
