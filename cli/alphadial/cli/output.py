"""Where results and notices go: results to stdout, everything else to stderr, JSON whole or not at all."""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from rich.console import Console

from alphadial.cli.errors import CliError

STDOUT = "-"
REPORT_FILE = "report.html"
"""Where ``alphadial report`` writes, within a run folder."""
VERDICT_STYLES = {"AC": "bold green", "WA": "red", "RTE": "magenta", "CE": "magenta", "TLE": "yellow", "MLE": "yellow"}


@cache
def results() -> Console:
    """The console of what was asked for."""
    return Console(highlight=False)


@cache
def notices() -> Console:
    """The console of progress and remarks."""
    return Console(stderr=True, highlight=False)


def say(text: str) -> None:
    """One remark, plain, never wrapped."""
    notices().print(text, markup=False, soft_wrap=True)


def print_line(text: str) -> None:
    """One line of a result, plain, never wrapped."""
    results().print(text, markup=False, soft_wrap=True)


def headline(problem: str, verdict: str | None, failure_kind: str | None, level: int, cause: str) -> str:
    """What became of a program, with rich's markup."""
    from rich.markup import escape

    verdict = verdict or "unmeasurable"
    kind = f", {failure_kind} failure" if failure_kind else ""
    because = f"; {escape(cause)}" if cause else ""
    return (
        f"{escape(problem)}: [{VERDICT_STYLES.get(verdict, 'red')}]{verdict}[/]{kind}; level {level} reached{because}"
    )


def check_json_target(target: str | None) -> None:
    """Refuses early a ``--json`` file that could not be written later.

    Raises:
        CliError: its folder does not exist or is not writable, or it is a folder.
    """
    if target is None or target == STDOUT:
        return
    file = Path(target)
    if file.is_dir():
        raise CliError(f"--json {file} is a folder: name a file, or - for stdout")
    if file.exists() and not file.is_file():
        raise CliError(f"--json {file} is no regular file: name one, or - for stdout")
    if not file.absolute().parent.is_dir():
        raise CliError(f"--json {file}: the folder {file.absolute().parent} does not exist; make it first")
    if not os.access(file.absolute().parent, os.W_OK):
        raise CliError(f"--json {file}: no permission to write there; choose another file")


def write_json(target: str | Path, value: Any) -> None:
    """Writes indented JSON to a file, atomically, or to stdout.

    Raises:
        CliError: the file cannot be written.
    """
    text = json.dumps(value, indent=2, allow_nan=False) + "\n"
    if target == STDOUT:
        sys.stdout.write(text)
        sys.stdout.flush()
        return
    file = Path(target)
    draft = file.with_name(f".{file.name}.{os.getpid()}.partial")
    try:
        draft.write_text(text, encoding="utf-8")
        draft.replace(file)
    except OSError as error:
        with suppress(OSError):
            draft.unlink()
        raise CliError(f"cannot write {file} ({error.strerror}): choose another place") from None


def read_source(file: str) -> str:
    """The text of a program, from a file or from stdin.

    Raises:
        CliError: it cannot be read, or is not UTF-8.
    """
    try:
        return sys.stdin.read() if file == STDOUT else Path(file).read_text("utf-8")
    except OSError as error:
        raise CliError(f"cannot read {file}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise CliError(f"{file} is not UTF-8 text: judge takes the source of one program") from None
