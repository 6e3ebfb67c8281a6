"""The commands, in the order of ``--help``."""

from __future__ import annotations

import typer

from alphadial.cli.commands.compare import compare
from alphadial.cli.commands.doctor import doctor
from alphadial.cli.commands.frontier import frontier
from alphadial.cli.commands.judge import judge
from alphadial.cli.commands.merge import merge
from alphadial.cli.commands.rejudge import rejudge
from alphadial.cli.commands.report import report
from alphadial.cli.commands.run import run
from alphadial.cli.commands.show import show
from alphadial.cli.commands.train import train

app = typer.Typer(
    name="alphadial",
    help="One dial, alpha, between two checkpoints: theta(alpha) = theta_low + alpha * (theta_high - theta_low).",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (run, frontier, compare, report, train, merge, judge, rejudge, show, doctor):
    app.command()(command)
