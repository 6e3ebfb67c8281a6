"""``alphadial train``: a family from nothing, with live curves."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from alphadial.cli.options import OutOption, SandboxOption, WorkersOption

if TYPE_CHECKING:
    from alphadial.training.train import TrainConfig

TRAINABLE = ("tiny",)


def train(
    family: Annotated[str, typer.Argument(metavar="FAMILY", help="What to train: tiny.")],
    out: OutOption,
    seed: Annotated[
        int, typer.Option("--seed", min=0, metavar="N", help="Of initialisation, corpus, problems and sampling.")
    ] = 0,
    control: Annotated[
        bool, typer.Option("--control", help="Also train low for as many steps as high, as a control.")
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
    from alphadial.cli.curves import Curves
    from alphadial.cli.errors import CliError
    from alphadial.cli.interrupt import keeps
    from alphadial.cli.options import nearest
    from alphadial.cli.output import print_line
    from alphadial.envs.sandbox import open_sandbox

    if family not in TRAINABLE:
        raise CliError(f"cannot train {family!r}: choose {nearest(family, TRAINABLE)}")
    with open_sandbox(sandbox) as opened:
        config = scaled(seed, control, scale)
        from alphadial.envs.judging import Judge
        from alphadial.training.train import train_family

        with Judge(opened, workers=workers) as judge, Curves(out) as curves:
            keeps(f"what was trained up to the last saved step is in {out}; the same command goes on from there")
            train_family(config, judge, out, curves.step)
    print_line(f"trained {family} into {out}; try: alphadial frontier {out} --split dev")
    draw(out)


def scaled(seed: int, control: bool, scale: float) -> TrainConfig:
    """The shipped family's configuration, with the steps of every stage scaled.

    Raises:
        CliError: the extra that training needs is not installed.
    """
    from dataclasses import replace

    from alphadial.cli.extras import need

    need("training", "torch", "transformers", extra="local")
    from alphadial.training.train import TrainConfig

    config = TrainConfig(seed=seed, control=control)
    sft = replace(config.sft, steps=max(1, round(config.sft.steps * scale)))
    steps = {name: max(1, round(count * scale)) for name, count in config.grpo_steps.items()}
    return replace(config, sft=sft, grpo_steps=steps)


def draw(out: Path) -> None:
    """Draws the curves of all stages, where matplotlib is installed."""
    from alphadial.cli.curves import saved_curves
    from alphadial.cli.output import print_line, say
    from alphadial.cli.plots import MISSING, can_draw

    if not can_draw():
        say(MISSING)
        return
    from alphadial.cli.plots.curves import draw_curves

    picture = out / "training" / "curves.png"
    draw_curves(saved_curves(out), picture)
    print_line(f"curves: {picture}")
