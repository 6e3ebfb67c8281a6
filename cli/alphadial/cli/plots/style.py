"""One look for all pictures. Imports matplotlib, with a canvas that needs no display."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from alphadial.cli.errors import CliError

INK = "#262626"
FAINT = "#D9D9D9"
_SETTINGS: dict[Any, Any] = {
    "font.size": 10,
    "axes.edgecolor": "#8C8C8C",
    "axes.labelcolor": INK,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 16,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.linewidth": 0.8,
    "lines.linewidth": 2.0,
    "lines.markersize": 5,
    "text.parse_math": False,
}


@contextmanager
def figure(columns: int, size: tuple[float, float]) -> Iterator[tuple[Figure, list[Axes]]]:
    """A figure with its panels side by side, in our look; ``size`` in inches."""
    with rc_context(_SETTINGS):
        drawing = Figure(figsize=size, layout=ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.1, wspace=0.06))
        FigureCanvasAgg(drawing)
        yield drawing, list(drawing.subplots(1, columns, squeeze=False)[0])


def save(drawing: Figure, file: Path) -> None:
    """Writes a PNG, whole or not at all.

    Raises:
        CliError: it cannot be written.
    """
    draft = file.with_name(f".{file.name}.partial")
    try:
        drawing.savefig(draft, format="png", dpi=160, facecolor="white")
        draft.replace(file)
    except OSError as error:
        raise CliError(f"cannot write {file}: {error.strerror}; choose another --out") from error
    finally:
        draft.unlink(missing_ok=True)


def percent(axes: Axes, which: str) -> None:
    """Shows fractions on an axis as percentages."""
    from matplotlib.ticker import PercentFormatter

    for name in which:
        (axes.xaxis if name == "x" else axes.yaxis).set_major_formatter(PercentFormatter(1.0, decimals=0))
