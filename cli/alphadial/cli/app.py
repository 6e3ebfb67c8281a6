"""The commands, in the order of ``--help``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, cast

import typer

from alphadial.cli.boundary import USAGE
from alphadial.cli.commands.compare import compare
from alphadial.cli.commands.doctor import doctor
from alphadial.cli.commands.export import export
from alphadial.cli.commands.frontier import frontier
from alphadial.cli.commands.images import build, clean, list_built
from alphadial.cli.commands.judge import judge
from alphadial.cli.commands.list import list_names
from alphadial.cli.commands.merge import merge
from alphadial.cli.commands.problems import problems
from alphadial.cli.commands.rejudge import rejudge
from alphadial.cli.commands.report import report
from alphadial.cli.commands.run import run
from alphadial.cli.commands.serve import serve
from alphadial.cli.commands.show import show
from alphadial.cli.commands.tasks import export_set, validate
from alphadial.cli.commands.train import train
from alphadial.cli.commands.weights_id import weights_id
from alphadial.cli.errors import CliError

NAME = "alphadial"
_UsageError = cast(type[typer.BadParameter], typer.BadParameter.__base__)
"""What all of Typer's usage errors are; it has no public name."""


def _show_version(wanted: bool) -> None:
    if wanted:
        from alphadial.cli.output import print_line

        try:
            print_line(f"alphadial {version('alphadial')}")
        except PackageNotFoundError:
            raise CliError("alphadial is not installed, so it has no version: pip install -e . in its folder") from None
        raise typer.Exit


def options(
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Tell the version and leave.")
    ] = False,
) -> None:
    """One dial, alpha, between two checkpoints: theta(alpha) = theta_low + alpha * (theta_high - theta_low)."""


COMMANDS: dict[str, Callable[..., object]] = {
    "run": run,
    "frontier": frontier,
    "compare": compare,
    "report": report,
    "export": export,
    "train": train,
    "merge": merge,
    "weights-id": weights_id,
    "serve": serve,
    "judge": judge,
    "rejudge": rejudge,
    "show": show,
    "problems": problems,
    "doctor": doctor,
    "list": list_names,
}
GROUPS: dict[str, tuple[str, dict[str, Callable[..., object]]]] = {
    "images": ("Build, list and remove images of boxes.", {"build": build, "list": list_built, "clean": clean}),
    "tasks": ("Check code bases as tasks, and write them for others.", {"validate": validate, "export": export_set}),
}
"""Commands that have commands of their own: what they do together, and each."""


def make_app(names: Iterable[str] = (*COMMANDS, *GROUPS)) -> typer.Typer:
    """The command line with these commands."""
    app = _commands(NAME, "")
    app.callback()(options)
    for name in names:
        if name in COMMANDS:
            app.command(name)(COMMANDS[name])
            continue
        help_, members = GROUPS[name]
        group = _commands(name, help_)
        for member, function in members.items():
            group.command(member)(function)
        app.add_typer(group)
    return app


def _commands(name: str, help_: str) -> typer.Typer:
    return typer.Typer(
        name=name,
        help=help_ or None,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
        context_settings={"help_option_names": ["-h", "--help"]},
    )


def execute() -> int:
    """Runs the command that the arguments name, and gives its exit status.

    Raises:
        CliError: the arguments are none of a command's.
    """
    try:
        # Typer reads the options of every command that it is given, which takes as long as many a command.
        asked = [name for name in sys.argv[1:2] if name in COMMANDS or name in GROUPS]
        status: int | None = make_app(asked or (*COMMANDS, *GROUPS))(prog_name=NAME, standalone_mode=False)
    except _UsageError as error:
        # Typer's own box would show arguments as they are. A command without any has shown its help.
        if not (said := error.format_message().rstrip(".")):
            return USAGE
        raise CliError(f"{said}; see {error.ctx.command_path if error.ctx else NAME} --help") from None
    return status or 0
