"""Extras: a missing one is one line that names the command that mends it."""

from __future__ import annotations

from importlib.util import find_spec

from alphadial.cli.errors import CliError


def need(purpose: str, *modules: str, extra: str) -> None:
    """Refuses to go on without an extra.

    Raises:
        CliError: one of the modules is not installed.
    """
    missing = [module for module in modules if find_spec(module) is None]
    if missing:
        raise CliError(f"{purpose} needs {' and '.join(missing)}: pip install 'alphadial[{extra}]'")
