"""Arguments and options that several commands share, and the cheap checks of what they hold."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from alphadial.cli.errors import CliError

if TYPE_CHECKING:
    from alphadial.agents.policies.http import ServerOptions, Wait
    from alphadial.agents.runs.prices import Prices
    from alphadial.agents.runs.session import RuntimeConfig
    from alphadial.merge_engine import Family


def finite(value: float | None) -> float | None:
    """Checks an option's number, which may be "nan" or "inf".

    Raises:
        typer.BadParameter: it is one of these.
    """
    if value is not None and not math.isfinite(value):
        raise typer.BadParameter(f"{value} is not a number of seconds or times")
    return value


Choice = TypeVar("Choice", bound=StrEnum)
OptionalFamilyArgument = Annotated[
    str | None,
    typer.Argument(metavar="[FAMILY]", help="A family's name, or a folder with family.json.", show_default=False),
]
ModelOption = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="NAME",
        help="A model of --server by its name there, in place of FAMILY. It has no alpha.",
        show_default=False,
    ),
]
FamilyArgument = Annotated[str, typer.Argument(metavar="FAMILY", help="A family's name, or a folder with family.json.")]
SandboxOption = Annotated[
    str,
    typer.Option(
        "--sandbox", metavar="NAME", help="bubblewrap, gvisor, or trusted: no isolation at all, for your own programs."
    ),
]
BoxOption = Annotated[
    str, typer.Option("--box", metavar="NAME", help="Where repositories are worked on: rootfs (no Docker) or docker.")
]
SharedVerifierOption = Annotated[
    bool,
    typer.Option(
        "--allow-shared-verifier", help="Run verifiers of repository tasks that a candidate can deceive; rows say so."
    ),
]
WorkersOption = Annotated[
    int | None, typer.Option("--workers", min=1, metavar="N", help="Programs judged at once.", show_default="cores")
]
SetWorkersOption = Annotated[
    int | None,
    typer.Option(
        "--workers",
        min=1,
        metavar="N",
        help="Programs of PATH that run at once; those near their limit run again, one at a time.",
        show_default="one less than the CPUs",
    ),
]
JsonOption = Annotated[
    str | None, typer.Option("--json", metavar="FILE|-", help="Write the result as JSON to a file, or to stdout (-).")
]
SplitOption = Annotated[
    str | None,
    typer.Option(
        "--split",
        metavar="NAME|NAME:SHARE",
        help="train, dev or test; or a share of a set without splits, by a hash of each problem's id: train:0.6, "
        "dev:0.2 and test:0.2 never overlap.",
        show_default="test, or all problems of --problem-set",
    ),
]
LimitOption = Annotated[
    float | None,
    typer.Option(
        "--limit",
        min=0.001,
        callback=finite,
        metavar="S",
        help="Time limit in CPU seconds per test.",
        show_default="each problem's own, or one from its accepted programs",
    ),
]
ProblemsOption = Annotated[
    str | None, typer.Option("--problems", metavar="ID,ID,...", help="Only these.", show_default="the whole split")
]
AlphasOption = Annotated[
    str | None,
    typer.Option(
        "--alphas",
        metavar="A,A,...",
        help="On the grid k/256; write --alphas=-1,... .",
        show_default="-1.5,-1,-0.5,0,0.5,1,1.5,2,3 as far as the family has them",
    ),
]
TemperatureOption = Annotated[
    float | None, typer.Option("--temperature", min=0, metavar="T", help="0 is greedy.", show_default="the family's")
]
SeedOption = Annotated[
    int, typer.Option("--seed", min=0, metavar="N", help="Random seed for sampling and for the controller.")
]
DEFAULT_CONTROLLER = "posterior"
ControllerOption = Annotated[
    str | None,
    typer.Option(
        "--controller",
        metavar="NAME",
        help="Chooses alpha: see alphadial list controllers; or your own, as package.module:Class.",
        show_default=DEFAULT_CONTROLLER,
    ),
]
BudgetOption = Annotated[
    int | None, typer.Option("--budget", min=1, metavar="N", help="Attempts in all.", show_default="no limit")
]
SettingOption = Annotated[
    str, typer.Option("--setting", metavar="NAME", help="reasoning (answer once), tools or agentic.")
]
AgentOption = Annotated[
    str,
    typer.Option("--agent", metavar="NAME", help="Who works in the setting agentic: see alphadial list agents."),
]
PromptOption = Annotated[
    str | None,
    typer.Option(
        "--prompt",
        metavar="NAME",
        help="Prompting strategy: see alphadial list strategies.",
        show_default="the family's",
    ),
]
MaxTurnsOption = Annotated[
    int | None,
    typer.Option("--max-turns", min=1, metavar="N", help="Answers per attempt, at most.", show_default="1, 3 or 20"),
]
FeedbackOption = Annotated[
    str, typer.Option("--feedback", metavar="NAME", help="What tools say within an attempt: public or judge.")
]
ProblemSetOption = Annotated[
    str | None,
    typer.Option(
        "--problem-set",
        metavar="NAME|PATH|module:Class",
        help="Problems by name, from a package, a folder of them or a file of any format that the judge reads, or from "
        "a class of your own.",
        show_default="the family's",
    ),
]
MaxTokensOption = Annotated[
    int | None,
    typer.Option(
        "--max-tokens", min=1, metavar="N", help="Tokens of one answer.", show_default="the family's, or 4096"
    ),
]
ParserOption = Annotated[
    str | None,
    typer.Option(
        "--parser",
        metavar="NAME",
        help="How a program is read from an answer: program (all of it) or fenced (its last code block).",
        show_default="the family's, or fenced",
    ),
]
LanguageOption = Annotated[
    str | None,
    typer.Option(
        "--language",
        metavar="NAME",
        help="Language of the programs: python3, pypy3, cpp, c or java.",
        show_default="the tag of an answer's code block",
    ),
]
PricesOption = Annotated[
    Path | None,
    typer.Option(
        "--prices",
        metavar="FILE",
        help='JSON such as {"prompt_token": 2e-7, "completion_token": 6e-7, "sandbox_second": 1e-5}: costs are kept. '
        'Models with prices of their own are in "models".',
        show_default="none",
    ),
]
RunOutOption = Annotated[
    Path | None, typer.Option("--out", metavar="DIR", help="Run folder.", show_default="a new one in runs/")
]
ServerOption = Annotated[
    str | None, typer.Option("--server", metavar="URL", help="OpenAI-compatible server of FAMILY@alpha.")
]
ConcurrencyOption = Annotated[
    int, typer.Option("--concurrency", min=1, metavar="N", help="Requests that the server is asked at once.")
]
TimeoutOption = Annotated[
    float,
    typer.Option(
        "--timeout", min=0.1, callback=finite, metavar="S", help="Seconds that the server has for one whole answer."
    ),
]
RetriesOption = Annotated[
    int,
    typer.Option(
        "--retries",
        min=0,
        metavar="N",
        help="Further tries of a request after a timeout or an answer of a busy server.",
    ),
]
UnverifiedOption = Annotated[
    bool, typer.Option("--unverified-weights", help="Accept a server that reports no weights id.")
]
OutOption = Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder to write, new or empty.")]

RUNS = Path("runs")
"""Run folders go here unless --out says otherwise."""
DEFAULT_CONCURRENCY, DEFAULT_TIMEOUT_S, DEFAULT_RETRIES = 64, 120.0, 3


def pick(choices: type[Choice], text: str, option: str) -> Choice:
    """The member that an option names.

    Raises:
        CliError: it names none (the message lists the choices).
    """
    try:
        return choices(text)
    except ValueError:
        raise CliError(f"{option} {text!r} is none of {', '.join(choices)}") from None


def split_list(text: str, option: str) -> list[str]:
    """The parts of a comma-separated list, without repetition, in order.

    Raises:
        CliError: it is empty.
    """
    parts = list(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    if not parts:
        raise CliError(f"{option} is empty: give at least one value, separated by commas")
    return parts


def load_optional_family(name: str | None) -> Family | None:
    """The family of this name or folder, if one is named.

    Raises:
        FamilyError: there is no such family.
    """
    from alphadial.merge_engine import load_family

    return None if name is None else load_family(name)


def load_prices(file: Path | None) -> Prices | None:
    """The prices in a file, if one is named.

    Raises:
        OptionError: it holds none.
    """
    from alphadial.agents.runs.prices import read_prices

    return None if file is None else read_prices(file)


def split_optional(text: str | None, option: str) -> list[str] | None:
    """The parts of a comma-separated list, as ``split_list``; None where the option was not given.

    Raises:
        CliError: the list is empty.
    """
    return None if text is None else split_list(text, option)


def parse_temperatures(text: str, option: str = "--temperatures") -> list[float]:
    """Temperatures of a comma-separated list.

    Raises:
        CliError: one is no number.
    """
    return [_number(part, option) for part in split_list(text, option)]


def _number(text: str, option: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise CliError(f"{option}: {text!r} is no temperature; give numbers from 0 up, such as 0.6,1") from None


def parse_attempts(text: str) -> list[int]:
    """Numbers of attempts of a comma-separated list.

    Raises:
        CliError: one is no whole number.
    """
    parts = split_list(text, "--attempts")
    for part in parts:
        if not (part.isascii() and part.isdecimal()):
            raise CliError(f"--attempts: {part!r} is no budget; give whole numbers from 1 up, such as 1,5,10")
    return [int(part) for part in parts]


def open_server_options(
    concurrency: int, timeout_s: float, retries: int, on_wait: Callable[[Wait], None]
) -> ServerOptions:
    """How a server is asked."""
    from alphadial.agents.policies.http import ServerOptions

    return ServerOptions(concurrency=concurrency, timeout_s=timeout_s, retries=retries, on_wait=on_wait)


def open_runtime(
    server: str | None,
    unverified_weights: bool,
    sandbox: str,
    workers: int | None,
    server_options: ServerOptions | None = None,
    in_process: frozenset[str] = frozenset(),
    box: str = "rootfs",
    allow_shared_verifier: bool = False,
) -> RuntimeConfig:
    """How a run is made, checked as far as that is quick.

    Raises:
        CliError: an extra is missing that a model in this process needs.
        OptionError: options that do not go together.
    """
    from alphadial.agents.runs.session import RuntimeConfig
    from alphadial.cli.extras import need

    runtime = RuntimeConfig(
        server, unverified_weights, sandbox, workers, server_options, in_process, box, allow_shared_verifier
    )
    runtime.check()
    if server is None or in_process:
        need("sampling in this process (without --server)", "torch", "transformers", extra="local")
    return runtime


def nearest(name: str, choices: Iterable[str]) -> str:
    """Choices for an error message: those spelled alike, else all of them."""
    from difflib import get_close_matches

    known = list(choices)
    return ", ".join(get_close_matches(name, known, n=3) or known)


def parse_coverage(text: str | None) -> str | int | None:
    """A level where the text is a number, else a name."""
    return int(text) if text is not None and text.isdecimal() else text
