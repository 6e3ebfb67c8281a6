"""Whatever lies in a folder that is resumed or read: a command says so in one line, or works; none hangs or runs it.

Each file of each folder is replaced by what it is not, and each database gets what a maker could hide in it.
"""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from ..tiny_specs import SECOND
from .judging_sets import GOOD, WRONG, problem, submission, write

pytestmark = pytest.mark.usefixtures("pictures")  # they lie in the folders, too
Cli = Callable[..., Any]
Damage = Callable[[Path], None]
LIMIT_S = 900
OUTSIDE = "nobody's business\n"
FEW = ("--split", "dev", "--problems", SECOND.id, "--alphas=0,1")
SMALL = ("--attempts", "1", "--orders", "2", "--temperatures", "0.6", "--alphas=0,1", "--controllers", "two-ends")
UNIFORM = ("--attempts", "2", "--controller", "uniform", "--out", "it")

COMMANDS: dict[str, tuple[str, ...]] = {
    "frontier": ("frontier", "pico", *FEW, "--samples", "1", "--out", "it"),
    "run": ("run", "pico", *FEW, *UNIFORM),
    "run with tools": ("run", "pico", *FEW, *UNIFORM, "--setting", "tools"),
    "compare": ("compare", "tiny", *SMALL, "--out", "it"),
    "judge": ("judge", "set.jsonl", "--out", "it", "--workers", "1"),
}
READERS = {
    "frontier": ("report", "it", "--out", "r.html"),
    "run": ("report", "it", "--out", "r.html"),
    "run with tools": ("show", "0123456789abcdef", "--run", "it"),
    "compare": ("report", "it", "--out", "r.html"),
    "judge": ("rejudge", "it"),
}


def text(content: str | bytes) -> Damage:
    data = content if isinstance(content, bytes) else content.encode()

    def change(file: Path) -> None:
        file.write_bytes(data)

    return change


def folder_there(file: Path) -> None:
    file.unlink()
    file.mkdir()


def pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def link(file: Path) -> None:
    file.unlink()
    file.symlink_to(file.parent.parent / "outside")


def endless(file: Path) -> None:
    file.unlink()
    file.symlink_to("/dev/zero")


DAMAGE: dict[str, Damage] = {
    "empty": text(""),
    "no text": text(b"\xff\xfe\x00"),
    "a list": text("[]"),
    "a number": text("7"),
    "deep": text("[" * 100_000),
    "deep objects": text('{"format":' * 50_000),
    "a key twice": text('{"format": 2, "format": 2}'),
    "no number": text('{"format": NaN, "rows": [Infinity], "samples": 1e999}'),
    "many digits": text('{"format": ' + "9" * 5000 + "}"),
    "large": text('{"format": 2, "rows": [{"controller": "u", "k": ' + "9" * 400 + ', "solve": 1e308}]}'),
    "a folder": folder_there,
    "a pipe": pipe,
    "a link": link,
    "an endless device": endless,
}
NO_FILE = ("a folder", "a pipe", "a link", "an endless device")
READ = {"config.json", "judging.json", "lock", "attempts.sqlite", "records.sqlite", "journal.sqlite", "compare.json"}
"""Of a folder, beside what only results are written into."""


def statements(*given: str) -> Damage:
    def change(file: Path) -> None:
        with closing(sqlite3.connect(file)) as database, database:
            tables = [name for (name,) in database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
            for statement in given:
                for table in tables:
                    database.execute(statement.format(table=table, name=f"x_{table}"))

    return change


HIDDEN: dict[str, Damage] = {
    "a trigger": statements("CREATE TRIGGER {name} AFTER INSERT ON {table} BEGIN DELETE FROM {table}; END"),
    "a trigger on deletion": statements("CREATE TRIGGER {name} BEFORE DELETE ON {table} BEGIN SELECT zeroblob(1); END"),
    "a view instead": statements(
        "ALTER TABLE {table} RENAME TO {name}", 'CREATE VIEW {table} AS SELECT * FROM "{name}"'
    ),
    "a column that computes": statements("ALTER TABLE {table} ADD COLUMN more AS (length(zeroblob(1 << 9)))"),
    "an index that computes": statements("CREATE INDEX {name} ON {table} (length(hex(zeroblob(1 << 9))))"),
    "one column less": statements("ALTER TABLE {table} RENAME TO {name}", "CREATE TABLE {table} (id TEXT)"),
}


@pytest.fixture
def bounded() -> Iterator[None]:
    """A test that waits for a pipe ends here."""

    def late(*_: object) -> None:
        raise AssertionError("it waits")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(LIMIT_S)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def place(
    cli: Cli, pico: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, bounded: None
) -> Callable[[str], Path]:
    """Puts the folder that a command has made into the working folder, afresh."""
    (tmp_path / "outside").write_text(OUTSIDE)
    two = [submission("good.py", "accepted", GOOD), submission("wrong.py", "wrong_answer", WRONG)]
    write(tmp_path / "set.jsonl", problem("twice", two))
    if pico != tmp_path / "pico":
        shutil.copytree(pico, tmp_path / "pico")

    made: dict[str, Path] = {}

    def put(name: str) -> Path:
        folder = tmp_path / "it"
        if name not in made:
            done = cli(*COMMANDS[name])
            assert done.status == 0, done.stderr
            made[name] = tmp_path_factory.mktemp("made") / "it"
            shutil.copytree(folder, made[name])
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(made[name], folder)
        return folder

    return put


def files(folder: Path) -> list[str]:
    return sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())


def told(cli: Cli, command: tuple[str, ...], folder: Path, name: str, what: str) -> str:
    """What the command said, in one line that names the file; "" where it works."""
    before = (folder / name).lstat()
    done = cli(*command)
    assert (folder.parent / "outside").read_text() == OUTSIDE, (name, what)
    if done.status == 0:
        return ""
    lines: list[str] = [line for line in done.stderr.splitlines() if line.startswith("alphadial: ")]
    assert done.status == 2, (name, what, done)
    assert len(lines) == 1, (name, what, done)
    assert "Traceback" not in done.stderr, (name, what, done)
    assert len(lines[0]) < 700, lines[0]
    known = (
        Path(name).name,
        "no attempt",
        "no judged submission",
        "is not a run folder",
        "is not the folder of a judging",
        "something else",
        "format version",
    )
    assert any(words in lines[0] for words in known), (name, what, lines[0])
    after = (folder / name).lstat()
    assert (before.st_mode, before.st_size) == (after.st_mode, after.st_size), (name, what)
    return lines[0]


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_a_file_that_is_something_else_is_one_line(command: str, cli: Cli, place: Callable[[str], Path]) -> None:
    refused = 0
    for name in files(place(command)):
        for what in DAMAGE if name in READ else NO_FILE:
            for asked in (COMMANDS[command], READERS[command]):
                folder = place(command)
                DAMAGE[what](folder / name)
                line = told(cli, asked, folder, name, what)
                refused += bool(line)
    assert refused > 2 * len(DAMAGE)


@pytest.mark.slow
@pytest.mark.parametrize("command", [name for name in COMMANDS if name != "compare"])
def test_a_database_that_computes_is_one_line(command: str, cli: Cli, place: Callable[[str], Path]) -> None:
    for name in (name for name in files(place(command)) if name.endswith(".sqlite")):
        for what, damage in HIDDEN.items():
            folder = place(command)
            damage(folder / name)
            content = (folder / name).read_bytes()
            line = told(cli, COMMANDS[command], folder, name, what)
            assert line, (name, what)
            assert (folder / name).read_bytes() == content
            if "journal" not in name and "checkpoints" not in name and READERS[command][0] != "show":
                assert told(cli, READERS[command], folder, name, what)


@pytest.mark.thorough
def test_links_pipes_and_triggers_are_told_before_anything_is_written(cli: Cli, place: Callable[[str], Path]) -> None:
    for name, damage in (("lock", link), ("frontier.png", link), ("config.json", pipe), ("attempts.sqlite", link)):
        folder = place("frontier")
        damage(folder / name)
        assert told(cli, COMMANDS["frontier"], folder, name, "")
        assert told(cli, READERS["frontier"], folder, name, "")
    folder = place("frontier")
    HIDDEN["a trigger"](folder / "attempts.sqlite")
    assert "trigger 'x_attempts' is not one" in told(cli, COMMANDS["frontier"], folder, "attempts.sqlite", "")
    folder = place("frontier")
    (folder / "lock").write_text("my own lock")
    assert "lock is not alphadial's" in told(cli, COMMANDS["frontier"], folder, "lock", "")
    assert (folder / "lock").read_text() == "my own lock"
