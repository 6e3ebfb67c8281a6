"""``alphadial compare``: every controller on the same samples, against the best that one alpha can do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from alphadial.cli.errors import CliError
from alphadial.cli.options import (
    AlphasOption,
    JsonOption,
    OptionalFamilyArgument,
    ParserOption,
    ProblemSetOption,
    PromptOption,
    RunOutOption,
    SandboxOption,
    SeedOption,
    ServerOption,
    SplitOption,
    WorkersOption,
    open_runtime,
    parse_attempts,
    parse_temperatures,
    split_optional,
)

if TYPE_CHECKING:
    from alphadial.agents import CompareOptions, FinishedComparison, OutcomesOptions, RuntimeConfig


DevOption = Annotated[str, typer.Option("--dev", metavar="NAME|NAME:SHARE", help="Split that everything is chosen on.")]
BudgetsOption = Annotated[
    str, typer.Option("--attempts", metavar="K,K,...", help="Numbers of attempts per problem to compare at.")
]
ControllersOption = Annotated[
    str | None,
    typer.Option(
        "--controllers",
        metavar="NAME,...",
        help="Rows beside best-single and uniform, or package.module:Class; +index shares one budget out. Options may "
        "follow a name: posterior:features=false.",
        show_default="all",
    ),
]
TemperaturesOption = Annotated[
    str | None,
    typer.Option(
        "--temperatures",
        metavar="T,T,...",
        help="Temperatures among which dev chooses; with --outcomes, the one of each table.",
        show_default="0.4,0.6,1",
    ),
]
MixOption = Annotated[
    bool,
    typer.Option("--mix-temperatures", help="Temperature is part of the arm: each attempt may have another one."),
]
OutcomesOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--outcomes",
        metavar="FILE",
        help="In place of FAMILY: a table of outcomes, as CSV (a row per problem, a column per model) or "
        "outcomes.json; several are one table of all their models.",
        show_default=False,
    ),
]
FeaturesOption = Annotated[
    str | None,
    typer.Option(
        "--features",
        metavar="NAME,...",
        help="Columns of --outcomes that are features of the problems.",
        show_default="those known to be, such as difficulty",
    ),
]
PercentOption = Annotated[bool, typer.Option("--percent", help="Cells of --outcomes are percentages.")]
FoldsOption = Annotated[
    int | None,
    typer.Option(
        "--folds",
        min=2,
        metavar="N",
        help="With --outcomes: N parts, each reported by what learnt from the others, in place of --dev and --split.",
        show_default=False,
    ),
]
SamplesOption = Annotated[
    int | None,
    typer.Option(
        "--samples",
        min=1,
        metavar="N",
        help="Attempts per problem, alpha and temperature; with --outcomes, those that a cell stands for.",
        show_default="32; with --outcomes, the most in any cell",
    ),
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
    family: OptionalFamilyArgument = None,
    outcomes: OutcomesOption = None,
    split: SplitOption = None,
    dev: DevOption = "dev",
    problem_set: ProblemSetOption = None,
    prompt: PromptOption = None,
    parser: ParserOption = None,
    attempts: BudgetsOption = "1,5,10",
    controllers: ControllersOption = None,
    temperatures: TemperaturesOption = None,
    mix_temperatures: MixOption = False,
    alphas: AlphasOption = None,
    samples: SamplesOption = None,
    features: FeaturesOption = None,
    percent: PercentOption = False,
    folds: FoldsOption = None,
    orders: OrdersOption = 20,
    also: AlsoOption = None,
    seed: SeedOption = 0,
    fresh: FreshOption = False,
    out: RunOutOption = None,
    json_to: JsonOption = None,
    server: ServerOption = None,
    sandbox: SandboxOption = "bubblewrap",
    workers: WorkersOption = None,
) -> None:
    """Replay controllers on recorded attempts. Everything is chosen on dev; the same command resumes a stopped one."""
    from alphadial.agents.experiments.compare.compare_run import SAMPLES, TEMPERATURES, CompareOptions
    from alphadial.agents.experiments.compare.outcomes_run import OutcomesOptions

    rows = split_optional(controllers, "--controllers")
    heats = () if temperatures is None else parse_temperatures(temperatures)
    for_families = (problem_set, prompt, parser, also, fresh, server, mix_temperatures, alphas)
    _check_source(family, outcomes, for_families, (percent, features, folds), folds and (split or dev != "dev"))
    if outcomes is None:
        options = CompareOptions(
            families=(family or "", *(also or ())),
            split=split or "test",
            dev=dev,
            problem_set=problem_set,
            prompt=prompt,
            parser=parser,
            attempts=parse_attempts(attempts),
            controllers=rows,
            temperatures=heats or TEMPERATURES,
            mix_temperatures=mix_temperatures,
            alphas=split_optional(alphas, "--alphas"),
            samples=samples or SAMPLES,
            orders=orders,
            seed=seed,
            fresh=fresh or server is not None,
        )
        _compare_families(options, out, open_runtime(server, False, sandbox, workers), json_to)
    else:
        tables = OutcomesOptions(
            tables=outcomes,
            temperatures=heats,
            samples=samples,
            percent=percent,
            features=split_optional(features, "--features") or (),
            split=split or "test",
            dev=dev,
            folds=folds,
            attempts=parse_attempts(attempts),
            controllers=rows,
            orders=orders,
            seed=seed,
        )
        _compare_tables(tables, out, workers, json_to)


def _check_source(
    family: object,
    outcomes: object,
    for_families: tuple[object, ...],
    for_tables: tuple[object, ...],
    folds_and_splits: object,
) -> None:
    """A family and tables of outcomes have options of their own."""
    if outcomes is not None:
        wrong = family or any(for_families)
        _refuse(wrong, "--outcomes has its own arms and problems: leave out FAMILY and what is for families alone")
        _refuse(folds_and_splits, "--folds reports all problems: leave out --split and --dev")
        return
    _refuse(not family, "name a FAMILY, or tables of outcomes with --outcomes FILE")
    _refuse(any(for_tables), "--percent, --features and --folds are for tables of --outcomes")


def _refuse(wrong: object, message: str) -> None:
    if wrong:
        raise CliError(message)


def _compare_families(options: CompareOptions, out: Path | None, runtime: RuntimeConfig, json_to: str | None) -> None:
    from alphadial.agents import compare_controllers
    from alphadial.cli.output import check_json_target, say
    from alphadial.cli.run_progress import ReplayBars, RunWatch

    check_json_target(json_to)
    with RunWatch() as watch, ReplayBars() as bars:
        finished = compare_controllers(
            options, out, runtime, on_session=watch.begin, on_progress=bars.update, notify=say
        )
    show_comparison(finished, json_to)


def _compare_tables(options: OutcomesOptions, out: Path | None, workers: int | None, json_to: str | None) -> None:
    from alphadial.agents import compare_outcomes
    from alphadial.cli.output import check_json_target, say
    from alphadial.cli.run_progress import ReplayBars

    check_json_target(json_to)
    with ReplayBars() as bars:
        finished = compare_outcomes(options, out, workers, on_progress=bars.update, notify=say)
    show_comparison(finished, json_to)


def show_comparison(finished: FinishedComparison, json_to: str | None) -> None:
    """Draws the pictures into the folder of the comparison, and shows its rows."""
    from alphadial.agents.experiments.compare.compare_file import COMPARE_FILE
    from alphadial.cli.comparison_table import comparison_table
    from alphadial.cli.ensemble_table import ensemble_table, opened_lines
    from alphadial.cli.interrupt import keeps
    from alphadial.cli.output import STDOUT, print_line, results, say, write_json
    from alphadial.cli.plots import MISSING, can_draw

    summary, folder = finished.summary, finished.folder
    keeps(f"the results are in {folder / COMPARE_FILE}")
    picture = folder / "compare.png"
    together = folder / "ensembles.png"
    if can_draw():
        from alphadial.cli.plots.comparison_picture import draw_comparison
        from alphadial.cli.plots.ensembles_picture import draw_ensembles

        draw_comparison(summary, picture)
        draw_ensembles(summary, together)
    else:
        say(MISSING)
    if json_to is not None:
        write_json(json_to, summary)
    if json_to != STDOUT:
        for family in dict.fromkeys(row["family"] for row in summary["rows"]):
            results().print(comparison_table(summary, family, results().width))
            if (ensembles := ensemble_table(summary, family, results().width)) is not None:
                results().print(ensembles)
        for line in opened_lines(summary):
            print_line(line)
        print_line(f"results: {folder / COMPARE_FILE}")
        for drawn in (picture, together):
            if drawn.exists():
                print_line(f"picture: {drawn}")
