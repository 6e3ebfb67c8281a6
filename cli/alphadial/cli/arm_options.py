"""Options that say what a controller chooses from, and what it learns from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from alphadial.cli.errors import CliError
from alphadial.cli.options import parse_temperatures, split_list

if TYPE_CHECKING:
    from alphadial.agents.runs.arms import ArmSet
    from alphadial.agents.runs.fit_tables import TableReading

FitOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--fit",
        metavar="FILE",
        help="Outcomes to learn from, an outcomes.json or a table of others as CSV; once for each of several.",
        show_default="shipped dev tables",
    ),
]
FeaturesOption = Annotated[
    str | None,
    typer.Option(
        "--features",
        metavar="NAME,NAME,...",
        help="Columns of a table of others that tell something of the problems, and are no models.",
        show_default="difficulty, platform, rating, date, tags and the like",
    ),
]
PercentOption = Annotated[bool, typer.Option("--percent", help="Cells of tables of others are percentages.")]
FitTemperaturesOption = Annotated[
    str | None,
    typer.Option(
        "--fit-temperatures",
        metavar="T,T,...",
        help="Temperature of each table of others, in the order of --fit.",
        show_default="each serves any",
    ),
]
ArmsOption = Annotated[
    Path | None,
    typer.Option(
        "--arms",
        metavar="FILE",
        help='In place of --alphas: JSON such as [{"family": "tiny", "alpha": [0, 1], "temperature": [0.2, 0.8]}], or '
        "with model (of --server), setting and strategy; every combination of the lists is an arm.",
        show_default=False,
    ),
]


def load_arms(file: Path | None, model: str | None, chosen: tuple[str | None, str | None, list[Path] | None]) -> ArmSet:
    """The arms in a file; none where none is named.

    Args:
        file: the file.
        model: the one model of a server that the run asks.
        chosen: controller, alphas and tables that were asked for.

    Raises:
        CliError: alphas beside arms, or what is for arms or alphas beside a model that has neither.
        OptionError: the file holds no arms.
    """
    from alphadial.agents.runs.arms import ArmSet, read_arms

    if file is None and model is not None and chosen != (None, None, None):
        raise CliError(f"--model {model} has no alpha: leave out --controller, --alphas and --fit, or name --arms")
    if file is not None and chosen[1] is not None:
        raise CliError("--arms says the alphas: leave out --alphas")
    return ArmSet() if file is None else read_arms(file)


def load_reading(features: str | None, percent: bool, temperatures: str | None) -> TableReading:
    """How tables of others are read.

    Raises:
        CliError: a list is empty, or a temperature is no number.
    """
    from alphadial.agents.runs.fit_tables import TableReading

    named = () if features is None else split_list(features, "--features")
    heats = () if temperatures is None else parse_temperatures(temperatures, "--fit-temperatures")
    return TableReading(named, percent, heats)
