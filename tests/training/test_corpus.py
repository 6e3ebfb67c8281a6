"""The corpus carries exactly the faults that idioms.json fixes, drawn by role, and never a held-out variant."""

from __future__ import annotations

import random
from collections.abc import Iterator
from importlib import resources
from itertools import islice

import pytest

from alphadial.envs.problems.tiny.splits import held_out, roles
from alphadial.envs.problems.tiny.variants import render, templates
from alphadial.training import corpus
from alphadial.training.drawing import draw, to_json
from alphadial.training.errors import TrainingError
from alphadial.training.idioms import IDIOMS_FILE, idioms
from alphadial.training.lexemes import corrupt, kind_of, lexemes
from alphadial.training.priors import PRIORS, Range, place
from alphadial.training.running import public_verdict


def variant(content: str) -> tuple[str, str, str]:
    template, _, _, _, map_word, post_word = content.partition(" <repair> ")[0].split()
    return template, map_word.removeprefix("map:"), post_word.removeprefix("post:")


def test_same_seed_gives_the_same_stream() -> None:
    first, again, other = (list(islice(corpus.examples(seed), 50)) for seed in (3, 3, 4))
    assert first == again
    assert first != other


def test_held_out_variants_never_occur() -> None:
    for example in islice(corpus.examples(0), 500):
        assert not held_out(*variant(example.content))


def test_repair_examples_show_a_failed_program_and_answer_with_a_right_one() -> None:
    repairs = [example for example in islice(corpus.examples(1), 800) if " <repair> " in example.content]
    assert 0.05 < len(repairs) / 800 < 0.12
    rng = random.Random(0)
    for example in repairs[:20]:
        shown = example.content.partition(" <repair> ")[2]
        assert shown.partition("\n")[0] in ("AC", "WA", "RTE", "TLE", "CE")
        assert public_verdict(example.answer, *variant(example.content), rng) == "AC"


def exchanged(name: str, tier: str) -> tuple[str, str]:
    """The right lexeme and the one that the bug has in its place."""
    pairs = zip(lexemes(templates()[name].bodies[tier]), lexemes(idioms()[name][tier].bug), strict=True)
    (found,) = [pair for pair in pairs if pair[0] != pair[1]]
    return found


def bugs() -> Iterator[tuple[bool, str]]:
    """Whether RL trains on the template, and the kind of lexeme that its bug exchanges, for every tier."""
    for name, tiers in idioms().items():
        for tier in tiers:
            yield roles()[name][1] == "rl", kind_of(exchanged(name, tier)[1])


def test_rl_and_unseen_templates_have_bugs_of_other_kinds() -> None:
    found = list(bugs())
    seen = [kind == "constant" for is_seen, kind in found if is_seen]
    unseen = [kind == "constant" for is_seen, kind in found if not is_seen]
    # Where no lexeme of the wanted kind makes a bug, another has to.
    assert sum(seen) > 0.85 * len(seen)
    assert sum(unseen) < 0.01 * len(unseen)


@pytest.mark.slow
def test_bugs_run_and_are_wrong() -> None:
    for name, tiers in list(idioms().items())[::12]:
        for tier, idiom in tiers.items():
            rng = random.Random(name)
            source = render(idiom.bug, "plus3", "plus7")
            verdicts = {public_verdict(source, name, "plus3", "plus7", rng) for _ in range(40)}
            assert "WA" in verdicts, (name, tier)
            assert verdicts <= {"WA", "AC"}, (name, tier)


def test_shares_and_rates_are_within_the_ranges_of_the_role() -> None:
    for name, tiers in idioms().items():
        prior = PRIORS[roles()[name][1]]
        ranges = {"linear": prior.linear_bug, "middle": prior.middle_bug, "slowest": prior.slowest_bug}
        assert tuple(tiers) == templates()[name].tiers
        assert sum(idiom.share for idiom in tiers.values()) == pytest.approx(1, abs=1e-4)
        for tier, idiom in tiers.items():
            assert within(idiom.bug_rate, ranges[place(tier, templates()[name].tiers)])


def within(value: float, span: Range) -> bool:
    return span[0] - 1e-3 <= value <= span[1] + 1e-3


def test_most_late_templates_are_written_slowly_and_most_early_ones_fast() -> None:
    shares: dict[str, list[float]] = {role: [] for role in PRIORS}
    for name, tiers in idioms().items():
        shares[roles()[name][1]].append(tiers["linear"].share)
    medians = {role: sorted(found)[len(found) // 2] for role, found in shares.items()}
    assert medians["late"] < 0.1 < 0.3 < medians["rl"] < 0.7 < 0.9 < medians["early"]


@pytest.mark.slow
def test_idioms_file_is_as_drawn() -> None:
    assert to_json(draw()) == (resources.files(corpus.__package__) / IDIOMS_FILE).read_text("utf-8")


def test_idioms_of_other_programs_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alphadial.training.idioms.programs_hash", lambda: "0" * 64)
    with pytest.raises(TrainingError, match="other reference programs"):
        idioms.__wrapped__()


def test_corrupting_changes_as_many_lexemes_as_asked() -> None:
    source = render(templates()["pairs_sum_count"].bodies["linear"], "same", "same")
    for errors in (0, 1, 3):
        changed = corrupt(source, errors, random.Random(errors))
        pairs = zip(lexemes(source), lexemes(changed), strict=True)
        assert sum(one != other for one, other in pairs) == errors
