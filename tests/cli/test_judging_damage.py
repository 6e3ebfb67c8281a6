"""The folder of a judging is data: damage is one line with file, row and column."""

from __future__ import annotations

import json
import sqlite3
import zlib
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from alphadial.agents.errors import StoreError
from alphadial.envs.judging.judged_problems import JudgedProblem
from alphadial.envs.judging.judging_store import JudgingSettings, JudgingStore
from alphadial.envs.judging.limits import Limit, LimitSource
from alphadial.envs.judging.packed import LARGEST_ROW
from alphadial.envs.judging.records import SubmissionRecord, TestRecord

TEST = TestRecord(0, "1", "", 1, True, 0.1, 0.2, 1.0, (0.1,))
FACTS = JudgedProblem("f", "p", "source", ("1",), 1, {"all": 1}, False, (), Limit(1.0, LimitSource.OPTION))

STRANGE: tuple[Any, ...] = ({"x": []}, [[3]], "\ud800")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with JudgingStore(tmp_path / "j", JudgingSettings("/p", "bubblewrap", None, False)) as store:
        store.put(0, FACTS)
        store.append("e", 1.0, SubmissionRecord("p", "a.py", "python", tests=(TEST,)))
    return tmp_path / "j"


def put(folder: Path, column: str, value: object) -> None:
    with closing(sqlite3.connect(folder / "records.sqlite")) as store, store:
        store.execute(f"UPDATE {'records' if column == 'record' else 'problems'} SET {column} = ?", (value,))


def packed(values: Any) -> bytes:
    return zlib.compress(json.dumps(values).encode())


def read(folder: Path, column: str) -> object:
    with JudgingStore(folder) as store:
        return store.find("e") if column == "record" else list(store.problems())


@pytest.mark.parametrize("column", ["record", "facts"])
def test_what_was_not_written_so_is_one_line(column: str, folder: Path) -> None:
    assert read(folder, column)
    for value in (
        "text",
        7,
        b"\xff",
        packed([]),
        packed({}),
        packed(3),
        zlib.compress(b"[" * 100_000),
        packed({})[:-3],
    ):
        put(folder, column, value)
        with pytest.raises(StoreError, match=f"records.sqlite is damaged: row .* column {column}: ") as error:
            read(folder, column)
        assert "\n" not in str(error.value)


@pytest.mark.thorough
def test_values_of_another_kind_are_one_line(folder: Path) -> None:
    for column, whole in (
        ("record", SubmissionRecord("p", "a.py", "python", tests=(TEST,)).to_json()),
        ("facts", FACTS.to_json()),
    ):
        lines = 0
        for name in whole:
            for value in STRANGE:
                put(folder, column, packed({**whole, name: value}))
                try:
                    read(folder, column)
                except StoreError as error:
                    lines += 1
                    assert f"column {column}: " in str(error)  # noqa: PT017  (a mapping may be empty)
        assert lines > 2 * len(whole)


@pytest.mark.slow
def test_a_bomb_is_not_unpacked(folder: Path) -> None:
    bomb = zlib.compressobj(9)
    chunks = [bomb.compress(b" " * 2**24) for _ in range(LARGEST_ROW // 2**24 + 1)]
    put(folder, "record", b"".join([*chunks, bomb.flush()]))
    with pytest.raises(StoreError, match="no whole JSON object"):
        read(folder, "record")
