"""``alphadial frontier``: what becomes of attempts as alpha moves from one end to the other, and past both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from alphadial.cli.options import (
    DEFAULT_ALPHAS,
    AlphasOption,
    FamilyArgument,
    JsonOption,
    ProblemsOption,
    RunOutOption,
    SandboxOption,
    SeedOption,
    ServerOption,
    SplitOption,
    TemperatureOption,
    UnverifiedOption,
    WorkersOption,
)

if TYPE_CHECKING:
    from alphadial.agents.runs.config import RunConfig
    from alphadial.agents.runs.run_folder import RunFolder


def frontier(
    family: FamilyArgument,
    split: SplitOption = "test",
    alphas: AlphasOption = DEFAULT_ALPHAS,
    samples: Annotated[int, typer.Option("--samples", min=1, metavar="N", help="Attempts per problem and alpha.")] = 32,
    temperature: TemperatureOption = None,
    seed: SeedOption = 0,
    problems: ProblemsOption = None,
    out: RunOutOption = None,
    json_to: JsonOption = None,
    server: ServerOption = None,
    unverified_weights: UnverifiedOption = False,
    sandbox: SandboxOption = "bubblewrap",
    workers: WorkersOption = None,
) -> None:
    """Sample a family over alpha, judge every program, show the frontier. The same command resumes a stopped run."""
    from alphadial.cli.errors import CliError
    from alphadial.cli.extras import need
    from alphadial.cli.options import parse_alphas, split_list
    from alphadial.cli.output import check_json_target
    from alphadial.envs.problems import load_split
    from alphadial.merge_engine import load_family

    loaded = load_family(family)
    dials = parse_alphas(alphas, loaded)
    chosen = load_split(loaded.problem_set, split, recorded=True)
    selected = chosen.select(split_list(problems, "--problems")) if problems is not None else chosen.problems
    check_json_target(json_to)
    if unverified_weights and server is None:
        raise CliError("--unverified-weights is for --server: weights in this process are always verified")
    if server is None:
        need("sampling in this process (without --server)", "torch", "transformers", extra="local")

    from alphadial.agents.runs.config import plan
    from alphadial.cli.sampling import RunChoices, configure, default_folder
    from alphadial.cli.session import Machine, session

    choices = RunChoices("frontier", dials, samples, temperature, seed, verified=not unverified_weights)
    config = configure(choices, loaded, chosen, selected)
    machine = Machine(server, not unverified_weights, sandbox, workers)
    specs = plan(config, selected)
    with session(config, loaded, selected, out or default_folder(config), machine, specs[0]) as opened:
        with opened.progress:
            opened.make(specs)
        report(config, opened.folder, json_to)


def report(config: RunConfig, folder: RunFolder, json_to: str | None) -> None:
    """Writes frontier.json, outcomes.json and frontier.png into the run folder, and shows the table."""
    import json

    from alphadial.agents.experiments.frontier import frontier as summarise
    from alphadial.agents.experiments.outcomes import tabulate
    from alphadial.cli.output import STDOUT, print_line, results, say, write_json
    from alphadial.cli.plots import MISSING, can_draw
    from alphadial.cli.summary import examples, frontier_table

    table = tabulate(config, folder.store.attempts())
    summary = summarise(table)
    folder.write("frontier.json", json.dumps(summary, indent=2, allow_nan=False) + "\n")
    if all(model.weights_id is not None for model in table.models):
        table.save(folder.path / "outcomes.json")
    else:
        say("no outcome table: the server reported no weights ids, and a table is bound to them")
    picture = folder.path / "frontier.png"
    if not any(row["solve"] is not None for row in summary["rows"]):
        say("no picture: not one attempt could be measured; alphadial doctor tells what is wrong here")
    elif can_draw():
        from alphadial.cli.plots.frontier import draw_frontier

        draw_frontier(summary, picture)
    else:
        say(MISSING)
    if json_to is not None:
        write_json(json_to, summary)
    if json_to != STDOUT:
        results().print(frontier_table(summary))
        for line in examples(folder):
            print_line(line)
        print_line(f"run folder: {folder.path}")
        if picture.exists():
            print_line(f"picture: {picture}")
