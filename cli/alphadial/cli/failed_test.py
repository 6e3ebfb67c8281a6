"""A test that a program failed: what went in, what was expected, and what came out."""

from __future__ import annotations

from rich.console import Group
from rich.table import Table
from rich.text import Text

from alphadial.cli.output import VERDICT_STYLES, cell
from alphadial.cli.visible import visible
from alphadial.envs.types import FailedTest, Verdict

_NOTHING = "(nothing)"
_NO_OUTPUT = (Verdict.RTE, Verdict.TLE, Verdict.MLE)
"""A program that was stopped need not have come to its output."""


def failed_test(failed: FailedTest, *, public: bool) -> Group:
    """The test in a few lines; texts of many lines stay as they are.

    Args:
        failed: the first test that failed.
        public: whether it was looked for among the public tests alone.
    """
    headline = Text.assemble(
        cell(f"first {'public ' if public else ''}test that fails: {failed.test}, "),
        cell(failed.verdict, VERDICT_STYLES.get(failed.verdict, "red")),
        cell(f" ({failed.cause})" if failed.cause else ""),
    )
    shown = {"input": failed.input, "expected": failed.expected, "got": failed.got}
    if not failed.expected and not failed.got:
        del shown["expected"]  # assertions say themselves what they expect
    if failed.verdict in _NO_OUTPUT and not failed.got:
        del shown["got"]
    table = Table(box=None, pad_edge=False, show_header=False)
    for name, text in shown.items():
        table.add_row(cell(f"  {name}", "bold"), Text(visible(text.rstrip("\n"), lines=True) or _NOTHING))
    return Group(headline, table)
