"""Outcome tables that others made: counts, percentages and verdicts; features; and what is said of bad ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alphadial.agents import OutcomeTableError, join_tables, load_outcome_csv
from alphadial.controller import (
    Arm,
    BaseController,
    Choice,
    Controller,
    Fields,
    OutcomeKind,
    OutcomeLog,
    Situation,
    make_controller,
    replay,
    sample_orders,
)

SHARED = Path(__file__).parents[3] / "shared" / "data" / "outcomes"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="no outcome tables in ../shared/data/outcomes")
SOLVED, WRONG, SLOW, NONE = (
    OutcomeKind.SOLVED,
    OutcomeKind.CORRECTNESS,
    OutcomeKind.OPTIMISATION,
    OutcomeKind.UNMEASURABLE,
)


def write(folder: Path, *lines: str, name: str = "table.csv") -> Path:
    path = folder / name
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def test_counts_of_samples(tmp_path: Path) -> None:
    told: list[str] = []
    table = load_outcome_csv(write(tmp_path, "problem,small,large", "a,0,4", "b,1,3"), notify=told.append)
    assert table.log.arms == (Arm("small"), Arm("large"))
    assert table.log.problems == table.templates == ("a", "b")
    assert table.log.counts().tolist() == [[[0, 4, 0], [4, 0, 0]], [[1, 3, 0], [3, 1, 0]]]
    assert told == [f"{tmp_path / 'table.csv'}: cells are taken as of 4 samples, the most in any of them"]


def test_samples_temperature_and_template(tmp_path: Path) -> None:
    path = write(tmp_path, "problem,template,small", "a,pairs,1", "b,pairs,0", "c,,2")
    told: list[str] = []
    table = load_outcome_csv(path, samples=5, temperature=0.8, notify=told.append)
    assert table.log.arms == (Arm("small", temperature=0.8),)
    assert table.log.kinds.shape == (3, 1, 5)
    assert table.templates == ("pairs", "pairs", "c")
    assert [dict(context.features) for context in table.log.contexts] == [{}, {}, {}], "a template gives too much away"
    assert not told


@pytest.mark.parametrize("cell", ["1", "10"], ids=["own count", "scaled to the others"])
def test_a_column_of_one_sample_in_a_table_of_ten(tmp_path: Path, cell: str) -> None:
    table = load_outcome_csv(write(tmp_path, "problem,many,once (n=1)", f"a,10,{cell}", "b,3,0"))
    assert table.log.arms == (Arm("many"), Arm("once"))
    assert table.log.kinds[:, 1].tolist() == [[SOLVED, *[NONE] * 9], [WRONG, *[NONE] * 9]]


def test_percentages(tmp_path: Path) -> None:
    lines = ("problem,a,b", "p,37.5,100", "q,0,62.5")
    table = load_outcome_csv(write(tmp_path, *lines), percent=True, samples=8)
    assert (table.log.kinds == SOLVED).sum(axis=2).tolist() == [[3, 8], [0, 5]]
    signed = load_outcome_csv(write(tmp_path, "problem,a,b", "p,37.5%,100%", "q,0%,62.5%"), samples=8)
    assert (signed.log.kinds == table.log.kinds).all()
    assert load_outcome_csv(write(tmp_path, *lines), percent=True).log.kinds.shape == (2, 2, 100)


def test_verdict_words(tmp_path: Path) -> None:
    table = load_outcome_csv(write(tmp_path, "problem,a,b", "p,AC,wa", "q,TLE,RE", "r,MLE,OTHER"))
    assert table.log.kinds[:, :, 0].tolist() == [[SOLVED, WRONG], [SLOW, WRONG], [SLOW, WRONG]]


def test_features_are_numbers_where_the_whole_column_is(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "problem,difficulty,rating,date,date_ms,tags,lines,m",
        "a,easy,800,2024-01-02,,dp,3,1",
        'b,,n/a,,86400000,"dp,math",-,0',
        "c,3,1200,soon,,,7,1",
    )
    contexts = load_outcome_csv(path, features=["lines"]).log.contexts
    assert [dict(context.features) for context in contexts] == [
        {"difficulty": "easy", "rating": 800.0, "date": 19724.0, "tags": "dp", "lines": 3.0},
        {"date": 1.0, "tags": "dp,math"},
        {"difficulty": "3", "rating": 1200.0, "lines": 7.0},
    ]


def test_problems_with_gaps_are_left_out_and_told(tmp_path: Path) -> None:
    told: list[str] = []
    path = write(tmp_path, "problem,difficulty,a,b", "p,easy,1,1", "q,easy,,1", "r,,0,1", "s,hard,1,n/a")
    table = load_outcome_csv(path, samples=1, notify=told.append)
    assert table.log.problems == ("p", "r"), "a feature may be missing"
    assert told == [f"{path}: 2 of 4 problems have gaps, first q for model a: they are left out"]


@pytest.mark.parametrize(
    ("lines", "options", "message"),
    [
        ((), {}, r"its first column must be 'problem', and is nothing"),
        (("model,a", "p,1"), {}, r"its first column must be 'problem', and is 'model'"),
        (("problem,difficulty,date", "p,easy,2024-01-01"), {}, r"names no model"),
        (("problem,a,a", "p,1,1"), {}, r"column 'a' is there twice"),
        (("problem,a,a (n=1)", "p,1,1"), {}, r"arm a twice"),
        (("problem,a,", "p,1,1"), {}, r"column 3 has no name"),
        (("problem,a",), {}, r"has no problems"),
        (("problem,a", "p,1", "p,0"), {}, r"line 3: problem 'p' is there twice"),
        (("problem,a", ",1"), {}, r"line 2: problem '' has no name"),
        (("problem,a", "p,1,2"), {}, r"line 2: 3 cells under a header of 2"),
        (("problem,a", "p,11"), {"samples": 10}, r"problem p, model a: 11 is no number of correct ones of 10 samples"),
        (("problem,a", "p,-1"), {}, r"problem p, model a: '-1' is not a number of correct samples, or a verdict"),
        (("problem,a", "p,0.5"), {}, r"'0.5' is not a number of correct samples"),
        (("problem,a,b", "p,10,3", "q,1,0"), {"percent": True, "samples": 0}, r"at least one sample, not 0"),
        (("problem,a", "p,101"), {"percent": True}, r"101 is more than 100 %"),
        (("problem,a", "p,nope"), {}, r"'nope' is not a number of correct samples"),
        (("problem,a,b", "p,AC,2"), {}, r"model b: '2' is no verdict; they are AC, WA"),
        (("problem,a", "p,0"), {}, r"no attempt solved anything, so say of how many samples"),
        (("problem,a (n=0)", "p,0"), {}, r"model 'a \(n=0\)' has no samples"),
        (("problem,a (n=99999999)", "p,0"), {}, r"99,999,999 samples of a cell are more than 10,000"),
        (("problem,a", "p,-"), {}, r"1 of 1 problems have gaps, first p for model a: nothing is left"),
        (("problem,a", "p,1"), {"features": ["stars"]}, r"no column 'stars' that could be a feature"),
        (("problem,a", 'p,"1'), {}, r"is not CSV"),
    ],
)
def test_bad_tables_are_one_line(tmp_path: Path, lines: tuple[str, ...], options: dict[str, Any], message: str) -> None:
    with pytest.raises(OutcomeTableError, match=message) as caught:
        load_outcome_csv(write(tmp_path, *lines), **options)
    assert str(tmp_path) in str(caught.value) or "at least one" in message
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_or_not_text(tmp_path: Path) -> None:
    with pytest.raises(OutcomeTableError, match=r"none\.csv.*cannot be read"):
        load_outcome_csv(tmp_path / "none.csv")
    (tmp_path / "bytes.csv").write_bytes(b"problem,\xff\n")
    with pytest.raises(OutcomeTableError, match="not UTF-8"):
        load_outcome_csv(tmp_path / "bytes.csv")


def test_tables_of_two_temperatures_are_one(tmp_path: Path) -> None:
    cold = load_outcome_csv(write(tmp_path, "problem,m,n", "a,1,0", "b,2,1"), samples=2, temperature=0.2)
    warm = load_outcome_csv(write(tmp_path, "problem,m", "b,3", "c,1"), samples=3, temperature=0.8)
    told: list[str] = []
    joined = join_tables([cold, warm], told.append)
    assert joined.log.arms == (Arm("m", temperature=0.2), Arm("m", temperature=0.8), Arm("n", temperature=0.2))
    assert joined.log.problems == joined.templates == ("b",)
    assert joined.log.kinds[0].tolist() == [[SOLVED, SOLVED, NONE], [SOLVED] * 3, [SOLVED, WRONG, NONE]]
    assert told == ["2 problems that only some of the tables have are left out"]


def test_tables_that_do_not_go_together(tmp_path: Path) -> None:
    one = load_outcome_csv(write(tmp_path, "problem,m", "a,1"))
    with pytest.raises(OutcomeTableError, match=r"names arm m twice.*of which temperature each table is"):
        join_tables([one, one])
    with pytest.raises(OutcomeTableError, match="no problem in common"):
        join_tables([one, load_outcome_csv(write(tmp_path, "problem,n", "z,1"))])


@needs_shared
@pytest.mark.parametrize(
    ("name", "shape", "solved", "features"),
    [
        ("lcb_gen_2024_04.csv", (400, 45, 10), 0.1879, {"difficulty", "platform", "date"}),
        ("lcb_verdicts_o1.csv", (880, 2, 1), 0.6199, {"difficulty", "platform", "date"}),
        ("cruxeval_output_T0.2.csv", (800, 29, 10), 0.4181, set()),
        ("evalperf_pass100_T1.0.csv", (118, 34, 100), 0.7757, set()),
    ],
)
def test_published_tables(name: str, shape: tuple[int, ...], solved: float, features: set[str]) -> None:
    log = load_outcome_csv(SHARED / name).log
    assert log.kinds.shape == shape
    assert (log.kinds == SOLVED).mean() == pytest.approx(solved, abs=1e-4)
    assert all(set(context.features) == features for context in log.contexts)
    if name.startswith("lcb_gen"):
        once = [column for column, arm in enumerate(log.arms) if arm.model in ("Eurux-8x22b-NCA", "Gemini-Pro-1.5")]
        assert (log.kinds[:, once] != NONE).sum(axis=2).tolist() == np.ones((400, 2)).tolist()


@needs_shared
def test_published_tables_of_two_temperatures() -> None:
    tables = [load_outcome_csv(SHARED / f"cruxeval_output_T{heat}.csv", temperature=heat) for heat in (0.2, 0.8)]
    log = join_tables(tables).log
    assert log.kinds.shape == (800, 60, 10)
    assert {arm.temperature for arm in log.arms if arm.model == "phind"} == {0.2, 0.8}


class ByDifficulty(BaseController):
    """Each attempt takes the next best model on problems of this difficulty, as the features tell it."""

    name = "by-difficulty"

    def _learn(self, log: OutcomeLog) -> None:
        groups = {str(context.features["difficulty"]) for context in log.contexts}
        rows = {group: [r for r, c in enumerate(log.contexts) if c.features["difficulty"] == group] for group in groups}
        solved = {group: log.of_problems(rows[group]).counts()[:, :, SOLVED].sum(axis=0) for group in groups}
        self.best = {group: np.argsort(-counts, kind="stable").tolist() for group, counts in solved.items()}

    def _choose(self, situation: Situation) -> Choice:
        ranking = self.best[str(situation.context.features["difficulty"])]
        return Choice(ranking[len(situation.history) % len(ranking)], "the next best on such problems")

    def _memory(self) -> dict[str, Any]:
        groups = sorted(self.best)
        return {"easy": self.best[groups[0]], "hard": self.best[groups[1]], "medium": self.best[groups[2]]}

    def _recall(self, fields: Fields) -> None:
        last = len(self.arms) - 1
        self.best = {
            name: fields.integers(name, (len(self.arms),), 0, last).tolist() for name in ("easy", "hard", "medium")
        }


@pytest.mark.thorough
@needs_shared
def test_a_published_table_is_fitted_and_replayed() -> None:
    """Learnt on every other problem, played on the rest: as in the literature, several models beat the best one."""
    table = load_outcome_csv(SHARED / "lcb_gen_2024_04.csv")
    whole = [arm for column, arm in enumerate(table.log.arms) if (table.log.kinds[:, column] != NONE).all()]
    log = table.log.of_arms(whole)
    learnt, other = log.of_problems(range(0, 400, 2)), log.of_problems(range(1, 400, 2))
    orders = sample_orders(other.kinds.shape, 4, seed=0)

    def solved(controller: Controller) -> float:
        controller.fit(learnt)
        return float(replay(controller, other, orders=orders, attempts=5).solved(5).mean())

    rates = {name: solved(make_controller(name, log.arms, horizon=5)) for name in ("fixed", "round-robin", "posterior")}
    assert len(log.arms) == 43
    assert rates["posterior"] > rates["fixed"] + 0.05
    assert solved(ByDifficulty(log.arms)) > rates["fixed"] + 0.03
