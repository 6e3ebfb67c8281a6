"""The command line starts fast and ends with the right status."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
import typer

from alphadial.agents.errors import StoreError
from alphadial.cli.app import make_app
from alphadial.cli.boundary import is_deliberate, one_line
from alphadial.cli.errors import CliError
from alphadial.envs.errors import SandboxUnavailableError
from alphadial.merge_engine import AlphaError
from alphadial.training.errors import TrainingError

Cli = Callable[..., Any]
COMMANDS = ("run", "compare", "report", "frontier", "train", "merge", "serve", "judge", "rejudge", "show", "doctor")
MEMBERS = ("images build", "images list", "images clean", "tasks validate", "tasks export")
HEAVY = ("torch", "transformers", "matplotlib", "plotly", "langgraph", "sqlalchemy", "gymnasium")


LINES = (
    ("--help",),
    *((*name.split(), "--help") for name in (*COMMANDS, *MEMBERS)),
    ("frontier",),
    ("frontier", "no-such-family"),
    ("train", "no-such-family", "--out", "x"),
    ("merge", "no-such-family", "--alpha", "1", "--out", "x"),
    ("judge", "no.such.problem", "x.py"),
    ("judge", "no-such-folder"),
    ("nonsense",),
)
_EACH_IN_A_CHILD = f"""
import json, os, sys
from alphadial.cli import main
import alphadial.cli.app
for number, line in enumerate(json.loads(sys.argv[1])):
    if child := os.fork():
        os.waitpid(child, 0)
        continue
    sys.argv = ["alphadial", *line]
    try:
        main()
    except SystemExit as ended:
        loaded = sorted(set({HEAVY!r}) & set(sys.modules))
        with open(str(number), "w") as file:
            json.dump([ended.code or 0, loaded], file)
    os._exit(0)
"""


@pytest.fixture(scope="module")
def endings(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, ...], tuple[int, list[str]]]:
    """Each command line's status, and what of ``HEAVY`` its process had loaded in the end."""
    # One process for all would hide what an earlier one loaded; a new interpreter for each takes five times as long.
    folder = tmp_path_factory.mktemp("endings")
    command = [sys.executable, "-c", _EACH_IN_A_CHILD, json.dumps(LINES)]
    subprocess.run(command, cwd=folder, capture_output=True, check=True, timeout=300)
    return {line: tuple(json.loads((folder / str(at)).read_text("utf-8"))) for at, line in enumerate(LINES)}


@pytest.mark.parametrize("line", LINES, ids=" ".join)
def test_help_and_refusals_load_nothing_heavy(
    line: tuple[str, ...], endings: dict[tuple[str, ...], tuple[int, list[str]]]
) -> None:
    assert endings[line] == (0 if "--help" in line else 2, [])


@pytest.mark.parametrize("name", [*COMMANDS, *MEMBERS])
def test_help_describes_every_option(cli: Cli, name: str) -> None:
    done = cli(*name.split(), "--help")
    assert done.status == 0
    command: Any = typer.main.get_command(make_app())
    for word in name.split():
        command = command.commands[word]
    for parameter in command.params:
        assert parameter.help, f"{name}: {parameter.name}"


@pytest.mark.parametrize("error", [CliError, StoreError, SandboxUnavailableError, AlphaError, TrainingError])
def test_errors_of_every_part_are_for_the_user(error: type[Exception]) -> None:
    assert is_deliberate(error("x"))


def test_other_errors_keep_their_traceback(monkeypatch: pytest.MonkeyPatch, cli: Cli) -> None:
    monkeypatch.setattr("alphadial.envs.problems.find_problem", lambda *_: 1 / 0)
    done = cli("judge", "a", "b")
    assert done.status == 1
    assert "Traceback" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("ZeroDivisionError")


def test_messages_become_one_line() -> None:
    assert one_line(CliError("two\n  lines")) == "two lines"
    assert one_line(CliError()) == "CliError"
