"""Arguments and options that several commands share, and the cheap checks of what they hold."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from alphadial.cli.errors import CliError

if TYPE_CHECKING:
    from alphadial.merge_engine import Family

FamilyArgument = Annotated[str, typer.Argument(metavar="FAMILY", help="A family's name, or a folder with family.json.")]
SandboxOption = Annotated[
    str,
    typer.Option(
        "--sandbox", metavar="NAME", help="bubblewrap, or trusted: no isolation at all, for your own programs."
    ),
]
WorkersOption = Annotated[
    int | None, typer.Option("--workers", min=1, metavar="N", help="Programs judged at once.", show_default="cores")
]
JsonOption = Annotated[
    str | None, typer.Option("--json", metavar="FILE|-", help="Write the result as JSON to a file, or to stdout (-).")
]
OutOption = Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder to write, new or empty.")]

RUNS = Path("runs")
"""Where run folders go unless --out says otherwise."""
DEFAULT_ALPHAS = "-0.5,-0.25,0,0.25,0.5,0.75,1,1.25,1.5"


def split_list(text: str, option: str) -> list[str]:
    """The parts of a comma-separated list, without repetition, in order.

    Raises:
        CliError: it is empty.
    """
    parts = list(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    if not parts:
        raise CliError(f"{option} is empty: give at least one value, separated by commas")
    return parts


def parse_alphas(text: str, family: Family) -> list[float]:
    """Alphas of a comma-separated list, ascending and each once.

    Raises:
        CliError: the list is empty.
        AlphaError: one is no number, off the grid or beyond the family's range.
    """
    from alphadial.merge_engine import check_alpha

    return sorted({check_alpha(part, family) for part in split_list(text, "--alphas")})


def nearest(name: str, choices: Iterable[str]) -> str:
    """Choices for an error message: those spelled alike, else all of them."""
    from difflib import get_close_matches

    known = list(choices)
    return ", ".join(get_close_matches(name, known, n=3) or known)
