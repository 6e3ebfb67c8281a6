"""One module writes to the terminal, and whatever is printed through it stays text."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.panel import Panel
from rich.progress import Progress, TextColumn
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from alphadial.cli.output import Screen, headline, print_line, say, write_json
from alphadial.cli.visible import visible

from .conftest import ROOT
from .hostile_text import HOSTILE, forbidden

CLI = ROOT / "cli" / "alphadial" / "cli"
_LAST_WORDS = (CLI / "__init__.py", CLI / "interrupt.py")
"""Have one line to say when nothing else can be relied on."""
_MODULES = sorted({*CLI.rglob("*.py")} - {CLI / "output.py", *_LAST_WORDS})


def sinks(tree: ast.AST) -> Iterator[str]:
    """Whatever would write to the terminal by another way."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("print", "Console"):
            yield node.func.id
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            called = f"{node.value.id}.{node.attr}"
            if called in ("sys.stdout", "sys.__stdout__", "sys.__stderr__", "os.write") or node.attr in (
                "echo",
                "secho",
                "from_markup",
                "from_ansi",
            ):
                yield called


@pytest.mark.parametrize("module", _MODULES, ids=lambda file: str(file.relative_to(CLI)))
def test_nothing_else_writes_to_the_terminal(module: Path) -> None:
    assert list(sinks(ast.parse(module.read_text("utf-8")))) == []


def test_everything_that_drives_or_hides_is_spelled_out() -> None:
    assert visible("a\x1b\x07\x85\u202e\u2028\ud800\ufeff\U000e0041\n\t\x7f\xad\u115f\ufe0f") == (
        r"a\x1b\x07\x85\u202e\u2028\ud800\ufeff\U000e0041\n\t\x7f\xad\u115f\ufe0f"
    )
    assert visible("a\r\nb\tc\rd", lines=True) == "a\nb\tc\\rd"
    assert visible("naïve ∑ 漢字\u3000שלום\xa0é") == "naïve ∑ 漢字\u3000שלום\xa0é"
    every = "".join(
        map(chr, (*range(0x3400), *range(0xD7F0, 0xE010), *range(0xFDC0, 0x10010), *range(0xE0000, 0xE0200)))
    )
    assert forbidden(visible(every)) == set()
    assert all(chr(number) == visible(chr(number)) for number in range(ord(" "), 0x7F))


def _table(text: str | Text) -> Table:
    table = Table(title=text, caption=text)
    table.add_column(text)
    table.add_row(text)
    return table


@pytest.mark.parametrize(
    "renderable",
    [
        HOSTILE,
        Text(HOSTILE),
        _table(HOSTILE),
        _table(Text(HOSTILE)),
        Panel(HOSTILE, title=Text(HOSTILE)),
        Syntax(f"x = 1\n# {HOSTILE}", "python", line_numbers=True),
    ],
    ids=["str", "text", "table", "table of texts", "panel", "program"],
)
def test_a_screen_shows_text_as_text(renderable: Any, capsys: pytest.CaptureFixture[str]) -> None:
    Screen().print(renderable)
    shown = capsys.readouterr().out
    assert forbidden(shown) == set()
    assert r"\x1b]0;owned" in "".join(shown.split())


def test_a_screen_shows_descriptions_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress(TextColumn("{task.description}", markup=False), console=Screen()) as progress:
        progress.add_task(HOSTILE)
    shown = capsys.readouterr().out
    assert forbidden(shown) == set()
    assert r"\x1b]0;owned" in "".join(shown.split())


def test_lines_are_lines(capsys: pytest.CaptureFixture[str]) -> None:
    say(f"one\n{HOSTILE}")
    print_line(f"two\n{HOSTILE}")
    print_line(headline(f"p\n{HOSTILE}", f"AC{HOSTILE}", HOSTILE, 1, HOSTILE))
    shown = capsys.readouterr()
    assert len(shown.err.splitlines()) == 1
    assert len(shown.out.splitlines()) == 2
    assert forbidden(shown.err + shown.out) == set()
    assert "[red]y[/red][/]:smile:" in shown.err


def test_json_is_plain_ascii(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    value = {f"key{HOSTILE}": [HOSTILE, "\udcff"]}
    write_json("-", value)
    shown = capsys.readouterr().out
    assert shown.isascii()
    assert forbidden(shown) == set()
    write_json(tmp_path / "x.json", value)
    assert json.loads(shown) == json.loads((tmp_path / "x.json").read_text("utf-8")) == value


def test_what_others_write_to_stderr_is_spelled_out(cli: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        import sys

        print(f"library: {HOSTILE}", file=sys.stderr)
        raise RuntimeError(HOSTILE)

    monkeypatch.setattr("alphadial.envs.problems.find_problem", broken)
    done = cli("judge", "a", "b")
    assert done.status == 1
    assert forbidden(done.stderr) == set()
    assert r"library: \x1b]0;owned" in done.stderr
    assert r"RuntimeError: \x1b]0;owned" in done.stderr
