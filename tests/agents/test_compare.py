"""Choosing on dev, replaying elsewhere, and what stands beside; on tables small enough to work out by hand."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from alphadial.agents.experiments.compare import choice
from alphadial.agents.experiments.compare.choice import (
    ROWS,
    Datasets,
    DevChoice,
    ReplaySettings,
    arm_sets,
    choose,
    cross_validate,
    draw_orders,
    play,
    single_rates,
)
from alphadial.agents.experiments.compare.comparing import compare, mix_temperatures
from alphadial.agents.experiments.compare.datasets import ReplayDataset
from alphadial.agents.experiments.compare.entries import Entry, json_rows, pool, split_half_oracle
from alphadial.agents.experiments.compare.rows import BEST_SINGLE, UNIFORM, Row
from alphadial.agents.experiments.compare.shipped_tables import replay_dataset
from alphadial.agents.experiments.outcomes import OutcomeTable, TableModel, TableProblem
from alphadial.controller import Allocation, Arm, ControllerError, OutcomeKind, as_arms

ALPHAS = (0.0, 1.0)
FEW = ReplaySettings(orders=6, seed=3)
CROSSED = {"low": ("AAAA", "TTTT"), "high": ("WWWW", "AAAA")}
"""By template: problems that only alpha 0 solves, and problems that only alpha 1 solves."""


def make_table(
    templates: Mapping[str, Sequence[str]],
    temperature: float = 0.6,
    split: str = "dev",
    each: int = 2,
    alphas: Sequence[float] = ALPHAS,
) -> OutcomeTable:
    """``each`` problems of every template, with one cell of letters per alpha."""
    problems = [
        (TableProblem(id=f"{template}{i}", template=template, group=""), cells)
        for template, cells in templates.items()
        for i in range(each)
    ]
    models = [
        TableModel(
            name=f"toy@{alpha:g}",
            alpha=alpha,
            weights_id=f"w{alpha}",
            outcomes={problem.id: cells[column] for problem, cells in problems},
        )
        for column, alpha in enumerate(alphas)
    ]
    return OutcomeTable(
        family="toy",
        weights="f1-toy",
        problem_set="fakes",
        split=split,
        split_hash=split,
        coverage=None,
        temperature=temperature,
        max_tokens=8,
        seed=0,
        samples=len(next(iter(templates.values()))[0]),
        problems=tuple(problem for problem, _ in problems),
        models=tuple(models),
    )


def make_dataset(templates: Mapping[str, Sequence[str]], **options: Any) -> ReplayDataset:
    return replay_dataset(make_table(templates, **options))


class Source:
    """Outcomes of both splits, and which of them were asked for."""

    def __init__(self, dev: Mapping[float, OutcomeTable], test: Mapping[float, OutcomeTable]) -> None:
        self.tables = {"dev": dev, "test": test}
        self.asked: list[tuple[str, set[float | None]]] = []

    def __call__(
        self, split: str, temperatures: Collection[float | None], optional: Collection[float | None] = ()
    ) -> Mapping[float | None, ReplayDataset]:
        self.asked.append((split, set(temperatures)))
        tables = self.tables[split]
        return {heat: replay_dataset(tables[heat]) for heat in sorted(tables) if heat in temperatures}


def run(*sources: Source, rows: Sequence[str] = (BEST_SINGLE, UNIFORM, "two-ends"), k: int = 2) -> dict[str, Any]:
    named = {f"seed{i}": source for i, source in enumerate(sources)}
    return compare(named, "test", rows=rows, attempts=[k], temperatures=[0.6, 1.0], settings=FEW)


def by_name(rows: Sequence[dict[str, Any]], family: str = "seed0") -> dict[str, dict[str, Any]]:
    return {row["controller"]: row for row in rows if row["family"] == family}


def both(templates: Mapping[str, Sequence[str]], other: Mapping[str, Sequence[str]], split: str) -> Any:
    return {0.6: make_table(templates, 0.6, split), 1.0: make_table(other, 1.0, split)}


def test_letters_become_kinds() -> None:
    log = make_dataset({"t": ("AWTt", "RUML")}, each=1).log
    c, o = OutcomeKind.CORRECTNESS, OutcomeKind.OPTIMISATION
    assert log.kinds[0].tolist() == [[OutcomeKind.SOLVED, c, o, c], [c, OutcomeKind.UNMEASURABLE, o, c]]


def test_alphas_are_put_in_order() -> None:
    table = make_table(CROSSED)
    swapped = table.model_copy(update={"models": table.models[::-1]})
    assert replay_dataset(swapped).log.arms == as_arms(ALPHAS)
    assert (replay_dataset(swapped).log.kinds == replay_dataset(table).log.kinds).all()


def test_arm_sets_are_few_and_distinct() -> None:
    def sets(*alphas: float) -> list[tuple[float | None, ...]]:
        return [tuple(arm.alpha for arm in arms) for arms in arm_sets(as_arms(alphas))]

    assert sets(-0.5, 0, 0.5, 1, 1.5) == [(-0.5, 0, 0.5, 1, 1.5), (0, 0.5, 1), (0, 1), (0, 1.5)]
    assert sets(0, 1) == [(0, 1)]
    assert sets(0.25) == [(0.25,)]
    assert sets(1.25, 1.5) == [(1.25, 1.5)]
    models = (Arm("large"), Arm("small", 0.5), Arm("small", 1))
    assert arm_sets(models) == [models], "an arm without alpha leaves nothing to choose by"


def test_best_single_is_chosen_by_unbiased_pass_at_k() -> None:
    # At k = 1 alpha 0 solves 1/2 of the time, alpha 1 always on half of the problems; at k = 2 alpha 0 misses both
    # solutions of four with chance 1/6.
    table = make_dataset({"a": ("AAWW", "AAAA"), "b": ("AAWW", "WWWW")})
    assert single_rates(table, 2)[:, 0] == pytest.approx([5 / 6] * 4)
    colder = make_dataset({"a": ("WWWW", "WWWW"), "b": ("WWWW", "WWWW")})
    chosen = choose((BEST_SINGLE, 2), {0.6: colder, 1.0: table}, FEW)
    assert (chosen.temperature, chosen.arms) == (1.0, as_arms([0]))
    assert chosen.dev_solve == pytest.approx(5 / 6)
    assert choose((BEST_SINGLE, 1), {1.0: table, 0.6: table}, FEW) == DevChoice(0.6, as_arms([0]), 0.5)


def test_cross_validation_leaves_the_whole_template_out() -> None:
    table = make_dataset(CROSSED)
    # Who learns from the other template alone takes the alpha that solves that one, and so fails here.
    assert cross_validate(("fixed", 1), as_arms(ALPHAS), table, FEW).tolist() == [0, 0, 0, 0]
    assert cross_validate(("round-robin", 1), as_arms(ALPHAS), table, FEW).tolist() == [0, 0, 0, 0]
    assert cross_validate(("round-robin", 2), as_arms(ALPHAS), table, FEW).tolist() == [1, 1, 1, 1]
    choice = DevChoice(0.6, as_arms(ALPHAS), 0.0)
    assert play(("round-robin", 1), choice, {0.6: table}, {0.6: table}, FEW).solve.mean() == 0.5


def test_every_row_sees_the_same_samples() -> None:
    rng = np.random.default_rng(5)
    cells = {f"t{i}": ["".join(rng.choice(list("AWT"), 6)) for _ in ALPHAS] for i in range(5)}
    table: Datasets = {0.6: make_dataset(cells)}
    choice = DevChoice(0.6, as_arms([1]), 0.0)
    results = [play((row, 3), choice, table, table, FEW) for row in ROWS]
    for other in results[1:]:
        assert (other.solve == results[0].solve).all()
        assert (other.attempts == results[0].attempts).all()
    # The same by brute force: at one alpha, the first three samples of the order.
    orders = draw_orders(table[0.6], FEW)
    drawn = np.take_along_axis(table[0.6].log.kinds[None], orders, axis=3)[:, :, 1, :3]
    assert (results[0].solve == (drawn == OutcomeKind.SOLVED).any(axis=2).mean(axis=0)).all()


def test_best_single_replayed_agrees_with_its_closed_form() -> None:
    table: Datasets = {0.6: make_dataset({"a": ("AWWW", "WWWW"), "b": ("AAWW", "WWWW")}, each=1)}
    played = play((BEST_SINGLE, 2), DevChoice(0.6, as_arms([0]), 0.0), table, table, ReplaySettings(orders=2000))
    assert played.solve == pytest.approx([1 / 2, 5 / 6], abs=0.04)
    assert played.attempts == pytest.approx([7 / 4, 3 / 2], abs=0.04)


def test_split_half_oracle_by_hand() -> None:
    in_order = np.arange(4, dtype=np.uint16) * np.ones((1, 1, 2, 1), dtype=np.uint16)

    def oracle(cells: Sequence[str], k: int) -> float:
        found = split_half_oracle(make_dataset({"t": cells}, each=1), k, in_order)
        assert found is not None
        return float(found[0])

    assert oracle(("AWAW", "WWAA"), 1) == 0.5  # alpha 0 solved in the first half, and solves 1 of 2 in the second
    assert oracle(("AWAW", "WWAA"), 2) == 1.0
    assert oracle(("AWWW", "WAAA"), 1) == 0.5  # equals share: (0 + 1) / 2
    assert oracle(("WAWW", "WWAA"), 2) == 0.0
    assert split_half_oracle(make_dataset({"t": ("AWAW", "WWAA")}, each=1), 3, in_order) is None
    assert split_half_oracle(make_dataset({"t": ("A", "A")}, each=1), 1, in_order[..., :1]) is None


def test_rows_by_hand() -> None:
    # Alpha 0 and alpha 1 each solve one template of two: no single alpha passes 1/2, both ends in turn solve all.
    always, never = CROSSED, {"low": ("WWWW", "WWWW"), "high": ("TTTT", "TTTT")}
    source = Source(both(never, always, "dev"), both(never, always, "test"))
    result = run(source)
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    rows = by_name(result["rows"])
    assert rows[BEST_SINGLE]["solve"] == 0.5
    assert rows[BEST_SINGLE]["minus_best_single_ci"] == [0.0, 0.0]
    ends = rows["two-ends"]
    assert (ends["solve"], ends["solve_ci"], ends["minus_best_single"]) == (1.0, [1.0, 1.0], 0.5)
    # Two templates: a resample holds alpha 0's alone, alpha 1's alone, or both.
    assert ends["minus_best_single_ci"] == [0.0, 1.0]
    assert ends["minus_uniform"] == pytest.approx(1 - rows[UNIFORM]["solve"])
    assert (ends["temperature"], ends["alphas"], ends["k"]) == (1.0, [0.0, 1.0], 2)
    assert ends["attempts_mean"] == 1.5
    beside = by_name(result["beside"])
    assert beside["in-sample-best-single"]["solve"] == 0.5
    assert beside["split-half-oracle"]["solve"] == 1.0
    assert source.asked == [("dev", {0.6, 1.0}), ("test", {1.0})]
    assert (result["problems"], result["samples"], result["templates"]) == (4, 4, 2)


def test_the_same_single_alpha_chosen_twice_differs_by_nothing() -> None:
    uneven = {"low": ("AWWW", "AAWW"), "high": ("WWWT", "WAWW"), "mid": ("AAWT", "AWAW")}
    result = run(Source(both(uneven, uneven, "dev"), both(uneven, uneven, "test")))
    chosen, beside = by_name(result["rows"])[BEST_SINGLE], by_name(result["beside"])["in-sample-best-single"]
    assert (beside["temperature"], beside["alphas"]) == (chosen["temperature"], chosen["alphas"])
    assert 0 < chosen["solve"] < 1
    assert (beside["minus_best_single"], beside["minus_best_single_ci"]) == (0.0, [0.0, 0.0])


def test_temperature_as_part_of_the_arm_by_hand() -> None:
    """Cold solves one template with alpha 0, warm the other with alpha 1: no one temperature solves both."""
    cold, warm = {"low": ("AAAA", "TTTT"), "high": ("WWWW", "TTTT")}, {"low": ("WWWW", "TTTT"), "high": CROSSED["high"]}
    source = Source(both(cold, warm, "dev"), both(cold, warm, "test"))
    mixed = mix_temperatures(source, [1.0, 0.6])
    ((heat, table),) = mixed("dev", [None]).items()
    assert heat is None
    assert table.log.arms == tuple(Arm(alpha=alpha, temperature=t) for alpha in ALPHAS for t in (0.6, 1.0))
    result = compare({"toy": mixed}, "test", rows=(BEST_SINGLE, UNIFORM, "schedule"), attempts=[2], settings=FEW)
    rows = by_name(result["rows"], "toy")
    assert (rows[BEST_SINGLE]["solve"], rows["schedule"]["solve"]) == (0.5, 1.0)
    assert (rows[BEST_SINGLE]["temperature"], rows[BEST_SINGLE]["alphas"]) == (0.6, [0.0])
    assert (rows["schedule"]["temperature"], rows["schedule"]["alphas"]) == (None, [0.0, 1.0])
    assert rows["schedule"]["arms"][1] == {"alpha": 0.0, "temperature": 1.0}
    beside = by_name(result["beside"], "toy")
    assert beside["split-half-oracle"]["solve"] == 1.0
    assert json.loads(json.dumps(result, allow_nan=False)) == result


def test_many_templates_are_left_out_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    fits: list[int] = []
    whole = choice.try_out

    def counted(task: Any, arms: Any, learnt: Any, *rest: Any) -> Any:
        fits.append(len(learnt.kinds))
        return whole(task, arms, learnt, *rest)

    monkeypatch.setattr(choice, "try_out", counted)
    table = make_dataset({f"t{number}": ("AW", "WA") for number in range(101)}, each=1)
    assert cross_validate(("uniform", 1), as_arms(ALPHAS), table, FEW).shape == (101,)
    assert fits == [90, *[91] * 9]


def test_where_the_oracle_has_too_few_samples_it_is_null() -> None:
    result = run(Source(both(CROSSED, CROSSED, "dev"), both(CROSSED, CROSSED, "test")), k=3)
    oracle = by_name(result["beside"])["split-half-oracle"]
    assert (oracle["solve"], oracle["solve_ci"], oracle["minus_uniform"]) == (None, [None, None], None)


def test_nothing_is_chosen_on_the_reported_split() -> None:
    """Whatever the reported split holds, the choices are the same."""
    rng = np.random.default_rng(1)

    def random_tables(split: str) -> Any:
        cells = [{f"t{i}": ["".join(rng.choice(list("AWT"), 4)) for _ in ALPHAS] for i in range(4)} for _ in range(2)]
        return both(cells[0], cells[1], split)

    dev = random_tables("dev")
    chosen = ("controller", "temperature", "alphas", "dev_solve")
    results = [run(Source(dev, random_tables("test")), rows=ROWS) for _ in range(2)]
    first, second = ([[row[name] for name in chosen] for row in result["rows"]] for result in results)
    assert first == second
    assert results[0]["rows"] != results[1]["rows"]


def test_families_are_pooled_per_problem() -> None:
    dev = both(CROSSED, CROSSED, "dev")
    easy = both({"low": ("AAAA", "AAAA"), "high": ("AAAA", "AAAA")}, CROSSED, "test")
    result = run(Source(dev, both(CROSSED, CROSSED, "test")), Source(dev, easy))
    pooled, first, second = (by_name(result["rows"], family) for family in ("pooled", "seed0", "seed1"))
    assert (first[BEST_SINGLE]["solve"], second[BEST_SINGLE]["solve"]) == (0.5, 1.0)
    assert pooled[BEST_SINGLE]["solve"] == 0.75
    assert pooled["two-ends"]["minus_best_single"] == 0.25
    assert pooled["two-ends"]["minus_best_single_ci"] == [0.0, 0.5]
    assert pooled["two-ends"]["temperature"] is None
    assert result["rows"][0]["family"] == "pooled"
    assert by_name(result["beside"], "pooled")["in-sample-best-single"]["solve"] == 0.75


def test_pooling_needs_every_family() -> None:
    values = np.array([0.0, 1.0])
    entries = [Entry("row", 1, "a", values, {}), Entry("row", 1, "b", None, {})]
    assert [entry.solve for entry in pool(entries)] == [None]


def test_differences_are_paired_within_a_family() -> None:
    rng = np.random.default_rng(0)
    solve = rng.random(40)
    about: dict[str, Any] = {}
    entries = [
        Entry(BEST_SINGLE, 5, "a", solve, about),
        Entry(UNIFORM, 5, "a", solve - 0.1, about),
        Entry("mine", 5, "a", solve + 0.02, about),
    ]
    mine = json_rows(entries, [f"t{i // 4}" for i in range(40)], seed=0)[2]
    # Problems differ much, the difference not at all: a paired interval has no width.
    assert mine["minus_best_single_ci"] == pytest.approx([0.02, 0.02])
    assert mine["minus_uniform_ci"] == pytest.approx([0.12, 0.12])
    low, high = mine["solve_ci"]
    assert high - low > 0.05


def test_the_name_of_a_row_says_how_a_budget_is_shared_out() -> None:
    assert Row.named("posterior") == Row("posterior")
    assert Row.named("mine:Own+index") == Row("mine:Own", Allocation(by_index=True))
    assert Row.named(f"{BEST_SINGLE}+rounds") == Row("fixed", Allocation())
    assert Row.named("two+fold") == Row("two+fold")
    with pytest.raises(ControllerError, match=r"unknown controller 'two\+fold'"):
        Row.named("two+fold").make(as_arms(ALPHAS))


def test_rows_that_share_a_budget_spend_what_solved_problems_leave_over() -> None:
    table = make_dataset({"easy": ("AAAA", "AAAA"), "late": ("WWWA", "WWWA"), "never": ("WWWW", "WWWW")})
    whole = {
        name: play((name, 2), DevChoice(0.6, as_arms(ALPHAS), 0.0), {0.6: table}, {0.6: table}, FEW)
        for name in ("round-robin", "round-robin+rounds", "posterior+index")
    }
    assert whole["round-robin"].attempts.sum() < 12 == whole["round-robin+rounds"].attempts.sum()
    assert whole["posterior+index"].attempts.sum() == pytest.approx(12)
    assert whole["round-robin+rounds"].solve.mean() >= whole["round-robin"].solve.mean()
