"""Rows of Parquet files, read by pyarrow, which is an extra: ``pip install 'alphadial[parquet]'``."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from alphadial.envs.forking import imported
from alphadial.envs.problems.formats.lines import describe
from alphadial.envs.problems.formats.packages import FormatError, LoadError

LARGEST_GROUP = 2 * 1024**3
"""Bytes of one row group, unpacked: far above what data sets have, and what a small bomb would unpack to."""
_BATCH = 16
"""Rows that are held at a time: the tests of one can be large."""


def is_parquet(path: Path) -> bool:
    """Whether it is a Parquet file, by its name."""
    return path.suffix.lower() == ".parquet"


def column_names(path: Path) -> list[str]:
    """The names of a file's columns.

    Raises:
        FormatError: it is no Parquet, or pyarrow is not installed.
    """
    return list(_opened(path).schema_arrow.names)


def read_rows(path: Path) -> Iterator[tuple[int, dict[str, Any]] | LoadError]:
    """Each row with its number from 1 on; a fault for one that holds what is no text.

    Raises:
        FormatError: it is no Parquet, is cut off or too large, or pyarrow is not installed.
    """
    file = _opened(path)
    for group in range(file.metadata.num_row_groups):
        if file.metadata.row_group(group).total_byte_size > LARGEST_GROUP:
            raise FormatError(f"row group {group} holds more than {LARGEST_GROUP:,} bytes", path=path)
    number = 0
    try:
        for batch in file.iter_batches(batch_size=_BATCH):
            for at in range(batch.num_rows):
                number += 1
                try:
                    yield number, batch.slice(at, 1).to_pylist()[0]
                except ValueError as error:  # a text that is not UTF-8, a date beyond Python's
                    yield LoadError(path, number, f"a row that cannot be read: {describe(error)}")
    except (_arrow().ArrowException, OSError) as error:
        raise FormatError(f"cannot be read further: {describe(error)}", path=path, line=number + 1) from None


def _arrow() -> Any:
    if find_spec("pyarrow") is None:
        raise FormatError("Parquet is read by pyarrow, which is not installed: pip install 'alphadial[parquet]'")
    return imported("pyarrow")


def _opened(path: Path) -> Any:
    arrow = _arrow()
    try:
        return imported("pyarrow.parquet").ParquetFile(path)
    except (arrow.ArrowException, OSError) as error:
        raise FormatError(f"not Parquet: {describe(error)}", path=path) from None
