"""Checkpoints are data: whatever a run folder holds, resuming builds messages or refuses, and runs nothing."""

from __future__ import annotations

import copy
import json
import pickle
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import ormsgpack
import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langgraph.checkpoint.serde import jsonplus

from alphadial.agents.agent.checkpoint_store import CHECKPOINT_FILE
from alphadial.agents.agent.plain_json import FORMAT, PlainSerializer
from alphadial.agents.errors import PolicyError, StoreError
from alphadial.agents.policies import ScriptedPolicy
from alphadial.agents.policies.scripted import Line
from alphadial.agents.types import Rollout
from alphadial.envs.types import Problem, Setting

from .fakes import ReadingJudge
from .tool_fakes import attempt_spec, play_all


def attempt(problem: Problem, folder: Path, script: list[Line]) -> tuple[Rollout, ScriptedPolicy]:
    policy = ScriptedPolicy(script, concurrency=1)
    asked = [attempt_spec(problem, Setting.TOOLS, 3, prompt="tiny")]
    (made,) = play_all(asked, policy, ReadingJudge(), folder=folder)
    return made, policy


@pytest.fixture
def stopped(problems: tuple[Problem, ...], tmp_path: Path) -> Path:
    """The folder of an attempt that was stopped in its second turn."""
    with pytest.raises(PolicyError, match="gone"):
        attempt(problems[0], tmp_path, ["WA 1", PolicyError("gone")])
    return tmp_path


def execute(folder: Path, statement: str, *values: object) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(folder / CHECKPOINT_FILE)) as database, database:
        return database.execute(statement, values).fetchall()


def refused(problem: Problem, folder: Path, *words: str) -> None:
    with pytest.raises(StoreError) as error:
        attempt(problem, folder, ["AC 2"])
    message = str(error.value)
    assert "\n" not in message
    assert all(word in message for word in (CHECKPOINT_FILE, f"attempt {problem.id}", *words)), message


def test_a_stopped_attempt_goes_on(stopped: Path, problems: tuple[Problem, ...], tmp_path: Path) -> None:
    resumed, policy = attempt(problems[0], stopped, ["WA 2", "AC 3"])
    (tmp_path / "whole").mkdir()
    whole, _ = attempt(problems[0], tmp_path / "whole", ["WA 1", "WA 2", "AC 3"])
    assert len(policy.requests) == 2
    for made in (resumed, whole):
        assert (made.program, made.completion_tokens) == ("AC 3", 6)
    assert resumed.transcript == whole.transcript


class Evil:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return exec, (f"open({str(self.mark)!r}, 'w')",)


def forged(mark: Path) -> Iterator[tuple[str, bytes]]:
    """Values that make LangGraph's own serialiser call something, and some that are merely not ours."""
    call = ("builtins", "exec", f"open({str(mark)!r}, 'w')")
    for kind in (jsonplus.EXT_CONSTRUCTOR_SINGLE_ARG, jsonplus.EXT_CONSTRUCTOR_POS_ARGS):
        args: Any = (*call[:2], (call[2],)) if kind == jsonplus.EXT_CONSTRUCTOR_POS_ARGS else call
        yield (
            "msgpack",
            ormsgpack.packb({"v": 4, "channel_values": {"messages": ormsgpack.Ext(kind, ormsgpack.packb(args))}}),
        )
    yield "json", json.dumps({"lc": 2, "type": "constructor", "id": ["builtins", "exec"], "args": [call[2]]}).encode()
    yield "json", json.dumps({"lc": 1, "type": "constructor", "id": ["langchain", "x"], "kwargs": {}}).encode()
    yield "pickle", pickle.dumps(Evil(mark))
    yield "bytes", b"x"
    yield "null", b""
    yield FORMAT, b""
    yield FORMAT, b"{}"
    yield FORMAT, b"[" * 100_000
    yield FORMAT, b"\xff\xfe"
    yield FORMAT, json.dumps({"lc": 2, "type": "constructor", "id": ["builtins", "exec"], "args": [call[2]]}).encode()


@pytest.mark.thorough
def test_a_foreign_folder_runs_nothing(stopped: Path, problems: tuple[Problem, ...], tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    for kind, content in forged(mark):
        for table, column in (("checkpoints", "checkpoint"), ("writes", "value"))[: 1 + (kind != FORMAT)]:
            rows = execute(stopped, f"SELECT rowid, type, {column} FROM {table}")
            execute(stopped, f"UPDATE {table} SET type = ?, {column} = ?", kind, content)
            refused(problems[0], stopped)
            for row, *before in rows:
                execute(stopped, f"UPDATE {table} SET type = ?, {column} = ? WHERE rowid = ?", *before, row)
    assert not mark.exists()
    made, _ = attempt(problems[0], stopped, ["AC 2"])
    assert made.program == "AC 2"


@pytest.mark.parametrize("value", ["nonsense", b"\xff\xfe", None, 7, 2**62])
@pytest.mark.parametrize(
    "column", ["checkpoints.type", "checkpoints.checkpoint", "checkpoints.metadata", "writes.type", "writes.value"]
)
def test_a_damaged_column_is_one_line(column: str, value: object, stopped: Path, problems: tuple[Problem, ...]) -> None:
    table, name = column.split(".")
    execute(stopped, f"UPDATE {table} SET {name} = ?", value)
    refused(problems[0], stopped)


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from leaves(inner, (*path, key))
    if path:
        yield path


_NASTY: tuple[Any, ...] = (None, [], "x", -5)


@pytest.mark.slow
def test_no_single_change_of_a_checkpoint_is_more_than_a_line(stopped: Path, problems: tuple[Problem, ...]) -> None:
    before = (stopped / CHECKPOINT_FILE).read_bytes()
    ((row, content),) = execute(
        stopped, "SELECT rowid, checkpoint FROM checkpoints ORDER BY checkpoint_id DESC LIMIT 1"
    )
    state = json.loads(content)
    paths = list(leaves(state))
    assert ("checkpoint", "messages", 0, "metadata", "completion", "prompt_tokens") in paths
    lines = 0
    for path in paths:
        for value in _NASTY:
            changed = copy.deepcopy(state)
            place = changed
            for key in path[:-1]:
                place = place[key]
            place[path[-1]] = value
            (stopped / CHECKPOINT_FILE).write_bytes(before)
            execute(stopped, "UPDATE checkpoints SET checkpoint = ? WHERE rowid = ?", json.dumps(changed).encode(), row)
            try:
                attempt(problems[0], stopped, ["AC 2"])
            except StoreError as error:
                lines += 1
                assert "\n" not in str(error)  # noqa: PT017  (the rest goes on as if it were so)
    assert lines > len(paths)


def test_only_values_of_the_graph_are_written() -> None:
    serializer = PlainSerializer()
    said = AIMessage("x", tool_calls=[{"id": "c", "name": "n", "args": {"arguments": "{}"}, "type": "tool_call"}])
    values: list[Any] = [None, [], [said, ToolMessage("", name="n", tool_call_id="c", status="error")]]
    for value in values:
        assert serializer.loads_typed(serializer.dumps_typed(value)) == value
    strangers: list[Any] = ["text", 7, {1}, [HumanMessage("x")], Path("x")]
    for strange in strangers:
        with pytest.raises((TypeError, ValueError)):
            serializer.dumps_typed(strange)
