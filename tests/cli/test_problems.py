"""``alphadial problems``: sets, the problems of one, and one of them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from alphadial.envs.problems import load_split, survey
from alphadial.envs.problems.tiny import TinyProblems

from ..tiny_specs import EASY
from .judging_sets import GOOD, problem, submission, write

Cli = Callable[..., Any]
PROBLEM = load_split("tiny-problems", "dev").select([EASY.id])[0]


def test_sets_by_name_with_their_splits_templates_and_groups(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(TinyProblems, "splits", ("dev",))  # building all takes seconds
    first, second, third, fourth = cli("problems", "--json", "sets.json").stdout.splitlines()
    dev = load_split("tiny-problems", "dev").problems
    groups = ", ".join(f"{name} {count}" for name, count in Counter(one.group for one in dev).items())
    of = f"{len(dev)} problems; dev {len(dev)}; {len({one.template for one in dev})} templates"
    assert first == f"tiny-problems: {of}; groups {groups}"
    assert (second, third) == ("workspaces: 3 problems; test 3", "repositories: 5 problems; test 5")
    assert fourth.startswith("also:")
    found = json.loads((tmp_path / "sets.json").read_text("utf-8"))
    assert [each["splits"] for each in found] == [{"dev": len(dev)}, {"test": 3}, {"test": 5}]


def test_a_split_of_a_set_a_line_each(cli: Cli) -> None:
    heading, *lines, last = cli("problems", "tiny-problems", "--split", "dev").stdout.splitlines()
    assert heading.split() == ["problem", "split", "template", "group", "tests", "public", "levels", "limit"]
    assert [line.split()[0] for line in lines] == [each.id for each in load_split("tiny-problems", "dev").problems]
    first = load_split("tiny-problems", "dev").problems[0]
    assert lines[0].split()[1:] == ["dev", first.template, first.group, "12", "3", "4", "12,000", "steps"]
    assert last.startswith(f"tiny-problems: {len(lines)} problems; dev {len(lines)}; ")


def test_one_problem_as_whoever_attempts_it_may_see_it(cli: Cli) -> None:
    shown = cli("problems", "tiny-problems", PROBLEM.id).stdout
    words = " ".join(shown.replace("│", " ").split())
    assert PROBLEM.statement in words
    first = PROBLEM.tests[0]
    for fact in (
        "split dev",
        f"compact prompt {PROBLEM.prompt}",
        "tests 12, 3 of them public",
        "low up to level 2, mid up to level 3, high up to level 4",
        "limit 12,000 steps a test",
        f"f({first.input[1:-1]}) == {first.answer}",
    ):
        assert fact in words
    values = json.loads(cli("problems", "tiny-problems", PROBLEM.id, "--json", "-").stdout)
    assert [test["input"] for test in values["public"]] == [test.input for test in PROBLEM.tests if test.public]
    for hidden in PROBLEM.tests[3:]:
        assert hidden.input[2:-4] not in json.dumps(values) + words


def test_any_set_by_its_path_without_preparing_it(cli: Cli, tmp_path: Path) -> None:
    timed = problem("timed", [submission("good.py", "accepted", GOOD)], statement="Print it twice.", split="test")
    unlimited = {
        **problem("unlimited", [submission("good.py", "accepted", GOOD)]),
        "time_limit_s": None,
        "split": "dev",
    }
    write(tmp_path / "set.jsonl", timed, unlimited, "{", *("{" for _ in range(9)))
    done = cli("problems", "set.jsonl")
    rows = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert rows == [
        "problem split tests public levels limit programs",
        "timed test 3 1 2 0.3 s 1",
        "unlimited dev 3 1 2 from its programs 1",
        "set.jsonl: 2 problems; test 1, dev 1; 1 without a statement, which nobody can attempt",
    ]
    assert len(done.stderr.splitlines()) == 6
    assert done.stderr.endswith("and 5 more such lines; --json FILE has all of them\n")
    shown = " ".join(cli("problems", "set.jsonl", "timed").stdout.split())
    assert "Print it twice." in shown
    assert "limit 0.3 s a test" in shown
    assert "public tests input 1 1 output 1 2" in shown
    assert "30000" not in shown


def test_what_is_not_there_is_told_with_what_is(cli: Cli, tmp_path: Path) -> None:
    write(tmp_path / "set.jsonl", problem("twice", []))
    write(tmp_path / "broken.jsonl", "{")
    assert cli("problems", "set.jsonl", "twise").refused("set.jsonl has no problem 'twise': there is twice")
    assert cli("problems", "tiny-problems", "--split", "tset").refused("no problem of split 'tset'", "dev or test or")
    assert cli("problems", "set.jsonl", "--split", "dev").refused("it has no splits: take a larger share")
    assert cli("problems", "set.json").refused("no problem set, file or folder 'set.json'")
    assert cli("problems", "broken.jsonl").refused("broken.jsonl holds no problem that can be read")
    assert cli("problems", "--split", "dev").refused("--split chooses among the problems of a SET")
    assert cli("problems", "set.jsonl", "twice", "--split", "dev").refused("--split chooses")


def test_shares_are_those_of_load_split(tmp_path: Path) -> None:
    file = write(tmp_path / "set.jsonl", *(problem(f"p{number}", []) for number in range(20)))
    listed = [line.id for line in survey(file, "dev:0.5").problems]
    assert listed == [each.id for each in load_split(file, "dev:0.5").problems]
    assert 0 < len(listed) < 20


def test_a_code_base_is_told_of_without_what_is_hidden_in_it(cli: Cli, tmp_path: Path) -> None:
    files = {
        "task.toml": '[metadata.alphadial]\nimage = "repository"\neditable = ["src/*"]\n'
        'fail_to_pass = ["tests/test_secret.py::test_a"]\npass_to_pass = ["tests/test_seen.py::test_b"]\n'
        'public = ["tests/test_seen.py::test_b"]\n',
        "instruction.md": "Mend the shop.\n",
        "environment/repository/tests/test_seen.py": "",
        "tests/repository/tests/test_secret.py": "",
    }
    for path, text in files.items():
        (tmp_path / "set/shop" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "set/shop" / path).write_text(text)
    (tmp_path / "set/other").mkdir()
    (tmp_path / "set/other/task.toml").write_text("[[steps]]\n[[steps]]\n")
    listed = cli("problems", "set")
    assert "shop" in listed.stdout
    assert "set/other/task.toml: tasks of several steps are not supported: it has 2" in listed.stderr
    shown = cli("problems", "set", "shop").stdout
    for fact in ("Mend the shop.", "1 files, at /app", "changes that count  src/*", "tests/test_seen.py::test_b"):
        assert fact in shown
    values = cli("problems", "set", "shop", "--json", "-").stdout
    assert json.loads(values)["repository"]["verifier"] == "tests"
    assert "secret" not in shown + values
