"""The checkpointer of attempts with tools: LangGraph's own with a closed serialiser, and rows that are checked."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Annotated

import aiosqlite
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import CheckpointTuple
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from alphadial.agents.agent.plain_json import MESSAGES, PlainSerializer
from alphadial.agents.errors import StoreError
from alphadial.envs.checks import first_fault
from alphadial.envs.foreign import Schema, schema


class _StepMetadata(BaseModel):
    """LangGraph's own note on a checkpoint, as far as it is read again."""

    model_config = ConfigDict(extra="ignore", strict=True)

    step: Annotated[int, Field(ge=-1, le=10**6)]


class CheckpointSaver(AsyncSqliteSaver):
    """LangGraph's checkpointer with the closed serialiser; what it reads has been checked."""

    def __init__(self, connection: aiosqlite.Connection, file: Path) -> None:
        super().__init__(connection, serde=PlainSerializer())
        self._file = file

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """See LangGraph.

        Raises:
            StoreError: the thread's rows are not what this class wrote; the message names file, thread and column.
        """
        try:
            found = await super().aget_tuple(config)
            if found is not None:
                _check(found)
        except ValidationError as error:
            raise self._damaged(config, first_fault(error)) from error
        except (ValueError, TypeError, RecursionError) as error:
            raise self._damaged(config, str(error)) from error
        return found

    def _damaged(self, config: RunnableConfig, fault: str) -> StoreError:
        thread = config["configurable"]["thread_id"]
        return StoreError(
            f"{self._file}: the checkpoint of attempt {thread} is damaged or not ours: {fault}; remove the file to "
            "begin its unfinished attempts again"
        )


@cache
def made_tables() -> Schema:
    """The tables of LangGraph's checkpointer, as it makes them."""
    with closing(sqlite3.connect(":memory:")) as database:
        SqliteSaver(database).setup()
        return schema(database)


def _check(found: CheckpointTuple) -> None:
    """Refuses what LangGraph would stumble over beside the checkpoint itself."""
    state: object = found.checkpoint
    if not isinstance(state, dict):
        raise ValueError("column checkpoint: it holds none")
    _StepMetadata.model_validate(found.metadata)
    for task, channel, value in found.pending_writes or ():
        if not isinstance(task, str) or not isinstance(channel, str):
            raise ValueError("columns task_id and channel of writes: no text")
        if isinstance(value, dict) or (channel == MESSAGES) != isinstance(value, list):
            raise ValueError(f"column value of writes: channel {channel[:40]!r} does not hold this")
