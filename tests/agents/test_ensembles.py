"""Ensembles over alpha and opened problems, on tables small enough to work out by hand."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pytest

from alphadial.agents import ensemble_rows, opened_problems, solve_counts
from alphadial.agents.errors import OutcomeTableError
from alphadial.agents.experiments.compare.compare_file import Comparison
from alphadial.agents.experiments.compare.dial_summary import DialTables, dial_summary
from alphadial.agents.experiments.compare.shipped_tables import replay_dataset
from alphadial.agents.experiments.ensembles import (
    ALL,
    BEST_ARM,
    FROM_ZERO,
    INSIDE,
    UNMERGED,
    EnsembleRow,
    alpha_ranges,
    counts_of_dataset,
    draw_greedily,
    solved_by,
)
from alphadial.agents.experiments.opened_problems import best_inside, opened_by_control, solved_by_group
from alphadial.agents.experiments.outcomes import OutcomeTable, TableModel, TableProblem
from alphadial.controller import Arm

Cells = Mapping[Any, Sequence[str]]
"""Letters by alpha or checkpoint, problem by problem."""


def make_table(cells: Cells, temperature: float = 0.6, groups: Sequence[str] = (), **changes: Any) -> OutcomeTable:
    count = len(next(iter(cells.values())))
    problems = tuple(
        TableProblem(id=f"p{i}", template=f"t{i // 2}", group=groups[i] if groups else "") for i in range(count)
    )
    models = tuple(
        TableModel(
            name=f"toy@{dial:g}" if isinstance(dial, float) else f"toy@{dial}",
            alpha=dial if isinstance(dial, float) else None,
            weights_id=f"w{dial}",
            outcomes={problem.id: cell for problem, cell in zip(problems, letters, strict=True)},
        )
        for dial, letters in cells.items()
    )
    table = OutcomeTable(
        family="toy",
        weights="f1-toy",
        problem_set="fakes",
        split="dev",
        split_hash="dev",
        coverage=None,
        temperature=temperature,
        max_tokens=8,
        seed=0,
        samples=len(next(iter(cells.values()))[0]),
        problems=problems,
        models=models,
    )
    return table.model_copy(update=changes)


def of(rows: Sequence[EnsembleRow], name: str, k: int) -> EnsembleRow:
    return next(row for row in rows if (row.name, row.k) == (name, k))


def test_what_an_ensemble_solves_is_the_share_of_all_draws_without_replacement() -> None:
    cells = {0.0: ["AAWWW"], 1.0: ["AWWU" + "W"]}
    counts = solve_counts([make_table(cells)])
    first, second = "AAWWW", "AWWW"  # what could not be measured is no sample
    draws = [pair + single for pair in combinations(first, 2) for single in combinations(second, 1)]
    assert solved_by(counts, [0, 0, 1]) == pytest.approx(np.mean(["A" in draw for draw in draws]))
    assert solved_by(counts, [0, 1, 0]) == pytest.approx(solved_by(counts, [0, 0, 1]))
    assert solved_by(counts, [1] * 4).tolist() == [1.0]
    assert solved_by(counts, [1] * 9).tolist() == [1.0]


def test_every_attempt_goes_where_most_is_left_to_solve() -> None:
    cells = {-1.0: ["AAAA", "AAAA", "WWWW", "WWWW", "WWWW"], 0.0: ["AWWW"] * 5, 2.0: ["WWWW"] * 2 + ["AAAA"] * 3}
    counts = solve_counts([make_table(cells)])
    assert draw_greedily(counts, [0, 1, 2], 2) == [2, 0]
    assert draw_greedily(counts, [0, 1], 3)[0] == 0
    assert draw_greedily(counts, [1], 6) == [1] * 6


def test_ranges_are_those_of_alpha_and_the_checkpoints_as_they_are() -> None:
    arms = [Arm("toy@init"), *(Arm(alpha=alpha) for alpha in (-1.0, 0.0, 0.5, 1.0, 2.0))]
    named = {name: [str(arms[column]) for column in columns] for name, columns in alpha_ranges(arms).items()}
    assert named == {
        ALL: ["-1", "0", "0.5", "1", "2"],
        FROM_ZERO: ["0", "0.5", "1", "2"],
        INSIDE: ["0", "0.5", "1"],
        UNMERGED: ["toy@init", "0", "1"],
    }
    assert list(alpha_ranges([Arm(alpha=0.0), Arm(alpha=1.0)])) == [ALL]
    assert alpha_ranges([Arm("small"), Arm("large")]) == {"all arms": [0, 1]}


def test_everything_is_chosen_on_dev_and_reported_elsewhere() -> None:
    ends = {-1.0: ["AAAA"] * 4 + ["WWWW"] * 4, 2.0: ["WWWW"] * 4 + ["AAAA"] * 4}
    hot = {-1.0: ["AAWW"] * 8, 2.0: ["WWWW"] * 8}
    dev = solve_counts([make_table(ends, 0.6), make_table(hot, 1.0)])
    swapped = {-1.0: ["AAAA"] * 6 + ["WWWW"] * 2, 2.0: ["WWWW"] * 6 + ["AAAA"] * 2}
    test = solve_counts([make_table(swapped, 0.6), make_table(hot, 1.0)])
    rows = ensemble_rows(dev, test, [2, 9])
    assert {row.k for row in rows} == {2}, "no arm has nine samples"
    single, every = of(rows, BEST_ARM, 2), of(rows, ALL, 2)
    assert single.drawn == ((Arm(alpha=-1.0, temperature=1.0), 2),), "dev likes alpha -1 best, and hotter"
    assert single.solve.value == pytest.approx(5 / 6)
    assert dict(every.drawn) == {
        Arm(alpha=-1.0, temperature=0.6): 1,
        Arm(alpha=2.0, temperature=0.6): 1,
    }
    assert (every.solve.value, every.solve.interval) == (1.0, [1.0, 1.0])
    assert every.minus_single.value == pytest.approx(1 / 6)
    assert single.all_minus.value == pytest.approx(1 / 6)
    assert every.to_json()["arms"][0]["attempts"] == 1


def test_tables_may_differ_in_samples_but_not_in_problems() -> None:
    cold, hot = make_table({0.0: ["AW"], 1.0: ["WW"]}, 0.4), make_table({0.0: ["AWWW"], 1.0: ["WAAA"]}, 1.0)
    counts = solve_counts([cold, hot])
    assert counts.measured.tolist() == [[2, 4, 2, 4]]
    assert solved_by(counts, [0, 1]) == pytest.approx(1 - 0.5 * 0.75)
    with pytest.raises(OutcomeTableError, match="same problems"):
        solve_counts([cold, make_table({0.0: ["AW", "AW"]}, 1.0)])
    with pytest.raises(OutcomeTableError, match="name such tables"):
        solve_counts([])
    with pytest.raises(OutcomeTableError, match="same arms"):
        ensemble_rows(counts, solve_counts([hot]))


def test_a_log_counts_as_its_table_does() -> None:
    table = make_table({0.0: ["AWWU", "AAAA"], 1.0: ["WTTT", "AAWU"]})
    ours, theirs = solve_counts([table]), counts_of_dataset(replay_dataset(table))
    assert (ours.solved == theirs.solved).all()
    assert (ours.measured == theirs.measured).all()
    assert ours.templates == theirs.templates


SIDES: Cells = {
    -1.0: ["WWWW" * 4, "AAAA" + "W" * 12, "AAAW" + "W" * 12, "W" * 16, "W" * 16],
    0.0: ["AWWW" * 4, *["W" * 16] * 4],
    1.0: ["AAAA" * 4, *["W" * 16] * 4],
    2.0: ["AAAA" * 4, "W" * 16, "W" * 16, "AAAAA" + "W" * 11, "W" * 16],
    "mid": ["W" * 16] * 5,
}


def test_opened_problems_are_missed_inside_and_solved_four_times_outside() -> None:
    found = opened_problems(make_table(SIDES))
    assert found.inside == ("toy@0", "toy@1", "toy@mid")
    assert found.missed == ("p1", "p2", "p3", "p4")
    assert found.by_alpha == {-1.0: ("p1",), 2.0: ("p3",)}
    assert (found.problems, found.below, found.above) == (("p1", "p3"), ("p1",), ("p3",))
    assert found.fresh_samples == 32
    with pytest.raises(OutcomeTableError, match="sample both"):
        opened_problems(make_table({0.0: ["AW"], 1.0: ["AA"]}))


def test_the_control_has_as_many_fresh_samples_of_the_best_inside_and_the_same_rule() -> None:
    dev = make_table(SIDES)
    found, best = opened_problems(dev), best_inside(dev)
    assert best.name == "toy@1"
    # Four of one cell's sixteen count; two in each of two cells, or four among fewer, do not.
    cells = ["A" * 32, "W" * 16 + "AAAA" + "W" * 12, "AA" + "W" * 14 + "AA" + "W" * 14, "AAA" + "W" * 29, "W" * 32]
    assert opened_by_control(found, make_table({1.0: cells}, seed=1), "toy@1") == ("p1",)
    for lacking, model in (
        (make_table({1.0: cells}, seed=1), "toy@0"),
        (make_table({1.0: ["A" * 16] * 5}, seed=1), "toy@1"),
    ):
        with pytest.raises(OutcomeTableError, match=r"32 samples of .* on each of the 4 problems"):
            opened_by_control(found, lacking, model)
    with pytest.raises(OutcomeTableError, match="another seed"):
        opened_by_control(found, make_table({1.0: cells[:3]}, seed=1), "toy@1")


def test_the_control_never_counts_the_samples_that_chose_the_problems() -> None:
    table = make_table(SIDES)
    repeated = make_table({1.0: [cell * 2 for cell in SIDES[1.0]]}, seed=0)
    with pytest.raises(OutcomeTableError, match="another seed"):
        opened_by_control(opened_problems(table), repeated, "toy@1")


def dial_tables(cells: Cells, temperature: float = 0.6, control: OutcomeTable | None = None) -> DialTables:
    groups = ["early", "early", "early", "late", "late"]
    tables = {heat: make_table(cells, heat, groups) for heat in (0.6, 1.0)}
    return DialTables({0.6: tables[0.6], 1.0: tables[1.0]}, {0.6: tables[0.6]}, temperature, control)


def test_a_comparison_tells_ensembles_opened_problems_and_groups() -> None:
    fresh = make_table({1.0: ["A" * 32] * 2 + ["W" * 32] * 3}, seed=1)
    summary = dial_summary({"toy": dial_tables(SIDES, control=fresh)}, seed=0)
    heats = {each["arm"]["temperature"] for row in summary["ensembles"] for each in row["arms"]}
    assert heats == {0.6}, "an arm needs its temperature on both splits"
    (opened,) = summary["opened"]
    assert (opened["family"], opened["missed"], opened["opened"], opened["below"], opened["above"]) == (
        "toy",
        4,
        2,
        1,
        1,
    )
    assert (opened["best_inside"], opened["fresh_samples"], opened["control"]) == ("toy@1", 32, 1)
    assert {row["group"] for row in summary["groups"]} == {"early", "late"}
    Comparison.model_validate({"rows": [], **json.loads(json.dumps(summary, allow_nan=False))})


def test_what_a_comparison_cannot_tell_is_left_out() -> None:
    inside = {0.0: SIDES[0.0], 1.0: SIDES[1.0]}
    assert dial_summary({"toy": dial_tables(inside)}, seed=0)["opened"] == []
    other = make_table({1.0: ["A" * 32] * 2}, seed=1)
    (opened,) = dial_summary({"toy": dial_tables(SIDES, control=other)}, seed=0)["opened"]
    assert opened["control"] is None
    assert dial_summary({"toy": dial_tables(SIDES, temperature=0.4)}, seed=0)["opened"] == []
    nothing = DialTables({}, {}, 0.6)
    assert dial_summary({"toy": nothing}, seed=0) == {"ensembles": [], "opened": [], "groups": []}


def test_several_families_are_pooled_per_problem() -> None:
    swapped = {dial: cells[::-1] for dial, cells in SIDES.items()}
    rows = dial_summary({"one": dial_tables(SIDES), "two": dial_tables(swapped)}, seed=0)["ensembles"]
    assert list(dict.fromkeys(row["family"] for row in rows)) == ["pooled", "one", "two"]
    solve = {(row["family"], row["name"], row["k"]): row["solve"] for row in rows}
    for name in (BEST_ARM, ALL):
        assert solve["pooled", name, 2] == pytest.approx((solve["one", name, 2] + solve["two", name, 2]) / 2)
    assert all(row["arms"] == [] for row in rows if row["family"] == "pooled")


def test_groups_of_problems_are_told_model_by_model() -> None:
    rows = solved_by_group(make_table(SIDES, groups=["early", "early", "early", "late", "late"]), ks=(1, 2))
    assert [(row["group"], row["alpha"], row["model"]) for row in rows[:5]] == [
        ("early", -1.0, "toy@-1"),
        ("early", 0.0, "toy@0"),
        ("early", 1.0, "toy@1"),
        ("early", 2.0, "toy@2"),
        ("early", None, "toy@mid"),
    ]
    below = rows[0]
    assert below["problems"] == 3
    assert below["solve@1"] == pytest.approx((0 + 4 / 16 + 3 / 16) / 3)
    assert below["solve@2"] == pytest.approx((0 + (1 - 12 * 11 / 240) + (1 - 13 * 12 / 240)) / 3)
    assert below["solve@1_ci"][0] <= below["solve@1"] <= below["solve@1_ci"][1]
