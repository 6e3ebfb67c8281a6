"""``alphadial compare``: every controller on the same samples, against the best that one alpha can do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from alphadial.cli.options import (
    DEFAULT_ALPHAS,
    AlphasOption,
    FamilyArgument,
    JsonOption,
    ParserOption,
    ProblemSetOption,
    PromptOption,
    RunOutOption,
    SandboxOption,
    SeedOption,
    SplitOption,
    WorkersOption,
)

if TYPE_CHECKING:
    from alphadial.agents.experiments.compare.compare_run import FinishedComparison


DevOption = Annotated[str, typer.Option("--dev", metavar="NAME|NAME:SHARE", help="Split that everything is chosen on.")]
BudgetsOption = Annotated[
    str, typer.Option("--attempts", metavar="K,K,...", help="Numbers of attempts per problem to compare at.")
]
ControllersOption = Annotated[
    str | None,
    typer.Option(
        "--controllers",
        metavar="NAME,...",
        help="Rows beside best-single and uniform; or your own, as package.module:Class.",
        show_default="all",
    ),
]
TemperaturesOption = Annotated[
    str, typer.Option("--temperatures", metavar="T,T,...", help="Temperatures among which dev chooses.")
]
SamplesOption = Annotated[
    int, typer.Option("--samples", min=1, metavar="N", help="Attempts per problem, alpha and temperature.")
]
OrdersOption = Annotated[
    int, typer.Option("--orders", min=1, max=5000, metavar="N", help="Orders of the samples, shared by all rows.")
]
AlsoOption = Annotated[
    list[str] | None,
    typer.Option("--also", metavar="FAMILY", help="Pool with another family, such as another training seed."),
]
FreshOption = Annotated[bool, typer.Option("--fresh", help="Make every table here, shipped or not.")]


def compare(
    family: FamilyArgument,
    split: SplitOption = None,
    dev: DevOption = "dev",
    problem_set: ProblemSetOption = None,
    prompt: PromptOption = None,
    parser: ParserOption = None,
    attempts: BudgetsOption = "1,5,10",
    controllers: ControllersOption = None,
    temperatures: TemperaturesOption = "0.4,0.6,0.8,1,1.2",
    alphas: AlphasOption = DEFAULT_ALPHAS,
    samples: SamplesOption = 16,
    orders: OrdersOption = 200,
    also: AlsoOption = None,
    seed: SeedOption = 0,
    fresh: FreshOption = False,
    out: RunOutOption = None,
    json_to: JsonOption = None,
    sandbox: SandboxOption = "bubblewrap",
    workers: WorkersOption = None,
) -> None:
    """Replay controllers on recorded attempts. Everything is chosen on dev; the same command resumes a stopped one."""
    from alphadial.agents.experiments.compare.choice import ROWS
    from alphadial.agents.experiments.compare.compare_run import CompareOptions, compare_controllers
    from alphadial.cli.options import open_runtime, parse_attempts, parse_temperatures, split_list
    from alphadial.cli.output import check_json_target, say
    from alphadial.cli.run_progress import ReplayBars, RunWatch

    check_json_target(json_to)
    options = CompareOptions(
        families=(family, *(also or ())),
        split=split or "test",
        dev=dev,
        problem_set=problem_set,
        prompt=prompt,
        parser=parser,
        attempts=parse_attempts(attempts),
        controllers=ROWS if controllers is None else split_list(controllers, "--controllers"),
        temperatures=parse_temperatures(temperatures),
        alphas=split_list(alphas, "--alphas"),
        samples=samples,
        orders=orders,
        seed=seed,
        fresh=fresh,
    )
    runtime = open_runtime(None, False, sandbox, workers)
    with RunWatch() as watch, ReplayBars() as bars:
        finished = compare_controllers(
            options, out, runtime, on_session=watch.begin, on_progress=bars.update, notify=say
        )
    show_comparison(finished, json_to)


def show_comparison(finished: FinishedComparison, json_to: str | None) -> None:
    """Draws the picture into the folder of the comparison, and shows its rows."""
    from alphadial.agents.experiments.compare.compare_file import COMPARE_FILE
    from alphadial.cli.comparison_table import comparison_table
    from alphadial.cli.interrupt import keeps
    from alphadial.cli.output import STDOUT, print_line, results, say, write_json
    from alphadial.cli.plots import MISSING, can_draw

    summary, folder = finished.summary, finished.folder
    keeps(f"the results are in {folder / COMPARE_FILE}")
    picture = folder / "compare.png"
    if can_draw():
        from alphadial.cli.plots.comparison_picture import draw_comparison

        draw_comparison(summary, picture)
    else:
        say(MISSING)
    if json_to is not None:
        write_json(json_to, summary)
    if json_to != STDOUT:
        for family in dict.fromkeys(row["family"] for row in summary["rows"]):
            results().print(comparison_table(summary, family, results().width))
        print_line(f"results: {folder / COMPARE_FILE}")
        if picture.exists():
            print_line(f"picture: {picture}")
