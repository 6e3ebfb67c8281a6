"""The command line starts fast and ends with the right status."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
import typer

from alphadial.agents.errors import StoreError
from alphadial.cli.app import app
from alphadial.cli.boundary import is_deliberate, one_line
from alphadial.cli.errors import CliError
from alphadial.envs.errors import SandboxUnavailableError
from alphadial.merge_engine import AlphaError
from alphadial.training.errors import TrainingError

Cli = Callable[..., Any]
COMMANDS = ("run", "compare", "report", "frontier", "train", "merge", "judge", "rejudge", "show", "doctor")
HEAVY = ("torch", "transformers", "matplotlib", "plotly", "langgraph", "sqlalchemy", "gymnasium")


@pytest.mark.parametrize(
    "arguments",
    [
        ("--help",),
        *((name, "--help") for name in COMMANDS),
        ("frontier",),
        ("frontier", "no-such-family"),
        ("train", "no-such-family", "--out", "x"),
        ("merge", "no-such-family", "--alpha", "1", "--out", "x"),
        ("judge", "no.such.problem", "x.py"),
        ("judge", "no-such-folder"),
        ("nonsense",),
    ],
    ids=" ".join,
)
def test_help_and_refusals_load_nothing_heavy(arguments: tuple[str, ...]) -> None:
    # One process for all would hide what an earlier one loaded; -X importtime would tell the same, slower.
    code = (
        "import sys, atexit\n"
        f"atexit.register(lambda: print('loaded:', sorted(set({HEAVY!r}) & set(sys.modules))))\n"
        f"sys.argv = ['alphadial', *{arguments!r}]\n"
        "from alphadial.cli import main\n"
        "main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout.strip().splitlines()[-1] == "loaded: []", done
    assert done.returncode == (0 if "--help" in arguments else 2), done


@pytest.mark.parametrize("name", COMMANDS)
def test_help_describes_every_option(cli: Cli, name: str) -> None:
    done = cli(name, "--help")
    assert done.status == 0
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    for parameter in commands[name].params:
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
