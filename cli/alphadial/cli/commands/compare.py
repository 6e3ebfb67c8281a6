"""``alphadial compare``: every controller on the same samples, against the best that one alpha can do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from alphadial.cli.options import (
    DEFAULT_ALPHAS,
    AlphasOption,
    FamilyArgument,
    JsonOption,
    RunOutOption,
    SandboxOption,
    SeedOption,
    SplitOption,
    WorkersOption,
)

if TYPE_CHECKING:
    pass


def compare(
    family: FamilyArgument,
    split: SplitOption = "test",
    attempts: Annotated[
        str, typer.Option("--attempts", metavar="K,K,...", help="Budgets of attempts per problem.")
    ] = "1,5,10",
    controllers: Annotated[
        str | None,
        typer.Option(
            "--controllers",
            metavar="NAME,...",
            help="Rows beside best-single and uniform; or your own, as package.module:Class.",
            show_default="all",
        ),
    ] = None,
    temperatures: Annotated[
        str, typer.Option("--temperatures", metavar="T,T,...", help="That dev chooses from.")
    ] = "0.4,0.6,0.8,1,1.2",
    alphas: AlphasOption = DEFAULT_ALPHAS,
    samples: Annotated[
        int, typer.Option("--samples", min=1, metavar="N", help="Attempts per problem, alpha and temperature.")
    ] = 16,
    orders: Annotated[
        int, typer.Option("--orders", min=1, max=5000, metavar="N", help="Of the samples, shared by all rows.")
    ] = 200,
    also: Annotated[
        list[str] | None,
        typer.Option("--also", metavar="FAMILY", help="Pool with another family, such as another training seed."),
    ] = None,
    seed: SeedOption = 0,
    fresh: Annotated[bool, typer.Option("--fresh", help="Make every table here, shipped or not.")] = False,
    out: RunOutOption = None,
    json_to: JsonOption = None,
    sandbox: SandboxOption = "bubblewrap",
    workers: WorkersOption = None,
) -> None:
    """Replay controllers on recorded attempts. Everything is chosen on dev; the same command resumes a stopped one."""
    from alphadial.cli.comparison import Wishes, execute

    wishes = Wishes(
        families=(family, *(also or ())),
        split=split,
        attempts=attempts,
        controllers=controllers,
        temperatures=temperatures,
        alphas=alphas,
        samples=samples,
        orders=orders,
        seed=seed,
        fresh=fresh,
    )
    execute(wishes, out, json_to, sandbox, workers)
