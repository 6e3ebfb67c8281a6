"""A comparison of controllers in text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from alphadial.agents.experiments.compare.entries import IN_SAMPLE, ORACLE
from alphadial.cli.output import cell
from alphadial.cli.visible import visible
from alphadial.controller import Arm

_DIFFERENCES = ("minus_best_single", "minus_uniform")
WIDE = 110
"""Columns of a terminal that shows everything."""
_SHORT = {IN_SAMPLE: "in-sample", ORACLE: "oracle"}
"""Names that leave a terminal of 80 columns its intervals."""


def comparison_table(summary: dict[str, Any], family: str, width: int) -> Table:
    """The rows of one family, k by k, with what stands beside them; in per cent, with 95 % intervals.

    On a narrow terminal, what dev chose is left to the JSON.
    """
    split, dev, templates = summary["split"], summary.get("dev", "dev"), summary["templates"]
    clustered = f"clustered by the {templates} templates" if templates < summary["problems"] else "over problems"
    wide = width >= WIDE
    table = Table(
        title=visible(
            f"{family} on {split}: {summary['problems']} problems, {summary['orders']} orders of "
            f"{summary['samples']} samples"
        ),
        caption=visible(
            f"{_what(summary)} chosen on {dev}, for each row and k; 95 % intervals, paired, {clustered}; "
            f"in italics: chosen on {split} itself"
        ),
        title_justify="left",
        caption_justify="left",
        box=None,
        pad_edge=False,
    )
    for name in (
        "k",
        "controller",
        "solved %",
        "- best single",
        "- uniform",
        *(("T", "arms" if "arms" in summary else "alphas", "attempts") if wide else ()),
    ):
        table.add_column(name, justify="right" if name in ("k", "T", "attempts") else "left", no_wrap=True)
    for k in dict.fromkeys(row["k"] for row in summary["rows"]):
        for rows, style in ((summary["rows"], "bold"), (summary["beside"], "italic")):
            for row in rows:
                if (row["k"], row["family"]) == (k, family):
                    name = _SHORT.get(row["controller"], row["controller"])
                    table.add_row(str(k), cell(name, style), *_rates(row), *(_chosen(row) if wide else ()))
        table.add_row()
    return table


def _rates(row: dict[str, Any]) -> Iterator[Text]:
    yield estimate(row, "solve", "green", signed=False)
    for name in _DIFFERENCES:
        low, high = row[f"{name}_ci"]
        style = "" if low is None or low <= 0 <= high else "green" if low > 0 else "red"
        yield estimate(row, name, style, signed=True)


def _chosen(row: dict[str, Any]) -> Iterator[str]:
    arms = [Arm.from_json(arm) for arm in row.get("arms", ())]
    mixed = sorted({arm.temperature for arm in arms if arm.temperature is not None})
    yield _spelled(mixed if row["temperature"] is None else [row["temperature"]])
    yield _spelled(row["alphas"]) if row["alphas"] else _named(arms)
    yield f"{row['attempts_mean']:.2f}" if "attempts_mean" in row else ""


def estimate(row: dict[str, Any], name: str, style: str = "", *, signed: bool) -> Text:
    """A rate or a difference of a row with its interval, in per cent."""
    if row[name] is None:
        return Text("-", "dim")
    sign = "+" if signed else ""
    low, high = row[f"{name}_ci"]
    interval = "" if low is None else f" [{100 * low:{sign}.1f},{100 * high:{sign}.1f}]"
    return Text.assemble((f"{100 * row[name]:{sign}5.1f}", style), (interval, "dim"))


def _what(summary: dict[str, Any]) -> str:
    """What dev chose."""
    if "arms" in summary:
        return "arms are"
    return "alphas, each at every T, are" if summary.get("mix_temperatures") else "T and alphas are"


def _named(arms: Sequence[Arm]) -> str:
    """Arms of models: how many, or the only one by its name."""
    return f"{len(arms)} arms" if len(arms) > 1 else "".join(visible(str(arm)) for arm in arms)


def _spelled(numbers: Sequence[float]) -> str:
    if len(numbers) <= 2:
        return ", ".join(f"{number:g}" for number in numbers)
    return f"{len(numbers)} from {numbers[0]:g} to {numbers[-1]:g}"
