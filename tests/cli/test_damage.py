"""A run folder is data: whatever a value of it has become, every command says so in one line, or works."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from itertools import cycle, islice
from pathlib import Path

import pytest

from alphadial.agents.errors import StoreError
from alphadial.agents.runs.attempt_rows import FIELDS, checked
from alphadial.agents.runs.run_folder import RunFolder, read_config
from alphadial.agents.runs.store import find_attempts, stored_attempts
from alphadial.cli.report import write_report

from .conftest import Cli
from .report_runs import controlled_run, frontier_run, make_attempt, make_config, write_run

SAID = json.dumps(
    [
        {"role": "user", "content": "go"},
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"id": "a", "type": "function", "function": {"name": "n", "arguments": "{}"}}],
        },
        {"role": "tool", "content": "done", "tool_call_id": "a"},
    ]
)
STRANGE: dict[str, object] = {
    "markup": "</script>\x1b[2J",
    "bytes": b"\xff\xfe",
    "null": None,
    "huge": 2**62,
    "negative": -1,
    "nan": float("nan"),
    "infinite": float("inf"),
    "empty": "",
    "list": "[1]",
    "deep": "[" * 100_000,
    "fraction": 0.5,
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return controlled_run(tmp_path / "run")


def change(folder: Path, column: str, value: object, row: str) -> bool:
    """Puts a value there; False where the table itself refuses it."""
    with closing(sqlite3.connect(folder / "attempts.sqlite")) as store, store:
        try:
            if value == "no text":
                store.execute(f"update attempts set \"{column}\" = cast(x'fffe' as text) where id = ?", (row,))
            else:
                store.execute(f'update attempts set "{column}" = ? where id = ?', (value, row))
        except (sqlite3.IntegrityError, OverflowError):
            return False
    return True


def row_of(folder: Path) -> str:
    return next(stored_attempts(folder / "attempts.sqlite", read_config(folder))).id


def test_one_value_that_cannot_be_is_one_line_with_row_and_column(folder: Path) -> None:
    whole = next(find_attempts(folder / "attempts.sqlite", read_config(folder), [row_of(folder)]))
    lines = 0
    for column in FIELDS[2:]:
        for value in (*STRANGE.values(), "\udcff"):
            row = [value if name == column else getattr(whole, name) for name in FIELDS]
            try:
                checked(row, "FILE")
            except StoreError as error:
                lines += 1
                message = str(error)
                assert message.startswith(f"FILE is damaged: row '{whole.id}' of attempts, column "), message
                assert "\n" not in message
                assert len(message) < 600
    assert lines > 5 * len(FIELDS)
    for value in STRANGE.values():
        with pytest.raises(StoreError, match=r"FILE is damaged: row .* of attempts, column id: "):
            checked([value, *(getattr(whole, name) for name in FIELDS[1:])], "FILE")


def test_bytes_that_are_no_text_are_told(folder: Path) -> None:
    row = row_of(folder)
    for value in ("no text", b"\xff\xfe"):
        assert change(folder, "answer", value, row)
        with pytest.raises(StoreError, match=f"attempts.sqlite is damaged: row '{row}' of attempts, column answer: "):
            list(find_attempts(folder / "attempts.sqlite", read_config(folder), [row]))


def test_what_contradicts_itself_is_told(folder: Path) -> None:
    config, row = read_config(folder), row_of(folder)
    before = (folder / "attempts.sqlite").read_bytes()
    attempt = next(find_attempts(folder / "attempts.sqlite", read_config(folder), [row]))
    other = "WA" if attempt.verdict == "AC" else "AC"
    for column, value, words in (
        ("verdict", other, "column failure_kind: "),
        ("status", "unmeasurable" if attempt.verdict else "judged", "column status: "),
        ("propensity", None, "column decision: "),
        ("sample", (attempt.sample + 1) % config.samples, "column id: it does not follow"),
        ("sample", config.samples, f"column sample: {config.samples}, and the run makes"),
        ("problem", "t9.x", "column problem: 't9.x' is none of the run's"),
        ("model", "toy@9", "column model: 'toy@9'"),
    ):
        (folder / "attempts.sqlite").write_bytes(before)
        assert change(folder, column, value, row)
        with pytest.raises(StoreError, match=words.replace("'", ".")):
            list(stored_attempts(folder / "attempts.sqlite", config))


def test_a_transcript_is_checked_where_it_is_read(tmp_path: Path) -> None:
    config = make_config(["t.a"], 1)
    folder = write_run(tmp_path / "run", config, [make_attempt(config, "t.a", 0.5, 0, "AC", transcript=SAID)])
    row = row_of(folder)
    for path in ((0, "role"), (1, "tool_calls"), (1, "tool_calls", 0, "function"), (2, "content")):
        for value in (None, 3, {"x": 1}):
            said = json.loads(SAID)
            place = said
            for key in path[:-1]:
                place = place[key]
            place[path[-1]] = value
            change(folder, "transcript", json.dumps(said), row)
            with pytest.raises(StoreError, match=r"column transcript: \d+\."):
                list(find_attempts(folder / "attempts.sqlite", read_config(folder), [row]))


def test_a_row_that_no_reader_would_take_is_not_stored_and_takes_no_other_with_it(tmp_path: Path) -> None:
    config = make_config(["t.a"], 3)
    good = [make_attempt(config, "t.a", 0.5, sample, "AC") for sample in (0, 1)]
    for name, value in (
        ("completion_tokens", 2**63),
        ("prompt_tokens", -5),
        ("cpu_s", float("nan")),
        ("answer", "\ud800"),
    ):
        bad = make_attempt(config, "t.a", 0.5, 2, "AC", **{name: value})
        with RunFolder(tmp_path / name, config) as opened:
            opened.store.append(good[0])
            with pytest.raises(StoreError, match=f"row '{bad.id}' of attempts, column {name}"):
                opened.store.append(bad)
            opened.store.append(good[1])
        assert len(list(stored_attempts(tmp_path / name / "attempts.sqlite", config))) == 2


def test_a_configuration_is_checked_field_by_field(folder: Path) -> None:
    file = folder / "config.json"
    whole = json.loads(file.read_text())
    lines = 0
    for name in whole:
        for value in (None, "\ud800", -1, 2**70, [3], {"x": 1}, float("nan")):
            file.write_text(json.dumps({**whole, name: value}))
            try:
                read_config(folder)
            except StoreError as error:
                lines += 1
                assert "\n" not in str(error)  # noqa: PT017  (some fields may be absent)
    assert lines > 5 * len(whole)
    file.write_text(json.dumps({**whole, "more": 1}))
    with pytest.raises(StoreError, match="unknown field 'more'"):
        read_config(folder)
    file.write_text("[" * 100_000)
    with pytest.raises(StoreError, match=r"config.json is not JSON: it nests too deeply"):
        read_config(folder)


def test_a_sample_far_away_costs_no_memory(tmp_path: Path) -> None:
    config = make_config(["t0.a"], 2**31 - 1, command="run", controller="posterior")
    far = make_attempt(config, "t0.a", 1.0, 2**31 - 2, "WA", decision="d", propensity=0.5)
    folder = write_run(tmp_path / "run", config, [far])
    with pytest.raises(StoreError, match=f"column sample: {2**31 - 2}, and the problem has 1 attempts"):
        write_report(folder, tmp_path / "r.html", transcripts=0)


@pytest.mark.slow
@pytest.mark.parametrize("made", [frontier_run, controlled_run])
def test_report_and_show_say_one_line_or_work(made: Callable[[Path], Path], cli: Cli, tmp_path: Path) -> None:
    folder = made(tmp_path / "run")
    row = row_of(folder)
    before = (folder / "attempts.sqlite").read_bytes()
    values = cycle([*STRANGE.values(), "no text"])
    with closing(sqlite3.connect(folder / "attempts.sqlite")) as store:
        columns = [name for _, name, *_ in store.execute("pragma table_info(attempts)")]
    assert set(columns) <= set(FIELDS)
    for column in columns:
        for value in islice(values, 5):
            (folder / "attempts.sqlite").write_bytes(before)
            if not change(folder, column, value, row):
                continue
            for command in (("report", "run", "--out", "r.html"), ("show", row, "--run", "run")):
                done = cli(*command)
                assert done.status == 0 or len(done.stderr.strip().splitlines()) == 1, (column, command, done)
