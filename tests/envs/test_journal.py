from __future__ import annotations

import hashlib
import sqlite3
import threading
import zlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from alphadial.envs import FailureKind, JournalError, JudgeReport, TestResult, Verdict
from alphadial.envs.sandbox import File, Workspace
from alphadial.envs.tools.journal import Entry, Journal, MemoryJournal
from alphadial.envs.tools.journal_sqlite import SqliteJournal

REPORT = JudgeReport(
    Verdict.TLE, FailureKind.OPTIMISATION, 1, "cpu", Verdict.AC, (TestResult(2, Verdict.TLE, None, 0.5),), 0.5, 0.75
)


def entry(call_id: str, text: str = "x") -> Entry:
    return Entry(call_id, "shell", '{"command": "x"}', "said", True, False, Workspace.of({"a": text}))


@pytest.fixture(params=["memory", "sqlite"])
def journal(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Journal]:
    opened: Journal = MemoryJournal() if request.param == "memory" else SqliteJournal(tmp_path / "journal.sqlite")
    yield opened
    opened.close()


def test_entries_come_back_in_order(journal: Journal) -> None:
    last = Entry("0", "submit", "", "submitted", True, True, Workspace.of({"a": "z"}), REPORT, Verdict.TLE)
    for each in (entry("10"), entry("9"), last):
        journal.append("e", each)
    journal.append("other", entry("10", "other"))
    assert journal.entries("e") == (entry("10"), entry("9"), last)
    assert journal.entries("none") == ()


def test_a_call_is_journaled_once(journal: Journal) -> None:
    journal.append("e", entry("1"))
    with pytest.raises(JournalError):
        journal.append("e", entry("1", "again"))
    assert journal.entries("e") == (entry("1"),)


def test_forget_drops_one_episode(journal: Journal) -> None:
    journal.append("e", entry("1"))
    journal.append("f", entry("1"))
    journal.forget("e")
    journal.forget("e")
    assert journal.entries("e") == ()
    assert journal.entries("f") == (entry("1"),)


def test_threads(journal: Journal) -> None:
    def fill(episode: str) -> None:
        for number in range(20):
            journal.append(episode, entry(str(number), f"{episode}{number % 3}"))

    threads = [threading.Thread(target=fill, args=(f"e{number}",)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [len(journal.entries(f"e{number}")) for number in range(6)] == [20] * 6


def counted(path: Path, *tables: str) -> list[int]:
    with closing(sqlite3.connect(path)) as database:
        return [database.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0] for table in tables]


def test_the_file_keeps_entries_and_each_content_once(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    first = SqliteJournal(path)
    for call in range(5):
        first.append("e", entry(str(call)))
        first.append("f", entry(str(call), str(call % 2)))
    second = SqliteJournal(path)
    assert second.entries("e") == first.entries("e")
    tables = ("trees", "contents", "held")
    counts = [counted(path, *tables)]
    for episode in ("e", "f"):
        second.forget(episode)
        counts.append(counted(path, *tables))
    assert counts == [[3, 3, 3], [2, 2, 2], [0, 0, 0]]
    first.close()
    second.close()
    second.close()


def test_trees_share_what_they_have_in_common(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    files = {f"src/{number}": File(bytes([number])) for number in range(100)}
    tree = Workspace(
        {**files, "run": File(b"x", executable=True), "to": File(b"x", link=True)}, frozenset({"d"}), 2**28, 50_000
    )
    with closing(SqliteJournal(path)) as journal:
        for call in range(20):
            tree = tree.with_file("src/7", b"changed %d" % call)
            journal.append("e", replace(entry(str(call)), workspace=tree))
    with closing(SqliteJournal(path)) as journal:
        entries = journal.entries("e")
    assert entries[-1].workspace == tree
    assert (entries[-1].workspace.max_bytes, entries[-1].workspace.max_files) == (2**28, 50_000)
    assert entries[-1].workspace.files["run"] == File(b"x", executable=True)
    assert entries[-1].workspace.files["to"] == File(b"x", link=True)
    assert entries[0].workspace.files["src/8"] is entries[-1].workspace.files["src/8"]
    assert counted(path, "trees", "contents") == [20, 99 + 20 + 1]


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    SqliteJournal(path).close()
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA user_version = 7")
    database.close()
    with pytest.raises(JournalError, match="version 7, not 2"):
        SqliteJournal(path)
    path.write_text("no database " * 100)
    with pytest.raises(JournalError, match="is not a journal"):
        SqliteJournal(path)
    other = tmp_path / "other.sqlite"
    with sqlite3.connect(other) as database:
        database.execute("CREATE TABLE t (x)")
    database.close()
    with pytest.raises(JournalError, match="is not a journal"):
        SqliteJournal(other)
    with pytest.raises(JournalError, match="cannot open"):
        SqliteJournal(tmp_path / "no folder" / "journal.sqlite")


def test_a_file_that_is_damaged_or_closed_is_named(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    journal = SqliteJournal(path)
    for number in range(50):
        journal.append("e", entry(str(number), "x" * 4000 + str(number)))
    journal.close()
    for use in (journal.entries, journal.forget):
        with pytest.raises(JournalError, match="cannot be used"):
            use("e")
    whole = path.read_bytes()
    path.write_bytes(whole[:4096] + bytes(len(whole) - 4096))
    with pytest.raises(JournalError):
        SqliteJournal(path).entries("e")


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE trees SET manifest = x'00'",
        "UPDATE trees SET manifest = 'text'",
        "UPDATE contents SET data = x'00'",
        "UPDATE contents SET data = 'x'",
        "UPDATE calls SET workspace = 'other'",
        "UPDATE calls SET max_bytes = 0",
        "DELETE FROM contents",
        "DELETE FROM trees",
    ],
)
def test_a_damaged_workspace_is_named(damage: str, tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    with closing(SqliteJournal(path)) as journal:
        journal.append("e", entry("1"))
        with closing(sqlite3.connect(path)) as database, database:
            database.execute(damage)
        with pytest.raises(JournalError, match="is damaged") as raised:
            journal.entries("e")
        assert "\n" not in str(raised.value)


@pytest.mark.parametrize("manifest", ["[]", '[{"a":["file","x"]},[]]', '[{"../a":["file","%s"]},[]]', "[[[["])
def test_a_forged_manifest_is_no_workspace(manifest: str, tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    manifest = manifest.replace("%s", File(b"x").sha256)
    with closing(SqliteJournal(path)) as journal:
        journal.append("e", entry("1"))
        with closing(sqlite3.connect(path)) as database, database:
            digest = hashlib.sha256(manifest.encode()).hexdigest()
            database.execute("UPDATE trees SET digest = ?, manifest = ?", (digest, zlib.compress(manifest.encode())))
            database.execute("UPDATE calls SET workspace = ?", (digest,))
        with pytest.raises(JournalError, match="what should be a workspace is none"):
            journal.entries("e")


@pytest.mark.parametrize("value", ["nonsense", '{"verdict": "AC"}', "[" * 50_000, b"\xff\xfe", 7, 2**62, -1, 0.5])
@pytest.mark.parametrize("column", ["call_id", "name", "arguments", "content", "ok", "ended", "report", "verdict"])
def test_a_damaged_value_is_one_line_with_its_column(column: str, value: object, tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    with closing(SqliteJournal(path)) as journal:
        journal.append("e", Entry("1", "submit", "", "", True, True, Workspace.of({}), REPORT, Verdict.TLE))
        with closing(sqlite3.connect(path)) as database, database:
            database.execute(f"UPDATE calls SET {column} = ?", (value,))
        try:
            journal.entries("e")
        except JournalError as error:
            message = str(error)
            assert "\n" not in message
            assert message.startswith(f"the journal {path} is damaged: call ")
            assert f"column {column}: " in message
        else:
            assert column in ("call_id", "name", "arguments", "content"), column
            assert not isinstance(value, bytes)


def test_a_full_disk_is_told_and_the_call_can_be_journaled_later(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    large = replace(entry("2"), workspace=Workspace({"big": File(bytes(2_000_000))}))
    with closing(SqliteJournal(path)) as journal:
        journal.append("e", entry("1"))
        journal._database.execute("PRAGMA max_page_count = 60")  # SQLite says the same as of a full disk
        with pytest.raises(JournalError, match="cannot be used: database or disk is full"):
            journal.append("e", large)
        assert journal.entries("e") == (entry("1"),)
        journal._database.execute("PRAGMA max_page_count = 100000")
        journal.append("e", large)
        assert journal.entries("e") == (entry("1"), large)
