"""Results and notices go their ways from here: results to stdout, everything else to stderr, JSON whole or not at all.

Nothing else in the command line writes to the terminal, and nothing that is written here can drive it.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.file_proxy import FileProxy
from rich.segment import Segment
from rich.text import Text

from alphadial.cli.errors import CliError
from alphadial.cli.interrupt import interrupted
from alphadial.cli.visible import visible

STDOUT = "-"
REPORT_FILE = "report.html"
"""The report of a run, within its folder."""
PAIR_FILE = "report-pair.html"
"""The report of two runs, within the folder of the first."""
VERDICT_STYLES = {"AC": "bold green", "WA": "red", "RTE": "magenta", "CE": "magenta", "TLE": "yellow", "MLE": "yellow"}


class Screen(Console):
    """A console that reads no markup and shows whatever text is printed on it, however it got there, as ``visible``."""

    def __init__(self, *, stderr: bool = False) -> None:
        super().__init__(stderr=stderr, markup=False, emoji=False, highlight=False)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """As of ``Console``; colours and movements of rich's own are no text and pass."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=visible(segment.text, lines=True))


class Notices(FileProxy):
    """Takes the place of stderr for what others write there, such as tracebacks and warnings; rich passes it by."""

    def write(self, text: str) -> int:
        """Shows it as ``visible``; what is said of tasks and threads that an interrupted command drops is left out."""
        if interrupted():
            return len(text)
        self.rich_proxied_file.write(visible(text, lines=True))
        return len(text)


@cache
def results() -> Screen:
    """The console of what was asked for."""
    return Screen()


@cache
def notices() -> Screen:
    """The console of progress and remarks."""
    return Screen(stderr=True)


def say(text: str) -> None:
    """One remark, plain, never wrapped."""
    notices().print(cell(text), soft_wrap=True)


def print_line(text: str | Text) -> None:
    """One line of a result, never wrapped."""
    results().print(cell(text) if isinstance(text, str) else text, soft_wrap=True)


def cell(text: str, style: str = "") -> Text:
    """Text on one line, as wide as it will be shown: for the cells and titles of tables and panels."""
    return Text(visible(text), style)


def headline(problem: str, verdict: str | None, failure_kind: str | None, level: int, cause: str) -> Text:
    """What became of a program."""
    verdict = verdict or "unmeasurable"
    kind = f", {failure_kind} failure" if failure_kind else ""
    because = f"; {cause}" if cause else ""
    told = cell(verdict, VERDICT_STYLES.get(verdict, "red"))
    return Text.assemble(cell(f"{problem}: "), told, cell(f"{kind}; level {level} reached{because}"))


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


def check_out_file(file: Path) -> None:
    """Refuses early an ``--out`` file that could not be written later.

    Raises:
        CliError: it is a folder or no regular file, or its folder does not exist.
    """
    if file.is_dir():
        raise CliError(f"--out {file} is a folder: name a file")
    if file.exists() and not file.is_file():
        raise CliError(f"--out {file} is no regular file: name another")
    if not file.absolute().parent.is_dir():
        raise CliError(f"--out {file}: the folder {file.absolute().parent} does not exist; make it first")


def write_json(target: str | Path, value: Any) -> None:
    """Writes indented JSON to a file, atomically, or to stdout.

    Raises:
        CliError: the file cannot be written.
    """
    # JSON escapes every other control character, and all that is not ASCII.
    text = json.dumps(value, indent=2, allow_nan=False).replace("\x7f", "\\u007f") + "\n"
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
        raise CliError(f"cannot write {file} ({error.strerror}): choose another place") from None
    finally:
        with suppress(OSError):
            draft.unlink()  # of a write that did not come to its end


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
