"""``alphadial train``: a family from nothing, with live curves."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from alphadial.cli.options import OutOption, SandboxOption, WorkersOption

TRAINABLE = ("tiny",)


def train(
    family: Annotated[str, typer.Argument(metavar="FAMILY", help="What to train: tiny.")],
    out: OutOption,
    seed: Annotated[
        int,
        typer.Option(
            "--seed",
            min=0,
            metavar="N",
            help="Random seed for everything that is drawn.",
        ),
    ] = 0,
    control: Annotated[
        bool,
        typer.Option(
            "--control",
            help="Also train low and high for more than three times as many steps, as controls.",
        ),
    ] = False,
    scale: Annotated[
        float,
        typer.Option(
            "--scale", min=0.001, max=1, metavar="X", help="Share of every stage's steps; below 1 is a trial run."
        ),
    ] = 1.0,
    sandbox: SandboxOption = "bubblewrap",
    workers: WorkersOption = None,
) -> None:
    """Train a family: SFT, then GRPO at low, middle and high coverage. The same command goes on where it stopped."""
    from alphadial.cli.errors import CliError
    from alphadial.cli.extras import need
    from alphadial.cli.interrupt import keeps
    from alphadial.cli.options import nearest
    from alphadial.cli.output import print_line
    from alphadial.cli.training_progress import Curves
    from alphadial.envs.sandbox import open_sandbox

    if family not in TRAINABLE:
        raise CliError(f"cannot train {family!r}: choose {nearest(family, TRAINABLE)}")
    need("training", "torch", "transformers", extra="local")
    with open_sandbox(sandbox) as opened:
        from alphadial.envs.judging import Judge
        from alphadial.training.train import REPORTS_KEPT, TrainConfig, train_family

        config = TrainConfig(seed=seed, control=control).scaled(scale)
        with Judge(opened, workers=workers, cache=REPORTS_KEPT) as judge, Curves(out) as curves:
            keeps(f"what was trained up to the last saved step is in {out}; the same command goes on from there")
            train_family(config, judge, out, curves.step)
    print_line(f"trained {family} into {out}; try: alphadial frontier {out} --split dev")
    draw(out)


def draw(out: Path) -> None:
    """Draws the curves of all stages, where matplotlib is installed."""
    from alphadial.cli.output import print_line, say
    from alphadial.cli.plots import MISSING, can_draw
    from alphadial.training.curves import saved_curves

    if not can_draw():
        say(MISSING)
        return
    from alphadial.cli.plots.curves_picture import draw_curves

    picture = out / "training" / "curves.png"
    draw_curves(saved_curves(out), picture)
    print_line(f"curves: {picture}")
