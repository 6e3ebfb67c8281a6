"""Files of folders that may come from anywhere."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from alphadial.envs.errors import ForeignError, JournalError
from alphadial.envs.foreign import check_folder, check_tables, parse_json, read_json, schema
from alphadial.envs.tools.journal_sqlite import SqliteJournal

OURS = "CREATE TABLE ours (id TEXT PRIMARY KEY, n INTEGER)"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "Expecting value"),
        ('{"a": 1, "b": {"c": 1, "c": 2}}', "key 'c' occurs twice"),
        ("[NaN]", "NaN is no finite number"),
        ("[-Infinity]", "-Infinity is no finite number"),
        ("[1e999]", "1e999 is no finite number"),
        ("9" * 5000, "digits"),
        ("[" * 100_000, "nests too deeply"),
        ('{"a":' * 100_000, "nests too deeply"),
        (b"\xff\xfe", "decode"),
        ("{} {}", "Extra data"),
    ],
)
def test_json_has_one_meaning(text: str | bytes, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_json(text)


def test_json_of_ours_passes() -> None:
    assert parse_json(b'{"a": [1, 2.5, null, "\\u00e9"], "b": {"a": true}}') == {
        "a": [1, 2.5, None, "é"],
        "b": {"a": True},
    }


def test_only_a_regular_file_is_read_and_nothing_is_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zero").symlink_to("/dev/zero")
    (tmp_path / "folder").mkdir()
    (tmp_path / "loop").symlink_to("loop")
    for name in ("pipe", "zero", "folder", "loop", "nowhere"):
        with pytest.raises(ForeignError, match=str(tmp_path / name)):
            read_json(tmp_path / name)


def test_a_folder_has_files_and_folders_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    check_folder(tmp_path)
    check_folder(tmp_path / "nowhere")
    (tmp_path / ".hidden").symlink_to("file")
    with pytest.raises(ForeignError, match=r"\.hidden is a link"):
        check_folder(tmp_path)
    (tmp_path / ".hidden").unlink()
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ForeignError, match="pipe is no regular file"):
        check_folder(tmp_path)


@pytest.mark.parametrize(
    "statements",
    [
        ["CREATE TRIGGER t AFTER INSERT ON ours BEGIN DELETE FROM ours; END"],
        ["CREATE TEMP TABLE x (a)", "DROP TABLE ours", "CREATE VIEW ours AS SELECT 'a' AS id, 1 AS n"],
        ["CREATE VIEW other AS SELECT 1", "DROP TABLE ours", "CREATE VIEW Ours AS SELECT * FROM other"],
        ["ALTER TABLE ours ADD COLUMN more AS (hex(id))"],
        ["CREATE INDEX more ON ours (hex(id))"],
        ["DROP TABLE ours", "CREATE TABLE ours (id TEXT PRIMARY KEY, n INTEGER CHECK (length(hex(id)) < 9))"],
        ["DROP TABLE ours", "CREATE VIRTUAL TABLE ours USING fts5 (id, n)"],
        ["DROP TABLE ours", "CREATE TABLE ours (id TEXT PRIMARY KEY, n INTEGER) WITHOUT ROWID"],
    ],
)
def test_a_table_has_nothing_that_we_did_not_make(statements: list[str]) -> None:
    with closing(sqlite3.connect(":memory:")) as database:
        database.execute(OURS)
        made = schema(database)
        database.execute("CREATE TABLE theirs (id TEXT)")
        check_tables(database, made, "FILE")
        for statement in statements:
            database.execute(statement)
        with pytest.raises(ForeignError, match=r"FILE: its .* is not one that this version makes"):
            check_tables(database, made, "FILE")


def test_spaces_of_a_statement_do_not_count() -> None:
    with closing(sqlite3.connect(":memory:")) as database, closing(sqlite3.connect(":memory:")) as other:
        database.execute(OURS)
        other.execute(OURS.replace(" (", "\n    ("))
        check_tables(other, schema(database), "FILE")


def test_a_journal_with_a_trigger_is_refused_and_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "journal.sqlite"
    SqliteJournal(file).close()
    with closing(sqlite3.connect(file)) as database, database:
        database.execute("CREATE TRIGGER t AFTER DELETE ON calls BEGIN DELETE FROM trees; END")
    before = file.read_bytes()
    with pytest.raises(JournalError, match="its trigger 't' is not one"):
        SqliteJournal(file)
    assert file.read_bytes() == before
