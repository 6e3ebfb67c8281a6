"""What ``alphadial tasks validate`` shows: how far it is, a line for each task, and what is wrong with it."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from hashlib import blake2b
from pathlib import Path
from typing import Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from alphadial.cli.boundary import USAGE
from alphadial.cli.interrupt import keeps
from alphadial.cli.options import RUNS
from alphadial.cli.output import STDOUT, check_json_target, notices, print_line, say, write_json
from alphadial.cli.visible import visible
from alphadial.envs import CheckedTask, ValidationStep, validate_tasks


def show_validation(source: str, out: Path | None, json_to: str | None, **options: Any) -> None:
    """Checks what has not been checked, and shows what was found of all. Status 2 where something is wrong.

    Raises:
        EnvsError: something that the user can fix.
    """
    check_json_target(json_to)
    folder = out or _default_folder(source, options["box"])
    with Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=40),
        MofNCompleteColumn(),
        TextColumn("runs"),
        TimeElapsedColumn(),
        console=notices(),
        transient=True,
        disable=not notices().is_terminal,
    ) as progress:
        bar = progress.add_task("", total=None)

        def show(step: ValidationStep) -> None:
            keeps(f"what was run is in {folder}; the same command goes on from there")
            told = f"{visible(step.problem)} ({step.task} of {step.tasks})"
            progress.update(bar, description=told, total=step.runs, completed=step.done)

        def tell(task: CheckedTask) -> None:
            if json_to != STDOUT:
                _show_task(task)

        found = validate_tasks(source, folder, on_step=show, on_task=tell, **options)
    for fault in found.unread:
        say(f"alphadial: {fault}")
    if json_to is not None:
        write_json(
            json_to,
            {
                "tasks": [{**asdict(task), "valid": task.valid} for task in found.tasks],
                "unread": [str(fault) for fault in found.unread],
                "run": str(folder),
            },
        )
    if json_to != STDOUT:
        good = sum(task.valid for task in found.tasks)
        minutes = sum(task.seconds for task in found.tasks) / 60
        print_line(f"{good:,} of {len(found.tasks):,} tasks can be trusted; {minutes:,.1f} minutes of runs")
    if not found.valid:
        raise typer.Exit(USAGE)


def _show_task(task: CheckedTask) -> None:
    levels = Counter(test.level for test in task.tests)
    tests = ", ".join(f"{count} of level {level}" for level, count in sorted(levels.items()))
    size = f" of {task.image_bytes / 1e6:,.0f} MB" if task.image_bytes else ""
    earlier = f", {task.found} runs made earlier" if task.found else ""
    facts = f"tests: {tests}; {task.seconds / 60:,.1f} min{earlier}; image {task.image}{size}" if task.tests else ""
    print_line(f"{task.problem}: {'ok' if task.valid else 'cannot be trusted'}{'; ' if facts else ''}{facts}")
    for fault in task.faults:
        print_line(f"    {fault}")
    for name, why in task.quarantined.items():
        print_line(f"    quarantined: {name}: {why}")
    if task.quarantine:
        print_line(f"    written to {task.quarantine}")


def _default_folder(source: str, box: str) -> Path:
    where = str(Path(source).resolve()) if Path(source).exists() else source
    return RUNS / f"validate-{Path(source).name}-{blake2b(f'{where} {box}'.encode(), digest_size=4).hexdigest()}"
