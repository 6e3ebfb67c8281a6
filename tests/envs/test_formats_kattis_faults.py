"""Problem packages that are odd, hostile or of an older day: none is judged by the wrong rules in silence."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from alphadial.envs.problems.formats import LoadError, Package, TimeRule, kattis, load
from alphadial.envs.problems.formats.kattis_patterns import matches
from alphadial.envs.problems.formats.levels import leveled
from alphadial.envs.problems.formats.packages import LEGACY_TIME_RULE, FormatError
from alphadial.envs.problems.formats.yaml_file import parse_yaml
from alphadial.envs.types import Checker, Test

from .test_formats_kattis import write

TESTS = {
    "data/sample/1.in": "1\n",
    "data/sample/1.ans": "2\n",
    "data/secret/1.in": "5\n",
    "data/secret/1.ans": "10\n",
}
LEGACY = TESTS | {"problem.yaml": "name: x\n", "submissions/accepted/a.py": "print(2 * int(input()))\n"}
FINAL = LEGACY | {"problem.yaml": "problem_format_version: 2025-09\nname: x\nuuid: 0\n"}
DRAFT = FINAL | {"problem.yaml": "problem_format_version: 2023-07-draft\nname: x\n"}
CHECK = "import sys\nsys.exit(42)\n"


def read(folder: Path, files: dict[str, str]) -> tuple[list[str], list[Package]]:
    """Faults and packages of a set: that of the files, and a whole one after it."""
    write(folder / "set" / "p", files)
    write(folder / "set" / "whole", LEGACY)
    found = list(load(folder / "set"))
    *packages, last = (item for item in found if isinstance(item, Package))
    assert last.problem.id == "whole"
    faults = [str(item).removeprefix(f"{folder}/set/") for item in found if isinstance(item, LoadError)]
    return faults, packages


def fault(folder: Path, files: dict[str, str]) -> str:
    (found,), packages = read(folder, files)
    assert packages == []
    return found


def only(folder: Path, files: dict[str, str]) -> Package:
    faults, (package,) = read(folder, files)
    assert faults == []
    return package


@pytest.mark.parametrize(
    ("yaml", "line", "message"),
    [
        ("name: x\nsource: a\x07b\n", 2, "character 0x07 is not allowed"),
        ("name: x\nsource: a\0b\n", 2, "character 0x00 is not allowed"),
        ("limits:\n  memory: !!int ''\n", 2, "'' is no int"),
        ("name: !!bool maybe\n", 1, "'maybe' is no bool"),
        ("name: x\nuuid: !!timestamp soon\n", 2, "'soon' is no timestamp"),
        ("name: x\nembargo_until: 2025-99-99\n", 2, "'2025-99-99' is no timestamp"),
        (f"name: x\nlimits:\n  memory: {'9' * 5000}\n", 3, "more than 1,000 characters"),
        (f"name: x\nlimits:\n  memory: 0x{'f' * 5000}\n", 3, "more than 1,000 characters"),
        (f"limits: {'1:' * 300_000}1\n", 1, "more than 1,000 characters"),
        ("name: x\nvalidation: ' '\n", 2, "must be default or custom"),
        ("name: x\ntype: {a: b}\n", 2, "must be a text"),
    ],
)
def test_values_that_yaml_cannot_hold(yaml: str, line: int, message: str, tmp_path: Path) -> None:
    found = fault(tmp_path, LEGACY | {"problem.yaml": yaml})
    assert found.startswith(f"p/problem.yaml:{line}: ")
    assert message in found


def test_lines_of_long_keys_are_not_kept() -> None:
    keys = "".join(f"  a{number}: 1\n" for number in range(4_000))
    before = time.perf_counter()
    yaml = parse_yaml(f"? {'k' * 500_000}\n:\n{keys}b:\n  c: [1]\n", Path("p.yaml"))
    assert time.perf_counter() - before < 60
    assert sum(map(len, yaml.lines)) < 1000
    assert yaml.lines["b.c"] == 4_004


def test_names_too_long_are_of_nothing(tmp_path: Path) -> None:
    name = "a" * 251
    files = FINAL | {f"data/secret/{name}.in": "1\n", f"data/secret/{name}.ans": "2\n"}
    assert len(only(tmp_path, files).problem.tests) == 3
    deep = f"include/{'l' * 300}"
    spoilt = files | {"submissions/submissions.yaml": f"accepted:\n  language: {deep}\n"}
    faults, (package,) = read(tmp_path, spoilt)
    assert package.solutions == ()
    assert ["unknown language" in found for found in faults] == [True]


@pytest.fixture
def opened() -> Iterator[Path]:
    """A folder that others than its owner may enter, which root's ``tmp_path`` is not."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@contextmanager
def not_root() -> Iterator[None]:
    """Root may enter and read everything."""
    was = os.geteuid()
    os.seteuid(65534 if was == 0 else was)
    try:
        yield
    finally:
        os.seteuid(was)


def test_what_must_not_be_read_is_a_fault(opened: Path) -> None:
    closed = {"closed": 0, "listed": 0o444, "file/problem.yaml": 0, "inner/data/secret": 0, "rows.jsonl": 0}
    for name in ("closed", "listed", "file", "inner", "whole"):
        write(opened / name, LEGACY)
    (opened / "rows.jsonl").write_text("{}")
    for name, mode in closed.items():
        (opened / name).chmod(mode)
    try:
        with not_root():
            *faults, package = load(opened)
    finally:
        for name in closed:
            (opened / name).chmod(0o755)
    assert isinstance(package, Package)
    assert all("ermission denied" in str(found) for found in faults)
    places = {found.path.relative_to(opened).as_posix() for found in faults if isinstance(found, LoadError)}
    assert places == {*closed, *(f"listed/{name}" for name in ("data", "problem.yaml", "submissions"))} - {"listed"}


@pytest.mark.parametrize("path", ["x" * 5000, "a\0b", "x" * 300])
def test_paths_that_cannot_be(path: str) -> None:
    (found,) = load(Path(path))
    assert isinstance(found, LoadError)


def test_whatever_nobody_foresaw_is_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(folder: Path, name: str) -> Iterator[Package | LoadError]:
        if name == "p":
            raise KeyError("surprise")
        return whole(folder, name)

    whole = kattis.load
    monkeypatch.setattr(kattis, "load", broken)
    assert fault(tmp_path, LEGACY) == "p: cannot be read: KeyError: 'surprise'"


@pytest.mark.parametrize(
    "name", ["output_validators/check.py", "output_validators", "output_validator", "output_validator.py"]
)
@pytest.mark.parametrize("files", [FINAL, DRAFT])
def test_a_validator_in_the_wrong_place(name: str, files: dict[str, str], tmp_path: Path) -> None:
    if files is DRAFT and "/" in name:
        package = only(tmp_path, files | {name: CHECK})
        assert package.problem.validator is not None
        assert list(package.problem.validator.files) == ["check.py"]
        return
    assert fault(tmp_path, files | {name: CHECK}) == (
        f"p/{name.partition('/')[0]}: the output validator must be in a folder output_validator, and nowhere else"
    )


def test_a_later_validator_in_a_legacy_package(tmp_path: Path) -> None:
    files = LEGACY | {"output_validator/check.py": CHECK}
    assert fault(tmp_path / "a", files).startswith("p/output_validator: of a later format")
    custom = only(tmp_path / "b", files | {"problem.yaml": "validation: custom\n"})
    assert custom.problem.validator is not None


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("data/secret/testdata.yaml", "of an older format"),
        ("data/testdata.yaml", "of an older format"),
        ("data/test_group.yaml", "can stand in data/sample"),
        ("data/secret/a/deep/test_group.yaml", "can stand in data/sample"),
    ],
)
def test_settings_of_tests_in_the_wrong_place(name: str, message: str, tmp_path: Path) -> None:
    inner = {"data/secret/a/deep/2.in": "1\n", "data/secret/a/deep/2.ans": "2\n"}
    assert message in fault(tmp_path / "final", FINAL | inner | {name: "output_validator_args: [case_sensitive]\n"})
    package = only(tmp_path / "draft", DRAFT | inner | {name: "output_validator_args: [case_sensitive]\n"})
    (last,) = (test for test in package.problem.tests if test.name == "secret/a/deep/2")
    assert (last.checker or package.problem.checker).case_sensitive


@pytest.mark.parametrize(
    "yaml",
    [
        "author: A\n",
        "source: S\nsource_url: https://example.org\n",
        "validation: default\n",
        "validator_flags: case_sensitive\n",
        "limits: {time_multiplier: 5}\n",
        "",
    ],
)
@pytest.mark.parametrize("version", ["draft", "2023-07-draft"])
def test_drafts_with_legacy_keys(version: str, yaml: str, tmp_path: Path) -> None:
    files = TESTS | {
        "problem.yaml": f"problem_format_version: {version}\nname: x\n{yaml}",
        "problem_statement/problem.en.tex": "Double it.",
        "data/secret/testdata.yaml": "output_validator_flags: space_change_sensitive\n",
    }
    package = only(tmp_path, files)
    assert (package.problem.statement, package.time_rule) == ("Double it.", LEGACY_TIME_RULE)
    flags = "validator_flags" in yaml
    assert [test.checker or package.problem.checker for test in package.problem.tests] == [
        Checker(case_sensitive=flags),
        Checker(case_sensitive=flags, space_sensitive=True),
    ]


def test_drafts_between_the_formats(tmp_path: Path) -> None:
    yaml = (
        "problem_format_version: 2023-07-draft\nname: x\ntype: pass-fail\ncredits: A\nvalidator_flags: low\n"
        "constants: {k: 7}\nlimits:\n  time_multipliers: {ac_to_time_limit: 3}\n"
    )
    files = {"problem.yaml": yaml, "output_validator/check.py": "# {{k}}\n", "statement/problem.en.md": "Times 2."}
    package = only(tmp_path, DRAFT | files)
    assert package.problem.validator is not None
    assert (package.problem.validator.files, package.problem.validator.arguments) == ({"check.py": "# 7\n"}, ("low",))
    assert (package.problem.statement, package.time_rule) == ("Times 2.", TimeRule(3.0, 1.5, 1.0))


def test_drafts_custom_by_key(tmp_path: Path) -> None:
    files = DRAFT | {"output_validators/check/check.py": CHECK}
    yaml = f"{DRAFT['problem.yaml']}validation: custom\nvalidator_flags: --strict\n"
    package = only(tmp_path / "a", files | {"problem.yaml": yaml})
    assert package.problem.validator is not None
    assert package.problem.validator.arguments == ("--strict",)
    yaml = f"{DRAFT['problem.yaml']}validation: custom interactive\n"
    assert "not supported" in fault(tmp_path / "b", files | {"problem.yaml": yaml})


def test_groups_without_flags_inherit_them(tmp_path: Path) -> None:
    files = LEGACY | {
        "data/testdata.yaml": "output_validator_flags: case_sensitive\n",
        "data/secret/testdata.yaml": "on_reject: continue\n",
        "data/sample/testdata.yaml": "output_validator_flags: ''\n",
    }
    package = only(tmp_path, files)
    checkers = [(test.checker or package.problem.checker).case_sensitive for test in package.problem.tests]
    assert checkers == [False, True]


def test_patterns_of_many_stars_take_linear_time(tmp_path: Path) -> None:
    yaml = f"accepted/{'*a' * 30}*b:\n  permitted: [WA]\naccepted/*a*.p*y:\n  language: python3\n"
    files = FINAL | {f"submissions/accepted/{'a' * 200}.py": "", "submissions/submissions.yaml": yaml}
    before = time.perf_counter()
    faults, (package,) = read(tmp_path, files)
    assert time.perf_counter() - before < 20
    assert ["no solution matches the pattern" in found for found in faults] == [True]
    assert [solution.expected for solution in package.solutions] == ["accepted", "accepted"]


@pytest.mark.parametrize(
    ("pattern", "name", "fits"),
    [
        ("accepted/*", "accepted/a.py", True),
        ("accepted/*", "accepted/a/b.py", False),
        ("*/a.py", "accepted/a.py", True),
        ("*", "accepted/a.py", False),
        ("a/*.py", "a/.py", True),
        ("a/x*x", "a/x", False),
        ("a/*ab*b", "a/aab", False),
        ("a/*ab*b", "a/abxb", True),
        ("a/**", "a/b", True),
        ("a/[b]", "a/b", False),
    ],
)
def test_patterns(pattern: str, name: str, fits: bool) -> None:
    assert matches(pattern, name) is fits


@pytest.mark.parametrize(
    ("pattern", "message"),
    [("{a,b}" * 12, "more than 1,000 names"), ("a" * 1001, "more than 1,000 characters")],
)
def test_patterns_too_large(pattern: str, message: str, tmp_path: Path) -> None:
    files = FINAL | {"submissions/submissions.yaml": f"? '{pattern}'\n: permitted: [AC]\n"}
    assert message in fault(tmp_path, files)


def test_an_unknown_language_is_a_fault_of_its_solutions(tmp_path: Path) -> None:
    yaml = "accepted/b.py:\n  permitted: [AC]\n  language: klingon\n"
    files = FINAL | {"submissions/accepted/b.py": "", "submissions/submissions.yaml": yaml}
    (found,), (package,) = read(tmp_path, files)
    assert found.startswith("p/submissions/submissions.yaml:3: accepted/b.py: unknown language 'klingon'")
    assert [solution.name for solution in package.solutions] == ["accepted/a.py"]


def test_tests_and_sources_left_out_are_named(tmp_path: Path) -> None:
    odd = ["data/secret/A B.in", "data/secret/A B.ans", "data/secret/old tests/1.in", "data/2.in"]
    odd += ["submissions/accepted/my program.py", "submissions/wrong answer/a.py", "submissions/b.py"]
    quiet = ["data/secret/.1.in", "data/secret/1.in~", "submissions/accepted/a.py~", "submissions/README.md"]
    faults, (package,) = read(tmp_path, LEGACY | dict.fromkeys(odd + quiet, ""))
    assert len(package.problem.tests) == 2
    assert len(package.solutions) == 1
    assert all(" is left out: " in found for found in faults)
    assert sorted(found.partition(":")[0] for found in faults) == sorted(
        f"p/{name}"
        for name in ["data/secret/old tests", "submissions/wrong answer", *odd]
        if not name.endswith(("old tests/1.in", "wrong answer/a.py"))
    )


@pytest.mark.parametrize("base", [LEGACY, FINAL])
def test_groups_of_samples_are_no_levels(base: dict[str, str], tmp_path: Path) -> None:
    more = {f"data/sample/g{n}/{n}.{end}": "7\n" for n in "12" for end in ("in", "ans")}
    large = {"data/secret/2.in": "5" * 100, "data/secret/2.ans": ""}
    problem = only(tmp_path, base | more | large).problem
    assert [(test.public, test.level) for test in problem.tests] == [(True, 1)] * 3 + [(False, 1), (False, 2)]
    assert problem.coverages == {"low": 1, "mid": 1, "high": 2}


def test_samples_of_groups_come_first() -> None:
    tests = [
        Test(1, "", "", public, name, group)
        for name, group, public in (
            ("1", "secret/a", False),
            ("2", "sample/b", True),
            ("3", "secret/b", False),
            ("4", "sample", True),
        )
    ]
    found = leveled(tests, {"secret/a": ("secret/b", "sample")})
    assert [(test.name, test.level) for test in found] == [("2", 1), ("4", 1), ("3", 2), ("1", 3)]
    with pytest.raises(FormatError, match="circle"):
        leveled(tests, {"secret/a": ("secret/b",), "secret/b": ("secret/a",)})


@pytest.mark.parametrize("stated", ['["a\\0b"]', f"[{'x' * 70_000}]"])
def test_arguments_that_no_command_line_holds(tmp_path: Path, stated: str) -> None:
    group = {"data/secret/test_group.yaml": f"output_validator_args: {stated}\n"}
    said = fault(tmp_path, FINAL | group)
    assert "test_group.yaml:1: output_validator_args holds a null byte, or more than 65,536 characters" in said
