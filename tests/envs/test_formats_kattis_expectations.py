"""submissions.yaml, folders and comments of Kattis packages: what is expected of their solutions."""

from __future__ import annotations

from pathlib import Path

import pytest

from alphadial.envs.judging.labels import FOLDERS, LEGACY_FOLDERS, bounding, graded, partly
from alphadial.envs.labelled import Expectation, LabelledSubmission
from alphadial.envs.problems.formats import LoadError, Package, load
from alphadial.envs.types import Verdict

AC, WA, TLE, RTE = (Verdict.AC,), (Verdict.WA, Verdict.OLE), (Verdict.TLE,), (Verdict.RTE, Verdict.MLE)
FINAL = "problem_format_version: 2025-09\nname: x\n"


def package(folder: Path, yaml: str, *names: str, **more: str) -> tuple[dict[str, LabelledSubmission], list[str]]:
    """Solutions by name and faults of a package of two groups, with solutions of these names."""
    files = {
        "problem.yaml": FINAL,
        **{
            f"data/{name}.{end}": "1\n"
            for name in ("sample/1", "secret/a/1", "secret/b/2-hard")
            for end in ("in", "ans")
        },
        "submissions/submissions.yaml": yaml,
        **{f"submissions/{name}": "print(1)\n" for name in names},
        **{name.replace("__", "/").replace("_yaml", ".yaml"): text for name, text in more.items()},
    }
    for name, text in files.items():
        if text:
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    found = list(load(folder))
    (read,) = (item for item in found if isinstance(item, Package))
    said = [
        f"{item.path.name}:{item.line}: {'warning: ' * item.harmless}{item.message}"
        for item in found
        if isinstance(item, LoadError)
    ]
    return {solution.name: solution for solution in read.solutions}, said


def test_folders_mean_what_the_format_says(tmp_path: Path) -> None:
    names = [f"{folder}/a.py" for folder in FOLDERS]
    found, faults = package(tmp_path / "final", "", *names)
    assert faults == []
    assert {name: solution.expectations for name, solution in found.items()} == {
        f"{folder}/a.py": (expectation,) for folder, expectation in FOLDERS.items()
    }
    found, _ = package(tmp_path / "legacy", "", *names, problem_yaml="name: x\n")
    assert found["time_limit_exceeded/a.py"].expectations == (LEGACY_FOLDERS["time_limit_exceeded"],)
    assert found["wrong_answer/a.py"].expectations == (LEGACY_FOLDERS["wrong_answer"],)


def test_a_folders_own_key_replaces_its_meaning_and_patterns_add_to_it(tmp_path: Path) -> None:
    yaml = (
        "time_limit_exceeded:\n  permitted: [AC, WA, TLE]\n"
        "'{accepted,slow}/*.py':\n  required: [AC]\n"
        "slow:\n  permitted: [WA, TLE]\n  required: [WA]\n"
    )
    found, faults = package(tmp_path, yaml, "accepted/a.py", "time_limit_exceeded/t.py", "slow/s.py", "slow/s.cpp")
    assert faults == []
    assert found["time_limit_exceeded/t.py"].expectations == (Expectation(permitted=AC + WA + TLE, required=TLE),)
    assert found["accepted/a.py"].expectations == (FOLDERS["accepted"], Expectation(required=AC))
    slow = Expectation(permitted=WA + TLE, required=WA)
    assert found["slow/s.py"].expectations == (Expectation(required=AC), slow)
    assert found["slow/s.cpp"].expectations == (slow,)
    assert (found["slow/s.cpp"].expected, found["slow/s.cpp"].not_counted) == ("slow", ())


def test_groups_and_single_tests_by_pattern(tmp_path: Path) -> None:
    yaml = (
        "mixed/a.py:\n  sample:\n    permitted: [AC]\n  secret/{a,c}:\n    permitted: [AC]\n"
        "  secret/*/*-hard:\n    permitted: [AC, TLE]\n    required: [TLE]\n  secret/d:\n    permitted: [AC]\n"
    )
    found, faults = package(tmp_path, yaml, "mixed/a.py")
    assert faults == []
    assert found["mixed/a.py"].expectations == (
        Expectation(permitted=AC, tests=("sample/1",)),
        Expectation(permitted=AC, tests=("secret/a/1",)),
        Expectation(permitted=AC + TLE, required=TLE, tests=("secret/b/2-hard",)),
    )
    assert found["mixed/a.py"].not_counted == ("secret/d (no such tests)",)


def test_what_is_not_counted_is_named(tmp_path: Path) -> None:
    yaml = "wrong_answer/a.py:\n  score: 3\n  message: too small\n  colour: red\n  authors: me\n"
    found, _ = package(tmp_path, yaml, "wrong_answer/a.py")
    assert found["wrong_answer/a.py"].not_counted == (
        "message (the default output validator writes none)",
        "score",
        "unknown key 'colour'",
    )
    more = {"output_validator__v.py": "raise SystemExit(42)\n"}
    (tmp_path / "output_validator").mkdir()
    (tmp_path / "output_validator" / "v.py").write_text(more["output_validator__v.py"])
    found, _ = package(tmp_path, yaml, "wrong_answer/a.py")
    assert Expectation(message="too small") in found["wrong_answer/a.py"].expectations
    assert found["wrong_answer/a.py"].not_counted == ("score", "unknown key 'colour'")


@pytest.mark.parametrize(
    ("yaml", "bounds"),
    [
        ("", True),
        ("accepted:\n  use_for_time_limit: false\n", False),
        (
            "accepted/a.py:\n  permitted: [AC]\n  use_for_time_limit: false\n",
            True,
        ),  # the folder's own rule still counts
    ],
)
def test_use_for_time_limit_of_accepted_solutions(yaml: str, bounds: bool, tmp_path: Path) -> None:
    found, _ = package(tmp_path, yaml, "accepted/a.py")
    assert bool(bounding(found["accepted/a.py"])) is bounds


def test_use_for_time_limit_opts_in_by_rules_on_verdicts(tmp_path: Path) -> None:
    yaml = "other/low.py:\n  use_for_time_limit: lower\nother/up.py:\n  use_for_time_limit: upper\n"
    found, _ = package(tmp_path, yaml, "other/low.py", "other/up.py")
    low, up = (found[f"other/{name}.py"] for name in ("low", "up"))
    assert [set(each.permitted) for each in low.expectations] == [set(AC + WA + RTE)]
    assert up.expectations == (Expectation(required=TLE),)
    assert [bool(bounding(each)) for each in (low, up)] == [True, False]


def test_which_folders_bound_a_time_limit_from_below(tmp_path: Path) -> None:
    def folders(place: str, **more: str) -> set[str]:
        found, _ = package(tmp_path / place, "", *(f"{folder}/a.py" for folder in FOLDERS), **more)
        return {name.partition("/")[0] for name, solution in found.items() if bounding(solution)}

    assert folders("final") == {"accepted", "wrong_answer", "run_time_error"}
    assert folders("legacy", problem_yaml="name: x\n") == {"accepted"}


def test_grades_in_a_comment_are_of_the_groups(tmp_path: Path) -> None:
    names = ("partially_accepted/a.py", "partially_accepted/b.py", "partially_accepted/c.py")
    grades = ("# @EXPECTED_GRADES@ AC TLE\n", "# @EXPECTED_GRADES@ WA WA\n", "# @EXPECTED_GRADES@ AC AC WA\n")
    for name, text in zip(names, grades, strict=True):
        (tmp_path / "submissions" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "submissions" / name).write_text(text)
    found, _ = package(tmp_path, "")
    a, b, c = (found[name] for name in names)
    groups = ("secret/a", "secret/b")
    first, second = ("secret/a/1",), ("secret/b/2-hard",)
    assert a.expectations == (partly(groups), graded(Verdict.AC, first), graded(Verdict.TLE, second))
    assert b.expectations == (partly(()), graded(Verdict.WA, first), graded(Verdict.WA, second))
    assert c.expectations == (partly(groups),)
    assert c.not_counted == ("@EXPECTED_GRADES@ (3 for 2 groups)",)


def test_what_speaks_of_nothing_is_told(tmp_path: Path) -> None:
    yaml = "accepted/b.py:\n  permitted: [AC]\nbrute_force:\n  permitted: [AC, TLE]\n"
    _, faults = package(tmp_path / "final", yaml, "accepted/a.py")
    assert faults == ["submissions.yaml:1: warning: no solution matches the pattern 'accepted/b.py'"]
    _, faults = package(tmp_path / "legacy", yaml, "accepted/a.py", problem_yaml="name: x\n")
    assert [fault.partition(" is not used: ")[0] for fault in faults] == ["submissions.yaml:None: warning:"]


def test_how_groups_are_judged_on(tmp_path: Path) -> None:
    def continues(place: str, **more: str) -> tuple[str, ...]:
        package(tmp_path / place, "", "accepted/a.py", **more)
        (read,) = (item for item in load(tmp_path / place) if isinstance(item, Package))
        return read.problem.continues

    legacy = {"problem_yaml": "name: x\n"}
    on = "on_reject: continue\n"
    assert continues("final") == ("", "secret")
    assert continues("break", **legacy) == ()
    assert continues("secret", **legacy, data__secret__testdata_yaml=on) == ("secret", "secret/a", "secret/b")
    stops = {"data__secret__a__testdata_yaml": "on_reject: break\n"}
    assert continues("group", **legacy, data__testdata_yaml=on, **stops) == ("", "sample", "secret", "secret/b")
    assert "secret/a" in continues("old", problem_yaml="name: x\ngrading:\n  on_reject: grade\n")
