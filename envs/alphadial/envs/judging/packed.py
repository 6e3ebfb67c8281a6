"""The packed columns of a judging's store: every value is checked where it is read."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from alphadial.envs.checks import first_fault
from alphadial.envs.errors import StoreError
from alphadial.envs.judging.judged_problems import JudgedProblem
from alphadial.envs.judging.records import SubmissionRecord

LARGEST_ROW = 2**30
"""Bytes of JSON in one row: far above what the largest set gives, far below what a small bomb unpacks to."""
_RECORD, _PROBLEM = TypeAdapter(SubmissionRecord), TypeAdapter(JudgedProblem)


def pack(values: Mapping[str, Any]) -> bytes:
    """Packed JSON."""
    return zlib.compress(json.dumps(values).encode(), 1)


def _unpack(packed: object) -> dict[str, Any]:
    """What ``pack`` gave.

    Raises:
        ValueError: it is something else, or too large to have been written.
    """
    if not isinstance(packed, bytes):
        raise ValueError("not packed bytes")
    try:
        unpacking = zlib.decompressobj()
        text = unpacking.decompress(packed, LARGEST_ROW)
        values = json.loads(text) if unpacking.eof else None
    except (zlib.error, RecursionError) as error:
        raise ValueError(f"not packed JSON: {error}") from None
    if not isinstance(values, dict):
        raise ValueError("no whole JSON object")
    return values


def read_record(packed: object, entry: str, file: Path) -> SubmissionRecord:
    """The record of an entry.

    Raises:
        StoreError: it is damaged; the message names file, row and column.
    """
    try:
        record = SubmissionRecord.from_json(_unpack(packed))
        _RECORD.validate_python(asdict(record))
    except ValidationError as error:
        raise _damaged(file, "records", entry, "record", first_fault(error)) from error
    except ValueError as error:
        raise _damaged(file, "records", entry, "record", str(error)) from error
    return record


def read_problem(packed: object, name: object, file: Path) -> JudgedProblem:
    """A problem of the store.

    Raises:
        StoreError: it is damaged; the message names file, row and column.
    """
    try:
        values = _unpack(packed)
        _PROBLEM.validate_python(values)
        return JudgedProblem.from_json(values)
    except ValidationError as error:
        raise _damaged(file, "problems", name, "facts", first_fault(error)) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _damaged(file, "problems", name, "facts", str(error)) from error


def _damaged(file: Path, table: str, row: object, column: str, fault: str) -> StoreError:
    where = f"row {row!r:.80} of {table}, column {column}"
    return StoreError(f"{file} is damaged: {where}: {fault}; choose another --out and judge again")
