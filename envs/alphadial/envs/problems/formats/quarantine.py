"""Tests of a task that do not count, because they were found to tell nothing: a file beside task.toml names them.

``alphadial tasks validate`` writes it; whoever mends the tests removes it, or the names in it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from alphadial.envs.folders import write_atomically
from alphadial.envs.problems.formats.fields import mapping, parse, text
from alphadial.envs.problems.formats.file_trees import read_regular
from alphadial.envs.problems.formats.packages import FormatError
from alphadial.envs.problems.formats.tree import kind_of
from alphadial.envs.types import Test

QUARANTINE = "quarantine.json"
_FORMAT = 1
_LARGEST = 16 * 1024 * 1024


def read_quarantine(folder: Path) -> dict[str, str]:
    """The name of each test that does not count, to the reason; empty where there is no such file.

    Raises:
        FormatError: the file is there, and is not of this form.
    """
    path = folder / QUARANTINE
    if kind_of(path) is None:
        return {}
    try:
        values = mapping(parse(read_regular(path, _LARGEST).decode(), "the file"), "the file")
        if values.get("format") != _FORMAT:
            raise FormatError(f"its format is {values.get('format')!r:.40}, not {_FORMAT}")
        stated = mapping(values.get("tests", {}), "tests")
        return {str(name): text(why, f"the reason of {str(name)[:100]!r}") for name, why in stated.items()}
    except UnicodeDecodeError as error:
        raise FormatError(f"not UTF-8 at byte {error.start}", path=path) from None
    except FormatError as error:
        raise FormatError(str(error), path=path) from None


def write_quarantine(folder: Path, tests: Mapping[str, str]) -> Path:
    """Writes the file anew; gives its path.

    Raises:
        OSError: the folder cannot be written.
    """
    path = folder / QUARANTINE
    write_atomically(path, json.dumps({"format": _FORMAT, "tests": dict(sorted(tests.items()))}, indent=2) + "\n")
    return path


def counted(tests: Sequence[Test], quarantined: Mapping[str, str]) -> tuple[Test, ...]:
    """The tests that count.

    Raises:
        FormatError: no test of level 1 does, so that nothing would be asked for.
    """
    left = tuple(test for test in tests if test.name not in quarantined)
    if quarantined and not any(test.level == 1 for test in left):
        raise FormatError(f"every test of level 1 is in {QUARANTINE}: mend them, and remove them from it")
    return left
