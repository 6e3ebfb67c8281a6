"""The corpus carries exactly the faults that idioms.json fixes, and never a held-out variant."""

from __future__ import annotations

import json
import random
from importlib import resources
from itertools import islice

import pytest

from alphadial.envs.problems.tiny.splits import held_out, roles
from alphadial.envs.problems.tiny.variants import render, templates
from alphadial.training import corpus
from alphadial.training.idioms import BUG_RATE, draw


def test_same_seed_gives_the_same_stream() -> None:
    first, again, other = (list(islice(corpus.examples(seed), 50)) for seed in (3, 3, 4))
    assert first == again
    assert first != other


def test_held_out_variants_never_occur() -> None:
    for example in islice(corpus.examples(0), 500):
        template, map_word, post_word = example.content.split()[:3]
        assert not held_out(template, map_word.removeprefix("map:"), post_word.removeprefix("post:"))


def test_repair_examples_show_a_failed_program_and_answer_with_a_right_one() -> None:
    repairs = [example for example in islice(corpus.examples(1), 400) if " <repair> " in example.content]
    assert 0.08 < len(repairs) / 400 < 0.25
    rng = random.Random(0)
    for example in repairs:
        head, _, shown = example.content.partition(" <repair> ")
        template, map_word, post_word = head.split()
        variant = (template, map_word.removeprefix("map:"), post_word.removeprefix("post:"))
        assert shown.partition("\n")[0] in ("AC", "WA", "RTE", "TLE", "CE")
        assert corpus.public_verdict(example.answer, *variant, rng) == "AC"


@pytest.mark.slow
def test_systematic_bugs_are_one_lexeme_away_run_and_are_wrong() -> None:
    for name, tiers in corpus.idioms().items():
        for tier, idiom in tiers.items():
            body = templates()[name].bodies[tier]
            if idiom.bug is None:
                assert tier == templates()[name].tiers[0]
                continue
            pairs = zip(corpus.lexemes(body), corpus.lexemes(idiom.bug), strict=True)
            assert sum(right != wrong for right, wrong in pairs) == 1
            rng = random.Random(name)
            verdicts = {
                corpus.public_verdict(render(idiom.bug, "double1", "same"), name, "double1", "same", rng)
                for _ in range(40)
            }
            assert "WA" in verdicts
            assert verdicts <= {"WA", "AC", "RTE", "TLE"}


def test_bug_rates_are_higher_where_rl_cannot_mend_them() -> None:
    rates: dict[bool, list[float]] = {True: [], False: []}
    for name, tiers in corpus.idioms().items():
        seen = roles()[name] == ("train", "rl")
        rates[seen].append(tiers["linear"].bug_rate)
        low, high = BUG_RATE["linear", seen]
        assert low <= tiers["linear"].bug_rate <= high
    assert sum(rates[False]) / len(rates[False]) > sum(rates[True]) / len(rates[True])


@pytest.mark.slow
def test_idioms_file_is_as_drawn() -> None:
    saved = json.loads((resources.files(corpus.__package__) / "idioms.json").read_text("utf-8"))
    assert draw() == saved


def test_corrupting_changes_as_many_lexemes_as_asked() -> None:
    source = render(templates()["pair_gain"].bodies["linear"], "same", "same")
    for errors in (0, 1, 3):
        changed = corpus.corrupt(source, errors, random.Random(errors))
        pairs = zip(corpus.lexemes(source), corpus.lexemes(changed), strict=True)
        assert sum(one != other for one, other in pairs) == errors
