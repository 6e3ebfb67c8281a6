"""The picture of what several alphas solve together, from the JSON that ``alphadial compare`` writes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from alphadial.agents.experiments.ensembles import BEST_ARM
from alphadial.cli.plots import OKABE_ITO
from alphadial.cli.plots.style import FAINT, INK, figure, percent, save
from alphadial.cli.visible import visible

Row = dict[str, Any]
_COLOURS = (OKABE_ITO["vermillion"], OKABE_ITO["green"], OKABE_ITO["blue"], OKABE_ITO["purple"], "#E69F00", "#56B4E9")
_MARKERS = "osD^vP"
"""The marker tells lines apart where the colour does not."""


def draw_ensembles(summary: dict[str, Any], file: Path) -> None:
    """Draws what k attempts solve by range of alpha (left), and each group of problems over alpha (right).

    Args:
        summary: as ``alphadial compare`` writes it, with ensembles; of several families, the first is drawn.
        file: of the PNG; none is written where no number of attempts could be measured.
    """
    if not summary.get("ensembles"):
        return
    family = summary["ensembles"][0]["family"]
    rows = [row for row in summary["ensembles"] if row["family"] == family]
    groups = [row for row in summary.get("groups", ()) if row["alpha"] is not None]
    groups = [row for row in groups if row["family"] == groups[0]["family"]]
    with figure(2 if groups else 1, (12.5 if groups else 6.5, 5.4)) as (drawing, panels):
        _draw_ranges(panels[0], rows, str(summary["split"]))
        if groups:
            _draw_groups(panels[1], groups)
        save(drawing, file)


def _draw_ranges(axes: Axes, rows: Sequence[Row], split: str) -> None:
    ks = list(dict.fromkeys(row["k"] for row in rows))
    for at, name in enumerate(dict.fromkeys(row["name"] for row in rows)):
        mine = {row["k"]: row for row in rows if row["name"] == name}
        places = np.array([ks.index(k) for k in mine])
        single = name == BEST_ARM
        colour = INK if single else _COLOURS[(at - 1) % len(_COLOURS)]
        low, high = np.array([row["solve_ci"] for row in mine.values()], dtype=float).reshape(-1, 2).T
        axes.fill_between(places, low, high, color=colour, alpha=0.12, linewidth=0)
        values = [row["solve"] for row in mine.values()]
        line, marker = "--" if single else "-", _MARKERS[at % len(_MARKERS)]
        axes.plot(places, values, line, label=visible(name), marker=marker, color=colour)
    axes.set_xticks(range(len(ks)), [str(k) for k in ks])
    axes.set_xlabel("k, attempts per problem")
    axes.set_ylabel(f"problems solved on {visible(split)}, with 95 % interval")
    axes.set_title("k attempts spread over arms, as dev chose")
    axes.set_ylim(top=1.0)
    _finish(axes)


def _draw_groups(axes: Axes, rows: Sequence[Row]) -> None:
    for at, group in enumerate(dict.fromkeys(row["group"] for row in rows)):
        mine = [row for row in rows if row["group"] == group and row["solve@1"] is not None]
        alphas, values = [row["alpha"] for row in mine], [row["solve@1"] for row in mine]
        low, high = np.array([row["solve@1_ci"] for row in mine], dtype=float).reshape(-1, 2).T
        colour = _COLOURS[at % len(_COLOURS)]
        axes.fill_between(alphas, low, high, color=colour, alpha=0.12, linewidth=0)
        name = f"{visible(group)} ({mine[0]['problems']} problems)" if mine else visible(group)
        axes.plot(alphas, values, label=name, marker=_MARKERS[at % len(_MARKERS)], color=colour)
    axes.axvspan(0, 1, color="#F4F4F4", zorder=0, linewidth=0)
    axes.set_xlabel("alpha")
    axes.set_ylabel("share of attempts that solve, with 95 % interval")
    axes.set_title("Which problems each alpha solves")
    axes.set_ylim(0, 1)
    _finish(axes)


def _finish(axes: Axes) -> None:
    percent(axes, "y")
    axes.grid(axis="y", color=FAINT, linewidth=0.6)
    axes.legend(frameon=False, fontsize=9)
