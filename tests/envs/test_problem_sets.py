"""Problem sets from anywhere: names, paths, classes, sequences; their splits, faults and hashes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from alphadial.envs.errors import ProblemError
from alphadial.envs.problems import Split, find_problem, load_split, sources
from alphadial.envs.problems.hashing import problems_hash
from alphadial.envs.problems.shares import Share, parse_share
from alphadial.envs.types import Checker, Interface, Limits, Problem, Test

TEST = Test(1, "2\n", "4\n", public=True)


def problem(name: str, statement: str = "Double it.", tests: tuple[Test, ...] = (TEST,)) -> Problem:
    return Problem(name, name, "", statement, "", "", tests, Limits(), interface=Interface.STDIO, time_limit_s=1.0)


def row(name: str, **more: object) -> dict[str, object]:
    tests = [{"name": "1", "group": "sample", "input": "2\n", "answer": "4\n"}]
    return {"id": name, "statement_tex": "Double it.", "tests": tests, **more}


def write(path: Path, *rows: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{json.dumps(each)}\n" for each in rows))
    return path


def ids(split: Split) -> list[str]:
    return [problem.id for problem in split.problems]


class Own:
    """A problem set of a user's."""

    splits = ("train", "dev")

    def load(self, split: str) -> Sequence[Problem]:
        return [problem(f"{split}-{number}") for number in range(2)]


class Strange:
    splits = ("dev",)

    def load(self, split: str) -> Sequence[object]:
        return [problem("a"), "b"]


class NoSet:
    pass


@pytest.mark.thorough
def test_sets_that_come_with_alphadial_by_name() -> None:
    dev = load_split("tiny-problems", "dev")
    assert (dev.problem_set, dev.name, len(dev.problems) > 50, dev.faults) == ("tiny-problems", "dev", True, ())
    assert dev.hash == problems_hash(dev.problems)
    assert load_split("workspaces").name == "test"
    assert load_split("tiny-problems", "validation") == dev
    assert find_problem("tiny-problems", dev.problems[3].id) == dev.problems[3]
    with pytest.raises(ProblemError, match="has no split 'x': choose dev or test or train"):
        load_split("tiny-problems", "x")
    with pytest.raises(ProblemError, match="has no problem 'x'; ids look like"):
        find_problem("tiny-problems", "x")


def test_a_class_of_the_users_own() -> None:
    split = load_split(f"{__name__}:Own", "dev")
    assert (split.problem_set, split.name, ids(split)) == (f"{__name__}:Own", "dev", ["dev-0", "dev-1"])
    assert len(load_split(f"{__name__}:Own").problems) == 4
    assert find_problem(f"{__name__}:Own", "train-1").id == "train-1"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (f"{__name__}:Nothing", "cannot load problem set"),
        ("no_such_module:Own", "put its folder on PYTHONPATH"),
        (f"{__name__}:NoSet", r"needs splits, and load\(split\)"),
        (f"{__name__}:Strange", "holds a str, which is no Problem"),
        ("no/such/folder", "no problem set, file or folder 'no/such/folder': choose tiny-problems, workspaces, rep"),
        ((problem("a"), problem("a")), "holds two problems 'a'"),
        ((), "it is empty"),
        ((problem("a", tests=()),), "problem 'a' has no tests"),
    ],
)
def test_what_is_no_set_is_told(source: str | tuple[Problem, ...], message: str) -> None:
    with pytest.raises(ProblemError, match=message):
        load_split(source)


def test_a_set_that_a_file_names_runs_no_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "evil_set.py").write_text("raise SystemExit('it ran')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ProblemError, match="is not run because a file names it"):
        load_split("evil_set:Own", recorded=True)
    with pytest.raises(ProblemError, match="is not run because a file names it"):
        find_problem("evil_set:Own", "a", recorded=True)


def test_label_and_name_of_a_split_load_it_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "sets" / "train.jsonl", row("a"))
    write(tmp_path / "sets" / "test.jsonl", row("b"))
    single = write(tmp_path / "rows.jsonl", *(row(f"p{number}") for number in range(20)))
    monkeypatch.chdir(tmp_path)
    splits = [load_split("sets"), load_split("sets", "train"), load_split("rows.jsonl"), load_split(single, "dev:0.5")]
    splits += [load_split("tiny-problems"), load_split(f"{__name__}:Own", "dev")]
    monkeypatch.chdir("/")
    for split in splits:
        again = load_split(split.problem_set, split.name, recorded=":" not in split.problem_set)
        assert (again.name, again.hash) == (split.name, split.hash)


def test_a_sequence_of_problems() -> None:
    split = load_split([problem("a"), problem("b")])
    assert (split.problem_set, split.name, ids(split)) == ("problems", "all", ["a", "b"])
    assert [each.id for each in split.select(["b", "a"])] == ["a", "b"]
    with pytest.raises(ProblemError, match="has no all problem 'c'; ids look like 'a'"):
        split.select(["c"])


def test_a_half_readable_set(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", row("a"), row("b", tests=[]), row("c", statement_tex=""), [], row("d"))
    split = load_split(path)
    assert ids(split) == ["a", "c", "d"]
    assert [str(fault).partition(": ")[2] for fault in split.faults] == [
        "there are no tests",
        "the row must be an object, not list",
        "warning: problem 'c' has no statement: programs can be judged on it, but nobody can attempt it",
    ]
    assert load_split(str(path)).problem_set == str(path)


def test_nothing_readable_names_the_first_faults(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", *(row(f"p{number}", tests=[]) for number in range(5)))
    with pytest.raises(ProblemError, match=r"rows.jsonl:1: there are no tests; .*:3: there are no tests; and 2 more"):
        load_split(path)
    with pytest.raises(ProblemError, match=r"no problem that can be read: .*no such file or folder"):
        load_split(tmp_path / "missing")


def test_problems_of_one_id_are_told_apart(tmp_path: Path) -> None:
    for name in ("one.jsonl", "two.jsonl", "three.jsonl"):
        write(tmp_path / name, row("a"), row("a#2") if name == "one.jsonl" else row("b"))
    split = load_split(tmp_path)
    assert ids(split) == ["a", "a#2", "a#3", "b", "a#4", "b#2"]
    assert [str(fault).partition(": ")[2] for fault in split.faults] == [
        "warning: another problem 'a', which is called 'a#3' here",
        "warning: another problem 'a', which is called 'a#4' here",
        "warning: another problem 'b', which is called 'b#2' here",
    ]


def test_splits_by_file(tmp_path: Path) -> None:
    write(tmp_path / "train-00000-of-00002.jsonl", row("a"))
    write(tmp_path / "data" / "train-00001-of-00002.jsonl", row("b"))
    write(tmp_path / "validation.jsonl", row("c"), row("broken", tests=[]))
    write(tmp_path / "test" / "rows.jsonl", row("d"))
    write(tmp_path / "contests.jsonl", row("e"))
    assert ids(load_split(tmp_path, "train")) == ["b", "a"]
    assert ids(load_split(tmp_path, "dev")) == ids(load_split(tmp_path, "validation")) == ["c"]
    assert ids(load_split(tmp_path, "test")) == ["d"]
    assert load_split(tmp_path, "test").faults == ()
    assert [fault.line for fault in load_split(tmp_path, "dev").faults] == [2]
    assert len(load_split(tmp_path).problems) == 5
    with pytest.raises(ProblemError, match="has no split 'x': choose train or test or dev"):
        load_split(tmp_path, "x")
    with pytest.raises(ProblemError, match="has splits of its own, so no shares are taken"):
        load_split(tmp_path, "dev:0.5")
    single = load_split(tmp_path / "validation.jsonl")
    assert (single.name, ids(single)) == ("dev", ["c"])


def test_splits_by_field(tmp_path: Path) -> None:
    path = write(tmp_path / "test.jsonl", row("a", split="train"), row("b", split="dev"), row("c", split=7))
    assert ids(load_split(path, "train")) == ["a"]
    assert ids(load_split(path, "dev")) == ["b"]
    assert ids(load_split(path, "test")) == ["c"]


def test_shares_never_overlap_and_stay() -> None:
    names = [f"problem-{number}" for number in range(2000)]
    parts = {text: {name for name in names if parse_share(text).holds(name)} for text in (
        "train:0.6", "dev:0.2", "test:0.2", "train:0.8", "dev:0.1", "test:0.1", "dev:0.3", "test:.7"
    )}  # fmt: skip
    for three in (("train:0.6", "dev:0.2", "test:0.2"), ("train:0.8", "dev:0.1", "test:0.1"), ("dev:0.3", "test:.7")):
        whole = [name for part in three for name in parts[part]]
        assert sorted(whole) == sorted(names)
    assert parts["dev:0.1"] < parts["dev:0.2"] < parts["dev:0.3"]
    assert 350 < len(parts["dev:0.2"]) < 450
    # They are the same on every machine, in every process and version.
    assert [number for number in range(20) if names[number] in parts["dev:0.2"]] == [4, 5, 7, 11, 18]


@pytest.mark.parametrize(
    "text", ["dev:", "dev:0", "dev:1.5", "dev:-1", "dev:1e-3", "all:0.2", "dev:x", "dev:0.2:1", ":"]
)
def test_what_is_no_share(text: str) -> None:
    with pytest.raises(ProblemError, match="names no share of a set"):
        load_split([problem("a")], text)


def test_a_share_of_a_path_is_bound_by_its_own_hash(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", *(row(f"p{number}") for number in range(30)))
    dev, rest = load_split(path, "dev:0.2"), load_split(path, "test:0.8")
    assert dev.name == "dev:0.2"
    assert sorted(ids(dev) + ids(rest)) == sorted(ids(load_split(path)))
    assert len({dev.hash, rest.hash, load_split(path).hash}) == 3
    with pytest.raises(ProblemError, match="holds none of the 1 problems"):
        load_split([problem("a")], "dev:0.000001")


def test_the_hash_is_of_the_content(tmp_path: Path) -> None:
    def of(*rows: object, name: str = "rows.jsonl") -> str:
        return load_split(write(tmp_path / name, *rows)).hash

    limited = {"time_limit_s": 2.0}
    known = of(row("a", **limited))
    assert of(row("a", **limited), name="moved/other.jsonl") == known
    program = {"name": "x.py", "language": "python3", "expected": "accepted", "source": "print(2)\n"}
    assert of(row("a", submissions=[program], **limited)) == known
    changed = [
        of(row("a", statement_tex="Halve it.", **limited)),
        of(row("a", tests=[{"name": "1", "group": "sample", "input": "2\n", "answer": "5\n"}], **limited)),
        of(row("a", time_limit_s=3.0)),
        of(row("a", validator_flags="case_sensitive", **limited)),
        of(row("a")),
        of(row("a", submissions=[program])),
        of(row("a", submissions=[program], limits={"time_multiplier": 3})),
    ]
    assert len({known, *changed}) == 1 + len(changed)


def test_fields_for_posing_bind_results_where_they_are_used() -> None:
    plain = problem("a")
    posed = [
        replace(plain, starter={"python3": "def f():\n"}),
        replace(plain, input_rules="A number."),
        replace(plain, output_rules="A number."),
        replace(plain, languages=("cpp",)),
        replace(plain, checker=Checker(case_sensitive=True)),
    ]
    assert len({problems_hash([each]) for each in (plain, *posed)}) == 6


def test_a_share_is_written_as_it_is_named() -> None:
    assert parse_share("dev:0.2") == Share("dev", parse_share("dev:.20").size)


def test_a_recorded_set_is_not_the_whole_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "set" / "rows.jsonl", row("a"))
    write(tmp_path / "set" / "more.jsonl", row("b"))
    assert len(load_split(str(tmp_path), recorded=True).problems) == 2
    monkeypatch.setattr(sources, "MOST_ENTRIES", 2)
    assert len(load_split(str(tmp_path)).problems) == 2
    with pytest.raises(ProblemError, match="more than 2 files"):
        load_split(str(tmp_path), recorded=True)
