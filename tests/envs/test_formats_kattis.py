"""Problem packages of our own, legacy and 2025-09, whole and broken."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from alphadial.envs.judging.labels import FOLDERS
from alphadial.envs.problems.formats import Format, LoadError, Package, TimeRule, detect, load
from alphadial.envs.raw import as_bytes
from alphadial.envs.types import MIB, Checker

LEGACY = {
    "problem.yaml": (
        "name: Double\nvalidator_flags: float_tolerance 1e-4\nlimits:\n  time_multiplier: 3\n  memory: 64\n"
    ),
    "problem_statement/problem.en.tex": "Double it.",
    "data/sample/1.in": "1\n",
    "data/sample/1.ans": "2\n",
    "data/secret/01.in": "5\n",
    "data/secret/01.ans": "10\n",
    "data/secret/02-big.in": "500000\n",
    "data/secret/02-big.ans": "1000000\n",
    "submissions/accepted/a.py": "print(2 * int(input()))\n",
    "submissions/accepted/old.py": "#!/usr/bin/env python2\nprint 2 * int(raw_input())\n",
    "submissions/wrong_answer/b.cc": "int main() {}\n",
    "submissions/time_limit_exceeded/Many/Main.java": "class Main { public static void main(String[] a) {} }\n",
    "submissions/time_limit_exceeded/Many/Helper.java": "class Helper {}\n",
    "submissions/accepted/.hidden.py": "",
}
MODERN = {
    "problem.yaml": (
        "problem_format_version: 2025-09\nname: Double\nuuid: 0\nconstants:\n  factor: 2\nlimits:\n"
        "  time_multipliers:\n    ac_to_time_limit: 3\n  time_resolution: 0.1\n"
    ),
    "statement/problem.en.md": "Times {{factor}}, not {{other}}.",
    "data/sample/1.in": "1\n",
    "data/sample/1.ans": "2\n",
    "data/secret/a/1.in": "5\n",
    "data/secret/a/1.ans": "10\n",
    "data/secret/a/test_group.yaml": "require_pass: [sample, secret/b]\n",
    "data/secret/b/deep/2.in": "6\n",
    "data/secret/b/deep/2.ans": "12\n",
    "output_validator/check.py": "import sys\nsys.exit(42 if int(input()) % {{factor}} == 0 else 43)\n",
    "include/default/factor.h": "const int factor = {{factor}};\n",
    "submissions/accepted/a.cpp": "int main() {}\n",
    "submissions/mixed/slow.py": "while True: pass\n",
    "submissions/submissions.yaml": (
        "mixed/{slow,other}.py:\n  permitted: [AC, TLE]\n  required: [TLE]\naccepted:\n  language: c\n"
    ),
}


LAUGHS = "a0: &a0 [x]\n" + "".join(f"a{n + 1}: &a{n + 1} [{', '.join([f'*a{n}'] * 10)}]\n" for n in range(12))


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def only(path: Path) -> Package:
    (package,) = load(path)
    assert isinstance(package, Package)
    return package


def fault(path: Path) -> LoadError:
    (found,) = load(path)
    assert isinstance(found, LoadError)
    return found


def test_legacy(tmp_path: Path) -> None:
    folder = write(tmp_path / "double", LEGACY)
    assert detect(folder) is Format.KATTIS
    package = only(folder)
    problem = package.problem
    assert (problem.id, problem.statement, problem.time_limit_s) == ("double", "Double it.", None)
    assert problem.limits.memory_bytes == 64 * MIB
    assert package.time_rule == TimeRule(3.0, 2.0, 1.0)
    assert problem.checker == Checker(1e-4, 1e-4)
    assert [(test.name, test.group, test.level, test.public, test.answer) for test in problem.tests] == [
        ("sample/1", "sample", 1, True, "2\n"),
        ("secret/01", "secret", 1, False, "10\n"),
        ("secret/02-big", "secret", 2, False, "1000000\n"),
    ]
    found = {(s.name, s.submission.language, s.expected): list(s.submission.files) for s in package.solutions}
    assert found == {
        ("accepted/a.py", "python3", "accepted"): ["a.py"],
        ("accepted/old.py", "python2", "accepted"): ["old.py"],
        ("time_limit_exceeded/Many", "java", "time_limit_exceeded"): ["Main.java", "Helper.java"],
        ("wrong_answer/b.cc", "cpp", "wrong_answer"): ["b.cc"],
    }


def test_modern(tmp_path: Path) -> None:
    package = only(write(tmp_path / "double", MODERN))
    problem = package.problem
    assert problem.statement == "Times 2, not {{other}}."
    assert package.time_rule == TimeRule(3.0, 1.5, 0.1)
    assert problem.requires == {"secret/a": ("sample", "secret/b")}
    assert [(test.name, test.group, test.level) for test in problem.tests] == [
        ("sample/1", "sample", 1),
        ("secret/b/deep/2", "secret/b", 2),
        ("secret/a/1", "secret/a", 3),
    ]
    assert problem.validator is not None
    assert (problem.validator.language, problem.validator.arguments) == ("python3", ())
    assert "% 2 ==" in problem.validator.files["check.py"]
    first, second = package.solutions
    assert (first.name, first.submission.language, first.expected) == ("accepted/a.cpp", "c", "accepted")
    assert first.submission.files == {"a.cpp": "int main() {}\n", "factor.h": "const int factor = 2;\n"}
    assert (second.name, second.expected) == ("mixed/slow.py", "mixed")
    assert second.expectations == (FOLDERS["time_limit_exceeded"],)


def test_legacy_validator_and_time_limit_beside(tmp_path: Path) -> None:
    files = LEGACY | {
        "problem.yaml": "validation: custom\nvalidator_flags: --strict\n",
        ".timelimit": "4\n",
        "data/secret/testdata.yaml": "output_validator_flags: low 1\n",
        "data/sample/testdata.yaml": "output_validator_flags: low 1\n",
        "output_validators/check/check.cpp": "int main() {}\n",
        "output_validators/check/validate.h": "#pragma once\n",
    }
    problem = only(write(tmp_path / "double", files)).problem
    assert problem.time_limit_s == 4.0
    assert problem.validator is not None
    assert problem.validator.language == "cpp"
    assert list(problem.validator.files) == ["check.cpp", "validate.h"]
    assert problem.validator.arguments == ("--strict", "low", "1")


def test_flags_of_groups_and_of_single_tests(tmp_path: Path) -> None:
    files = LEGACY | {"data/secret/testdata.yaml": "output_validator_flags: case_sensitive\n"}
    problem = only(write(tmp_path / "legacy", files)).problem
    assert [test.checker for test in problem.tests] == [
        Checker(1e-4, 1e-4),
        Checker(1e-4, 1e-4, case_sensitive=True),
        Checker(1e-4, 1e-4, case_sensitive=True),
    ]
    own = MODERN | {"data/secret/b/deep/2.yaml": "output_validator_args: [--exact, '1']\n"}
    problem = only(write(tmp_path / "modern", own)).problem
    assert [test.arguments for test in problem.tests] == [None, ("--exact", "1"), None]
    assert problem.validator is not None
    assert problem.validator.arguments == ()


def test_groups_of_legacy_packages_are_levels(tmp_path: Path) -> None:
    files = {
        "problem.yaml": "type: scoring\n",
        **{
            f"data/{group}/{n}.{end}": "7\n"
            for group in ("sample", "secret/g1", "secret/g2")
            for n in "12"
            for end in ("in", "ans")
        },
    }
    problem = only(write(tmp_path / "p", files)).problem
    assert [(test.group, test.level) for test in problem.tests] == [
        ("sample", 1),
        ("sample", 1),
        ("secret/g1", 2),
        ("secret/g1", 2),
        ("secret/g2", 3),
        ("secret/g2", 3),
    ]


@pytest.mark.parametrize(
    ("base", "changes", "place", "message"),
    [
        (LEGACY, {"problem.yaml": "name: x\nlimits: {\n"}, "problem.yaml:3", "not YAML"),
        (LEGACY, {"problem.yaml": "limits: {}\nlimits: {}\n"}, "problem.yaml:2", "stands twice"),
        (LEGACY, {"problem.yaml": "- a\n"}, "problem.yaml:1", "keys and values"),
        (LEGACY, {"problem.yaml": "name: x\nlimits:\n  memory: -1\n"}, "problem.yaml:3", "above 0"),
        (LEGACY, {"problem.yaml": "validation: magic\n"}, "problem.yaml:1", "default or custom"),
        (LEGACY, {"problem.yaml": "validation: custom interactive\n"}, "problem.yaml:1", "not supported"),
        (LEGACY, {"problem.yaml": "validation: custom\n"}, "output_validators", "holds no output validator"),
        (LEGACY, {"problem.yaml": "\nvalidator_flags: fuzzy\n"}, "problem.yaml", "unknown flag 'fuzzy'"),
        (LEGACY, {"problem.yaml": "\nvalidator_flags: float_tolerance much\n"}, "problem.yaml", "not 'much'"),
        (LEGACY, {"problem.yaml": "problem_format_version: 1999-01\n"}, "problem.yaml:1", "unknown problem_format"),
        (LEGACY, {"problem.yaml": "a: &a [*a, *a]\n"}, "problem.yaml", "nests too deeply"),
        (LEGACY, {"problem.yaml": LAUGHS}, "problem.yaml", "more than 100,000 values"),
        (LEGACY, {"data/secret/03.in": "1\n"}, "data/secret/03.in", "03.ans is missing"),
        (LEGACY, {"data/secret/03.ans": "1\n"}, "data/secret/03.ans", "03.in is missing"),
        (LEGACY, {".timelimit": "soon"}, ".timelimit", "seconds above 0"),
        (
            LEGACY,
            {"problem.yaml": "name: x\n", "data/secret/testdata.yaml": "output_validator_flags: fuzzy\n"},
            "data/secret/testdata.yaml",
            "unknown flag 'fuzzy'",
        ),
        (MODERN, {"problem.yaml": MODERN["problem.yaml"] + "validation: custom\n"}, "problem.yaml:10", "older format"),
        (MODERN, {"problem.yaml": MODERN["problem.yaml"] + "type: [multi-pass]\n"}, "problem.yaml:10", "not supported"),
        (MODERN, {"data/secret/a/test_group.yaml": "require_pass: secret/z\n"}, "test_group.yaml:1", "'secret/z'"),
        (MODERN, {"data/secret/b/test_group.yaml": "require_pass: secret/a\n"}, "double", "circle"),
        (
            MODERN,
            {"data/secret/a/1.yaml": "hint: x\nargs: [--fast]\n"},
            "data/secret/a/1.yaml:2",
            "args is not supported",
        ),
        (MODERN, {"data/secret/a/1.yaml": "output_validator_flags: x\n"}, "data/secret/a/1.yaml:1", "older format"),
        (MODERN, {"data/secret/a/1.files/x.txt": "x"}, "data/secret/a/1.files", "not supported"),
        (MODERN, {"output_validator/run": "#!/bin/sh\n"}, "output_validator/run", "build or run"),
        (MODERN, {"submissions/submissions.yaml": "accepted:\n  permitted: [OK]\n"}, "submissions.yaml:2", "'OK'"),
    ],
)
def test_broken_packages_name_file_and_line(
    base: dict[str, str], changes: dict[str, str], place: str, message: str, tmp_path: Path
) -> None:
    write(tmp_path / "set" / "double", base | changes)
    write(tmp_path / "set" / "whole", LEGACY)
    first, second = load(tmp_path / "set")
    assert isinstance(first, LoadError)
    assert isinstance(second, Package)
    assert message in first.message
    where = str(first.path) if first.line is None else f"{first.path}:{first.line}"
    assert where.endswith(place)


def test_a_bad_solution_leaves_the_others(tmp_path: Path) -> None:
    folder = write(
        tmp_path / "double", LEGACY | {f"submissions/accepted/{name}": "?" for name in ("c.xyz", "__pycache__/c.pyc")}
    )
    (folder / "submissions/accepted/d.py").write_bytes(b"print(1)\n# \xff\n")
    found = list(load(folder))
    assert [str(item) for item in found if isinstance(item, LoadError)] == [
        f"{folder}/submissions/accepted/c.xyz: warning: is left out: .xyz: no known extension tells the language",
        f"{folder}/submissions/accepted/__pycache__: warning: is left out: a cache",
    ]
    (package,) = (item for item in found if isinstance(item, Package))
    assert len(package.solutions) == 5
    assert package.solutions[1].submission.files == {"d.py": "print(1)\n# \udcff\n"}


@pytest.mark.parametrize(
    ("base", "changes", "warning"),
    [
        (LEGACY, {"problem.yaml": "name: x\nname: y\n"}, "problem.yaml:2: warning: key 'name' stands twice"),
        (
            LEGACY,
            {"data/secret/testdata.yaml": "on_reject: break\ninput_validator_flags: a\ninput_validator_flags: b\n"},
            "data/secret/testdata.yaml:3: warning: key 'input_validator_flags' stands twice",
        ),
        (
            MODERN,
            {"problem.yaml": MODERN["problem.yaml"] + "colour: red\n"},
            "problem.yaml:10: warning: unknown key 'colour', which is not used",
        ),
        (MODERN, {"data/secret/a/1.yaml": "weight: 3\n"}, "data/secret/a/1.yaml:1: warning: unknown key 'weight'"),
        (
            LEGACY,
            {"submissions/time_limit_exceeded/Many/__pycache__/x.pyc": "x"},
            "Many/__pycache__: warning: is left out: a cache",
        ),
        (
            LEGACY,
            {"submissions/time_limit_exceeded/Many/Main.class": "\xca\0"},
            "Many/Main.class: warning: is left out: a binary",
        ),
        (MODERN, {"output_validator/check.bin": "\0"}, "output_validator/check.bin: warning: is left out: a binary"),
    ],
)
def test_what_is_not_used_is_a_warning(
    base: dict[str, str], changes: dict[str, str], warning: str, tmp_path: Path
) -> None:
    found = list(load(write(tmp_path / "double", base | changes)))
    (said,) = (item for item in found if isinstance(item, LoadError))
    assert said.harmless
    assert warning in str(said)
    (package,) = (item for item in found if isinstance(item, Package))
    names = [name for solution in package.solutions for name in solution.submission.files]
    assert not [name for name in names if name.endswith((".pyc", ".class"))]


def test_tests_in_sample_alone(tmp_path: Path) -> None:
    files = {name: text for name, text in LEGACY.items() if not name.startswith("data/secret")}
    warning, package = load(write(tmp_path / "double", files))
    assert isinstance(warning, LoadError)
    assert str(warning).endswith("data: warning: all tests are in data/sample, none in data/secret")
    assert isinstance(package, Package)
    assert [(test.public, test.level) for test in package.problem.tests] == [(True, 1)]


def test_constants_with_variants(tmp_path: Path) -> None:
    stated = "  factor:\n    value: 1000\n    tex: 1\\,000\n  small: 3\n"
    changes = {
        "problem.yaml": MODERN["problem.yaml"].replace("  factor: 2\n", stated),
        "statement/problem.en.md": "{{factor}} {{factor.value}} {{factor.tex}} {{small}} {{small.tex}}",
    }
    assert only(write(tmp_path / "double", MODERN | changes)).problem.statement == "1000 1000 1\\,000 3 {{small.tex}}"


def test_tests_need_not_be_utf_8(tmp_path: Path) -> None:
    folder = write(tmp_path / "double", LEGACY)
    (folder / "data/secret/raw.in").write_bytes(b"1\xff")
    (folder / "data/secret/raw.ans").write_bytes(b"\xc3")
    (raw,) = (test for test in only(folder).problem.tests if test.name == "secret/raw")
    assert (as_bytes(raw.input), as_bytes(raw.answer)) == (b"1\xff", b"\xc3")


def test_a_solution_that_is_a_bad_link_leaves_the_others(tmp_path: Path) -> None:
    write(tmp_path / "outside", {"a.py": "hidden"})
    folder = write(tmp_path / "double", LEGACY)
    (folder / "submissions/accepted/out.py").symlink_to(tmp_path / "outside/a.py")
    (folder / "submissions/accepted/dead.py").symlink_to("nowhere.py")
    *faults, package = load(folder)
    assert [item.message for item in faults if isinstance(item, LoadError)] == [
        "a link that leads nowhere",
        "a link that leads out of the package: replace it by the file",
    ]
    assert isinstance(package, Package)
    assert "hidden" not in str(package)


@pytest.mark.parametrize("place", ["data/secret/03.ans", "submissions/accepted", "problem.yaml", "data/secret"])
def test_links_out_of_the_package_are_refused(place: str, tmp_path: Path) -> None:
    outside = write(tmp_path / "outside", {"secret.txt": "hidden", "03.in": "hidden", "03.ans": "hidden"})
    folder = write(tmp_path / "double", LEGACY)
    if place.endswith("03.ans"):
        write(folder, {"data/secret/03.in": "1\n"})
    link = folder / place
    if link.is_dir():
        link.rename(tmp_path / "moved")
    elif link.exists():
        link.unlink()
    link.symlink_to(outside if "." not in link.name else outside / "secret.txt")
    found = fault(folder)
    assert "leads out of the package" in found.message
    assert "hidden" not in str(list(load(folder)))


def test_links_within_the_package_are_followed(tmp_path: Path) -> None:
    folder = write(tmp_path / "double", LEGACY)
    (folder / "data/secret/02-big.ans").unlink()
    (folder / "data/secret/02-big.ans").symlink_to("01.ans")
    assert only(folder).problem.tests[2].answer == "10\n"


def test_pipes_and_circles_of_links_do_not_hang(tmp_path: Path) -> None:
    folder = write(tmp_path / "pipe", LEGACY)
    os.mkfifo(folder / "data/secret/03.in")
    assert fault(folder).message == "neither a file nor a folder"
    folder = write(tmp_path / "circle", MODERN)
    (folder / "data/secret/b/again").symlink_to("../b")
    assert "folders within folders" in fault(folder).message
    (folder / "data/secret/b/again").unlink()
    (folder / "data/secret/b/again").symlink_to("again")
    assert fault(folder).path.name == "again"
