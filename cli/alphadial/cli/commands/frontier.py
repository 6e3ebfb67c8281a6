"""``alphadial frontier``: what becomes of attempts as alpha moves from one end to the other, and past both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from alphadial.cli.options import (
    DEFAULT_CONCURRENCY,
    DEFAULT_RETRIES,
    DEFAULT_TIMEOUT_S,
    AgentOption,
    AlphasOption,
    BoxOption,
    ConcurrencyOption,
    FamilyArgument,
    JsonOption,
    LanguageOption,
    LimitOption,
    MaxTokensOption,
    MaxTurnsOption,
    ParserOption,
    ProblemSetOption,
    ProblemsOption,
    PromptOption,
    RetriesOption,
    RunOutOption,
    SandboxOption,
    SeedOption,
    ServerOption,
    SettingOption,
    SplitOption,
    TemperatureOption,
    TimeoutOption,
    UnverifiedOption,
    WorkersOption,
)

if TYPE_CHECKING:
    from alphadial.agents.experiments.frontier_run import FinishedFrontier


def frontier(
    family: FamilyArgument,
    split: SplitOption = None,
    alphas: AlphasOption = None,
    samples: Annotated[int, typer.Option("--samples", min=1, metavar="N", help="Attempts per problem and alpha.")] = 32,
    temperature: TemperatureOption = None,
    seed: SeedOption = 0,
    setting: SettingOption = "reasoning",
    agent: AgentOption = "langgraph",
    prompt: PromptOption = None,
    parser: ParserOption = None,
    language: LanguageOption = None,
    max_turns: MaxTurnsOption = None,
    max_tokens: MaxTokensOption = None,
    problem_set: ProblemSetOption = None,
    problems: ProblemsOption = None,
    limit: LimitOption = None,
    out: RunOutOption = None,
    json_to: JsonOption = None,
    server: ServerOption = None,
    unverified_weights: UnverifiedOption = False,
    concurrency: ConcurrencyOption = DEFAULT_CONCURRENCY,
    timeout: TimeoutOption = DEFAULT_TIMEOUT_S,
    retries: RetriesOption = DEFAULT_RETRIES,
    sandbox: SandboxOption = "bubblewrap",
    box: BoxOption = "rootfs",
    workers: WorkersOption = None,
) -> None:
    """Sample a family over alpha, judge every program, show the frontier. The same command resumes a stopped run."""
    from alphadial.cli.options import open_runtime, open_server_options, pick, split_optional
    from alphadial.cli.output import check_json_target, say
    from alphadial.cli.run_progress import RunWatch
    from alphadial.envs.types import Setting
    from alphadial.merge_engine import load_family

    check_json_target(json_to)
    loaded = load_family(family)

    from alphadial.agents.experiments.frontier_run import FrontierOptions, sample_frontier

    options = FrontierOptions(
        family=loaded, split=split, problem_set=problem_set, problems=split_optional(problems, "--problems"),
        limit_s=limit, alphas=split_optional(alphas, "--alphas"), samples=samples, temperature=temperature, seed=seed,
        setting=pick(Setting, setting, "--setting"), agent=agent, prompt=prompt, parser=parser, language=language,
        max_turns=max_turns, max_tokens=max_tokens,
    )  # fmt: skip
    with RunWatch() as watch:
        asked = open_server_options(concurrency, timeout, retries, watch.waits)
        runtime = open_runtime(server, unverified_weights, sandbox, workers, asked, box=box)
        finished = sample_frontier(options, out, runtime, watch.begin, say)
    show_frontier(finished, json_to)


def show_frontier(finished: FinishedFrontier, json_to: str | None) -> None:
    """Draws the picture into the run folder, and shows the table."""
    from alphadial.cli.output import STDOUT, print_line, results, say, write_json
    from alphadial.cli.plots import MISSING, can_draw
    from alphadial.cli.summary import frontier_table

    summary, picture = finished.summary, finished.folder / "frontier.png"
    if not finished.table.verified:
        say("no outcome table: the server reported no weights ids, and a table is bound to them")
    if not any(row["solve"] is not None for row in summary["rows"]):
        say("no picture: not one attempt could be measured; alphadial doctor tells what is wrong here")
    elif can_draw():
        from alphadial.cli.plots.frontier_picture import draw_frontier

        draw_frontier(summary, picture)
    else:
        say(MISSING)
    if json_to is not None:
        write_json(json_to, summary)
    if json_to != STDOUT:
        results().print(frontier_table(summary))
        for attempt in finished.examples:
            what = "solved" if attempt.failure_kind is None else "too slow"
            print_line(f"{what}: alphadial show {attempt.id} --run {finished.folder}")
        print_line(f"run folder: {finished.folder}")
        if picture.exists():
            print_line(f"picture: {picture}")
