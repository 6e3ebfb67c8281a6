"""Every command, given hostile arguments, problems, programs, attempts and answers, writes plain text."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import typer

from alphadial.cli.app import make_app
from alphadial.cli.comparison_table import comparison_table
from alphadial.cli.output import results
from alphadial.cli.plots.comparison_picture import draw_comparison
from alphadial.cli.plots.frontier_picture import draw_frontier
from alphadial.cli.summary import frontier_table, run_tables
from alphadial.envs.sandbox.probe import Check

from ..tiny_specs import FIRST
from .hostile_text import HOSTILE, forbidden
from .judging_sets import GOOD, WRONG, problem, submission, write
from .report_runs import make_attempt, make_config, write_run

Cli = Callable[..., Any]


def flattened(commands: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Commands by all their words."""
    found: dict[str, Any] = {}
    for name, command in commands.items():
        members = command.commands if isinstance(command, typer.core.TyperGroup) else None
        found |= {f"{before}{name}": command} if members is None else flattened(members, f"{before}{name} ")
    return found


COMMANDS = flattened(typer.main.get_command(make_app()).commands)  # type: ignore[attr-defined]
ARGUMENTS = {
    "run": ["tiny"],
    "frontier": ["tiny"],
    "compare": ["tiny"],
    "report": ["folder"],
    "export": ["folder"],
    "train": ["tiny"],
    "merge": ["tiny"],
    "weights-id": ["folder"],
    "serve": ["tiny"],
    "judge": [FIRST.id, "p.py"],
    "rejudge": ["folder"],
    "show": ["abc"],
    "doctor": [],
    "list": ["families"],
    "problems": ["tiny-problems", "no such"],
    "images build": ["no such"],
    "images list": [],
    "images clean": [],
    "tasks validate": ["no such"],
    "tasks export": ["no such"],
}
NEEDED = {
    "merge": ["--alpha", "1", "--out", "file/below"],
    "train": ["--out", "file/below"],
    "serve": ["--port", "0", "--python", "no-such-python"],
    "tasks export": ["--out", "file/below"],
}
LONG = {
    *(("run", name) for name in ("out", "fit", "server", "features")),
    *(("frontier", name) for name in ("out", "server")),
    *(("compare", name) for name in ("parser", "prompt", "server")),
}
"""Refused only after torch and the weights were loaded, or after a whole run."""
STRANGE = HOSTILE.replace("/", "")
"""As the name of a file."""


def lines() -> Iterator[Any]:
    """Each command with each of its arguments and options hostile in turn; a path leads below a file."""
    for name, command in COMMANDS.items():
        words, needed = name.split(), NEEDED.get(name, [])
        yield pytest.param((*words, *ARGUMENTS[name], *needed, f"--{STRANGE}"), id=f"{name} option")
        for at, parameter in enumerate(param for param in command.params if param.param_type_name == "argument"):
            given = [*ARGUMENTS[name][:at], STRANGE, *ARGUMENTS[name][at + 1 :]]
            yield pytest.param((*words, *given, *needed), id=f"{name} {parameter.name}")
        for parameter in command.params:
            if parameter.param_type_name == "option" and not parameter.is_flag:
                value = f"{STRANGE}/below" if parameter.name in ("out", "json_to") else STRANGE
                rest = [*ARGUMENTS[name], *needed, f"{parameter.opts[0]}={value}"]
                marks = [pytest.mark.slow] if (name, parameter.name) in LONG else []
                yield pytest.param((*words, *rest), id=f"{name} {parameter.opts[0]}", marks=marks)


def test_problems(cli: Cli, tmp_path: Path) -> None:
    texts = dict.fromkeys(("statement", "input_rules", "output_rules", "template", "split"), HOSTILE)
    tests = [{"name": HOSTILE, "group": "sample", "input": HOSTILE, "answer": HOSTILE}]
    rows = [problem(HOSTILE, [], **texts, tests=tests, starter={"python3": HOSTILE}), {"id": HOSTILE, "tests": HOSTILE}]
    write(tmp_path / f"{STRANGE}.jsonl", *rows)
    for name in ((), (HOSTILE,)):
        done = cli("problems", f"{STRANGE}.jsonl", *name)
        assert done.status == 0, done.stderr
        assert forbidden(done.stdout + done.stderr) == set()
        assert r"\x1b]0;owned" in done.stdout


@pytest.mark.thorough
@pytest.mark.parametrize("line", [*lines()])
def test_arguments(cli: Cli, tmp_path: Path, line: tuple[str, ...]) -> None:
    (tmp_path / STRANGE).write_text("a file", "utf-8")
    (tmp_path / "file").write_text("a file", "utf-8")
    (tmp_path / "p.py").write_text("def f(a, k): return 0", "utf-8")
    (tmp_path / "folder").mkdir()
    done = cli(*line)
    assert forbidden(done.stdout + done.stderr) == set()
    assert done.stdout or done.stderr


CRASH = f"import sys\nsys.stderr.write({HOSTILE!r})\nraise ValueError({HOSTILE!r})"
UNREADABLE = f"s = '{HOSTILE}\n"
STRANGERS = [
    submission(f"wrong{HOSTILE}.py", "accepted", WRONG),
    submission("crash.py", "accepted", CRASH),
    submission("broken.py", "accepted", UNREADABLE),
    submission("label.py", HOSTILE, GOOD),
]


@pytest.mark.thorough
def test_judging_a_set(cli: Cli, tmp_path: Path) -> None:
    rows = [problem(HOSTILE, STRANGERS), problem("other", [], **{HOSTILE: 1}), {"id": HOSTILE, "tests": HOSTILE}]
    write(tmp_path / f"{STRANGE}.jsonl", *rows, f"{{{HOSTILE}")
    judge = ("judge", f"{STRANGE}.jsonl", "--sandbox", "trusted", "--out", f"run{STRANGE}")
    for line in (
        judge,
        (*judge, "--doubtful", f"{HOSTILE},x"),
        ("rejudge", f"run{STRANGE}", "--limit", "9"),
        ("rejudge", f"run{STRANGE}", "--json", "-", "--coverage", HOSTILE),
    ):
        done = cli(*line)
        assert done.stdout or done.stderr
        assert forbidden(done.stdout + done.stderr) == set()
        assert "Traceback" not in done.stderr
    shown = cli(*judge).stdout
    assert r"\x1b]0;owned" in shown
    assert "[red]y[red][]:smile:; " in shown


SAYS = f"print({HOSTILE!r})\ndef f(a, k):\n return {HOSTILE!r}\n"


@pytest.mark.parametrize(
    "source", [CRASH, UNREADABLE, f"print('{HOSTILE}'", SAYS], ids=["crash", "unreadable", "unclosed", "says"]
)
def test_judging_a_program(cli: Cli, tmp_path: Path, source: str) -> None:
    write(tmp_path / "set.jsonl", problem(HOSTILE, [submission("good.py", "accepted", GOOD)]))
    (tmp_path / f"{STRANGE}.py").write_text(source.replace("\r", ""), "utf-8")
    for line in (
        ("judge", "set.jsonl", f"{STRANGE}.py", "--sandbox", "trusted"),
        ("judge", FIRST.id, f"{STRANGE}.py", "--sandbox", "trusted"),
    ):
        done = cli(*line)
        assert done.stdout
        assert forbidden(done.stdout + done.stderr) == set()


@pytest.mark.thorough
def test_showing_and_reporting_attempts(cli: Cli, tmp_path: Path) -> None:
    problem_id = FIRST.id
    config = make_config([problem_id], 1, problem_set="tiny-problems", family=f"f{HOSTILE}", prompt="tiny")
    call = {"id": HOSTILE, "type": "function", "function": {"name": HOSTILE, "arguments": HOSTILE}}
    said = json.dumps([{"role": HOSTILE, "content": HOSTILE, "tool_calls": [call]}])
    texts = dict.fromkeys(("cause", "answer", "program", "reason", "group"), HOSTILE)
    attempt = make_attempt(config, problem_id, 0.5, 0, "WA", **texts, transcript=said, propensity=1.0)
    write_run(tmp_path / STRANGE, config, [attempt])
    for line in (("show", attempt.id, "--run", STRANGE), ("report", STRANGE), ("show", "no such", "--run", STRANGE)):
        done = cli(*line)
        assert forbidden(done.stdout + done.stderr) == set()
        assert "Traceback" not in done.stderr
    page = (tmp_path / STRANGE / "report.html").read_text("utf-8")
    assert forbidden(page.partition("<script>")[0]) == set()
    assert r"f\x1b]0;owned" in page
    shown = cli("show", attempt.id, "--run", STRANGE).stdout
    assert r"\x1b]0;owned\x07\x1b[2J" in shown
    assert json.loads(cli("show", attempt.id, "--run", STRANGE, "--json", "-").stdout)["program"] == HOSTILE


def rates() -> dict[str, Any]:
    names = ("solve", "correctness_failure", "optimisation_failure", "minus_best_single", "minus_uniform")
    return dict.fromkeys(names, 0.2) | {f"{name}_ci": [0.1, 0.3] for name in names}


@pytest.mark.thorough
def test_tables_and_pictures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = f"$\\frac{{ {HOSTILE}"
    counts = {"problems": 1, "samples": 1, "attempts": 1, "temperature": 1.0, "unmeasurable": 0, "orders": 1}
    about = {"family": name, "split": name, "setting": name, "controller": name, "templates": 1, **counts}
    row = {"alpha": 0.5, "model": name, "controller": name, "family": name, "k": 1, "temperature": 1.0, **rates()}
    row |= {"alphas": [0.5], "attempts_mean": 1.0, "unmeasurable": 0}
    frontier = {**about, "rows": [row], "checkpoints": {name: {**row, "alpha": None}}}
    comparison = {**about, "rows": [row], "beside": [{**row, "controller": f"x{name}"}]}
    taken = dict.fromkeys(("prompt_tokens", "completion_tokens", "cpu_s", "model_s", "tools_s", "judge_s", "cost"), 1)
    kinds = dict.fromkeys(("solved", "correctness", "optimisation"), 1)
    run = {
        **about,
        "prompt": name,
        "totals": taken,
        "rows": [row],
        "by_arm": [{**row, **counts, **kinds, "totals": taken, "arm": name}],
    }
    for table in (frontier_table(frontier), comparison_table(comparison, name, 200), run_tables(run)):
        results().print(table)
    shown = capsys.readouterr().out
    assert forbidden(shown) == set()
    assert "[red]y[/red][/]:smile:" in "".join(shown.split())
    draw_frontier(frontier, tmp_path / "frontier.png")
    draw_comparison(comparison, tmp_path / "compare.png")


def test_what_a_machine_offers(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alphadial.cli.host.checks", lambda: [Check(HOSTILE, False, HOSTILE, HOSTILE)])
    monkeypatch.setattr("alphadial.envs.sandbox.probe.checks", lambda: [])
    done = cli("doctor")
    assert r"\x1b]0;owned" in done.stdout
    assert forbidden(done.stdout + done.stderr) == set()


@pytest.mark.parametrize(
    "line", [("judge", "BYTES"), ("judge", "set.jsonl", "--sandbox", "trusted", "--out", "BYTES"), ("show", "BYTES")]
)
def test_names_that_are_no_text(cli: Cli, tmp_path: Path, line: tuple[str, ...]) -> None:
    write(tmp_path / "set.jsonl", problem("twice", [submission("good.py", "accepted", GOOD)]))
    assert cli(*(word.replace("BYTES", "x\udcff") for word in line)).refused("x\\udcff")
