"""The model card of ``tiny`` and the README state what ``benchmarks/frontier_claims.py`` has measured."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from alphadial.merge_engine import load_family

ROOT = Path(__file__).parents[2]
MEASURED: dict[str, dict[str, Any]] = json.loads(
    (ROOT / "benchmarks" / "results" / "frontier_claims.json").read_text("utf-8")
)
"""By training seed."""
CARD = (load_family("tiny").path / "README.md").read_text("utf-8")


def stated(value: float, interval: tuple[float, float]) -> str:
    low, high = interval
    return f"{100 * value:+.1f} [{100 * low:.1f}, {100 * high:.1f}]"


def figure(claims: dict[str, Any], label: str) -> str:
    """What belongs in the row of a label."""
    if found := re.fullmatch(r"(\w+), alpha (\S+) minus (\S+)", label):
        kind, alpha, minus = found[1], float(found[2]), float(found[3])
        (row,) = [row for row in claims["beyond"] if (row["alpha"], row.get("minus")) == (alpha, minus)]
        return stated(row[kind]["value"], row[kind]["ci"])
    if found := re.fullmatch(r"k = (\d+): all alphas minus (.+)", label):
        (row,) = [row for row in claims["ensembles"] if (row["k"], row["name"]) == (int(found[1]), found[2])]
        return stated(row["all_minus"], row["all_minus_ci"])
    if found := re.fullmatch(r"k = (\d+): `posterior` minus `?([^`]+)`?", label):
        (row,) = [row for row in claims["controllers"] if (row["k"], row["verdicts"]) == (int(found[1]), True)]
        gain = row[f"minus_{found[2].replace(' ', '-')}"]
        return stated(gain["value"], gain["ci"])
    opened, control = claims["opened"], claims["opened"]["control"]
    if label == "opened, of missed":
        below, above = f"{opened['below']} below 0", f"{opened['above']} above 1"
        return f"{len(opened['opened'])} of {opened['missed']} ({below}, {above})"
    assert label.startswith("of these, solved by 384 fresh samples of high")
    return str(len(control[opened["best_inside"]]))


def test_the_card_states_what_was_measured() -> None:
    _, _, table = CARD.partition("| in points | seed 0 | seed 1 | seed 2 |\n|---|---|---|---|\n")
    rows = [[cell.strip() for cell in line.strip("| ").split("|")] for line in table.partition("\n\n")[0].splitlines()]
    assert len(rows) > 15
    for label, *cells in rows:
        assert cells == [figure(MEASURED[f"seed{seed}"], label) for seed in range(3)], label


def test_the_readme_states_what_verdicts_are_worth() -> None:
    readme = " ".join((ROOT / "README.md").read_text("utf-8").split())
    (said,) = re.findall(r"`posterior` solves ([\d.]+) points less with five attempts", readme)
    told, untold = (
        row["posterior"]["value"]
        for verdicts in (True, False)
        for row in MEASURED["seed0"]["controllers"]
        if (row["k"], row["verdicts"]) == (5, verdicts)
    )
    assert said == f"{100 * (told - untold):.1f}"
