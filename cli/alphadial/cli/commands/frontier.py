"""``alphadial frontier``: what becomes of attempts as alpha moves from one end to the other, and past both."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from alphadial.cli.options import DEFAULT_ALPHAS, FamilyArgument, JsonOption, SandboxOption, WorkersOption

if TYPE_CHECKING:
    from alphadial.agents.config import RunConfig
    from alphadial.agents.run_folder import RunFolder
    from alphadial.agents.types import Policy
    from alphadial.envs.sandbox import Sandbox
    from alphadial.envs.types import Problem


def frontier(
    family: FamilyArgument,
    split: Annotated[str, typer.Option("--split", metavar="NAME", help="Problems: train, dev or test.")] = "test",
    alphas: Annotated[
        str, typer.Option("--alphas", metavar="A,A,...", help="On the grid k/256; write --alphas=-1,... .")
    ] = DEFAULT_ALPHAS,
    samples: Annotated[int, typer.Option("--samples", min=1, metavar="N", help="Attempts per problem and alpha.")] = 32,
    temperature: Annotated[
        float | None,
        typer.Option("--temperature", min=0, metavar="T", help="0 is greedy.", show_default="the family's"),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, metavar="N", help="Of the sampling.")] = 0,
    problems: Annotated[
        str | None, typer.Option("--problems", metavar="ID,ID,...", help="Only these.", show_default="the whole split")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Run folder.", show_default="a new one in runs/")
    ] = None,
    json_to: JsonOption = None,
    server: Annotated[
        str | None,
        typer.Option("--server", metavar="URL", help="OpenAI-compatible server of FAMILY@alpha."),
    ] = None,
    unverified_weights: Annotated[
        bool, typer.Option("--unverified-weights", help="Accept a server that reports no weights id.")
    ] = False,
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
    chosen = load_split(loaded.problem_set, split)
    selected = chosen.select(split_list(problems, "--problems")) if problems is not None else chosen.problems
    check_json_target(json_to)
    if unverified_weights and server is None:
        raise CliError("--unverified-weights is for --server: weights in this process are always verified")
    if server is None:
        need("sampling in this process (without --server)", "torch", "transformers", extra="local")

    from alphadial.agents.policies import open_policy
    from alphadial.cli.sampling import RunChoices, configure, default_folder
    from alphadial.envs.sandbox import open_sandbox

    choices = RunChoices("frontier", dials, samples, temperature, seed, verified=not unverified_weights)
    with open_sandbox(sandbox) as opened:
        policy = open_policy(loaded, server, unverified_weights)
        try:
            config = configure(choices, loaded, chosen, selected)
            folder = out if out is not None else default_folder(config)
            run(config, selected, folder, policy, opened, workers, json_to, preflight=server is not None)
        finally:
            policy.close()


def run(
    config: RunConfig,
    problems: tuple[Problem, ...],
    out: Path,
    policy: Policy,
    sandbox: Sandbox,
    workers: int | None,
    json_to: str | None,
    *,
    preflight: bool,
) -> None:
    """Makes the missing attempts of a run and reports on all of them. Ctrl-C ends it with how to go on."""
    from alphadial.agents.config import plan
    from alphadial.agents.run_folder import CONFIG_FILE, RunFolder
    from alphadial.agents.runner import run_attempts
    from alphadial.cli.boundary import INTERRUPTED
    from alphadial.cli.output import say
    from alphadial.cli.progress import AttemptProgress
    from alphadial.envs.judge import Judge

    specs = plan(config, problems)
    if preflight and not (out / CONFIG_FILE).exists():
        # A server that is not there, or serves something else, is found before a folder is made for it.
        policy.complete([specs[0].request])
    with RunFolder(out, config) as folder, Judge(sandbox, workers=workers) as judge:
        names = [model.name for model in config.models]
        each = config.samples * len(problems)
        try:
            with AttemptProgress(names, each, folder.store.attempts()) as progress:
                on_progress = progress.update
                run_attempts(
                    specs, parser=config.parser, policy=policy, judge=judge, store=folder.store, on_progress=on_progress
                )
        except KeyboardInterrupt:
            done = len(folder.store.finished())
            say(f"interrupted: {done:,} of {len(specs):,} attempts are in {out}; the same command goes on from there")
            raise typer.Exit(INTERRUPTED) from None
        report(config, folder, json_to)


def report(config: RunConfig, folder: RunFolder, json_to: str | None) -> None:
    """Writes frontier.json, outcomes.json and frontier.png into the run folder, and shows the table."""
    import json

    from alphadial.agents.frontier import frontier as summarise
    from alphadial.agents.outcomes import tabulate
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
