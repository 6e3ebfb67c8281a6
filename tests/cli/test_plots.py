"""Pictures: real PNGs of the right size, and nothing where nothing could be measured."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

from alphadial.cli.plots.curves_picture import draw_curves, smooth
from alphadial.cli.plots.ensembles_picture import draw_ensembles
from alphadial.cli.plots.frontier_picture import draw_frontier
from alphadial.cli.plots.labels import Label, place
from alphadial.cli.plots.run_picture import draw_run
from alphadial.cli.short_names import short_names
from alphadial.training.state import CurvePoint


def row(alpha: float | None, wrong: float, slow: float) -> dict[str, Any]:
    rates = {"solve": 1 - wrong - slow, "correctness_failure": wrong, "optimisation_failure": slow}
    intervals = {f"{name}_ci": [max(0.0, rate - 0.05), min(1.0, rate + 0.05)] for name, rate in rates.items()}
    return {"alpha": alpha, **rates, **intervals, "unmeasurable": 0, "attempts": 10, "weights_id": "x"}


def unmeasurable(alpha: float | None) -> dict[str, Any]:
    fields = row(alpha, 0, 0)
    rates = ("solve", "correctness_failure", "optimisation_failure")
    return {**fields, **dict.fromkeys(rates), **{f"{name}_ci": [None, None] for name in rates}}


ROWS = [row(-0.5, 0.02, 0.49), row(0, 0.01, 0.5), row(0.5, 0.2, 0.2), row(1, 0.28, 0.07), row(1.5, 0.3, 0.05)]


@pytest.mark.thorough
@pytest.mark.parametrize(
    "frontier",
    [
        {"rows": ROWS, "checkpoints": {"init": row(None, 0.33, 0.3), "mid": row(None, 0.1, 0.3)}},
        {"rows": [row(0.5, 0.0, 0.0)], "checkpoints": {}},
        {"rows": [*ROWS, unmeasurable(2)], "checkpoints": {"init": unmeasurable(None)}},
        {"rows": [row(0, 1.0, 0.0), row(1, 0.0, 1.0)], "checkpoints": {}},
    ],
    ids=["full", "one alpha", "some unmeasurable", "extremes"],
)
def test_frontier_is_a_picture(frontier: dict[str, Any], tmp_path: Path) -> None:
    draw_frontier(frontier, tmp_path / "frontier.png")
    pixels = imread(tmp_path / "frontier.png")
    assert pixels.shape[:2] == (864, 2000)
    assert 0.005 < np.mean(pixels[..., :3].min(axis=2) < 0.9) < 0.5
    assert [file.name for file in tmp_path.iterdir()] == ["frontier.png"]


@pytest.mark.thorough
@pytest.mark.parametrize("grouped", [True, False])
def test_ensembles_are_a_picture(tmp_path: Path, grouped: bool) -> None:
    ensembles = [
        {"family": "toy", "name": name, "k": k, "solve": k / 10, "solve_ci": [k / 11, k / 9]}
        for k in (2, 5)
        for name in ("best single", "all alphas")
    ]
    groups = [
        {"family": "toy", "group": group, "problems": 3, "alpha": alpha, "solve@1": 0.5, "solve@1_ci": [0.4, None]}
        for group in ("early", "late")
        for alpha in (0.0, 2.0, None)
    ]
    summary = {"split": "test", "ensembles": ensembles, "groups": groups if grouped else []}
    draw_ensembles(summary, tmp_path / "ensembles.png")
    assert imread(tmp_path / "ensembles.png").shape[:2] == (864, 2000 if grouped else 1040)
    draw_ensembles({"split": "test", "ensembles": []}, tmp_path / "none.png")
    assert [file.name for file in tmp_path.iterdir()] == ["ensembles.png"]


def test_frontier_without_a_measurable_row_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="nothing could be measured"):
        draw_frontier({"rows": [unmeasurable(0)], "checkpoints": {}}, tmp_path / "frontier.png")
    assert not list(tmp_path.iterdir())


@pytest.mark.thorough
def test_a_controlled_run_is_a_picture_of_counts(tmp_path: Path) -> None:
    said = {"arms": ["-0.5", "1", "$\\frac{<b>" * 9], "numbers": [1, 2], "counts": [[0, 60, 1], [9, 0, 0]]}
    said["ends"] = [[3, 5, 1, 0], [40, 20, 0, 0], [0, 0, 0, 1]]
    draw_run(said, tmp_path / "run.png")
    pixels = imread(tmp_path / "run.png")
    assert pixels.shape[1] == 2000
    vermillion = np.abs(pixels[..., :3] - np.array([0xD5, 0x5E, 0x00]) / 255).max(axis=2) < 0.02
    assert 0.01 < vermillion.mean() < 0.2
    draw_run({"arms": ["x"], "numbers": [1], "counts": [[1]], "ends": [[1, 0, 0, 0]]}, tmp_path / "one.png")


def test_curves_are_a_picture(tmp_path: Path) -> None:
    sft = [CurvePoint(step, 2 / step) for step in range(1, 30)]
    rl = [CurvePoint(step, 0.1, step / 20, 0.3, 0.1) for step in range(1, 20)]
    draw_curves({"init": sft, "low": rl, "high": rl[:1]}, tmp_path / "curves.png")
    assert imread(tmp_path / "curves.png").shape[:2] == (544, 1632)


def test_short_names_are_told_apart() -> None:
    assert short_names(["-0.5", "tiny@1 T=0.6"], 12) == ["-0.5", "tiny@1 T=0.6"]
    assert short_names(["org/long-model-name-7b", "other/model"], 18) == ["long-model-name-7b", "model"]
    assert short_names(["abcdefghijkl", "abcdefXhijkl"], 9) == ["1 abc…jkl", "2 abc…jkl"]
    assert short_names(["x/" + "a" * 40, "y/" + "a" * 40], 9) == ["x/aa…aaaa", "y/aa…aaaa"]


def test_smooth_is_a_trailing_mean() -> None:
    assert smooth([1, 2, 3, 6], 2) == [1, 1.5, 2.5, 4.5]


def test_labels_of_near_points_do_not_overlap() -> None:
    drawing = Figure(figsize=(5, 5))
    axes = drawing.add_subplot()
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1)
    points = [(0.5, 0.5), (0.51, 0.5), (0.5, 0.51)]
    place(axes, [Label(x, y, "label") for x, y in points], points)
    drawing.draw_without_rendering()
    boxes = [text.get_window_extent() for text in axes.texts]
    assert not any(first.overlaps(second) for first in boxes for second in boxes if first is not second)
