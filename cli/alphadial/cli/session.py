"""What every run needs around it: sandbox, policy, run folder, judge and progress; and a clean end on Ctrl-C."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from alphadial.agents.agent.checkpoint_store import CheckpointStore
from alphadial.agents.policies import open_policy
from alphadial.agents.runs.attempt_loop import AttemptDeps
from alphadial.agents.runs.config import RunConfig
from alphadial.agents.runs.run_folder import CONFIG_FILE, RunFolder
from alphadial.agents.runs.runner import Progress, run_attempts
from alphadial.agents.types import AttemptSpec
from alphadial.cli.interrupt import keeps
from alphadial.cli.progress import AttemptProgress
from alphadial.envs.judging import Judge
from alphadial.envs.sandbox import open_sandbox
from alphadial.envs.types import Problem, Setting
from alphadial.merge_engine import Family

_CACHED_REPORTS = 8192


@dataclass(frozen=True, slots=True)
class Machine:
    """Where a run is made."""

    server: str | None
    verified: bool
    sandbox: str
    workers: int | None


@dataclass(frozen=True, slots=True)
class Session:
    """A run folder that is open, and all that making its attempts takes."""

    config: RunConfig
    folder: RunFolder
    deps: AttemptDeps
    progress: AttemptProgress
    """To be entered while attempts are made."""

    def make(self, specs: Sequence[AttemptSpec], on_progress: Callable[[Progress], None] | None = None) -> None:
        """Makes the attempts that are not stored yet."""
        run_attempts(specs, self.deps, self.folder.store, on_progress or self.progress.update)


@contextmanager
def session(
    config: RunConfig, family: Family, problems: Sequence[Problem], out: Path, machine: Machine, first: AttemptSpec
) -> Iterator[Session]:
    """Opens a run. From then on an interrupted command tells how to go on.

    Args:
        config: of the run.
        family: whose models answer.
        problems: of the run.
        out: the run folder.
        machine: where it is made.
        first: an attempt of the run, asked of a server before a folder is made for one that is not there.

    Raises:
        SandboxUnavailableError, AgentsError: one of them cannot be opened.
    """
    with ExitStack() as stack:
        sandbox = stack.enter_context(open_sandbox(machine.sandbox))
        policy = open_policy(family, machine.server, not machine.verified)
        stack.callback(policy.close)
        if machine.server is not None and not (out / CONFIG_FILE).exists():
            asyncio.run(policy.complete(first.request))
        folder = stack.enter_context(RunFolder(out, config))
        # A step budget gives a program the same verdict each time; samples repeat each other often.
        cache = _CACHED_REPORTS if all(problem.limits.steps is not None for problem in problems) else 0
        keeps(f"the attempts made so far are in {out}; the same command goes on from there")
        judge = stack.enter_context(Judge(sandbox, workers=machine.workers, cache=cache))
        names = [model.name for model in config.models]
        checkpoints = None
        if config.setting is not Setting.REASONING:
            checkpoints = stack.enter_context(CheckpointStore(out))
        deps = AttemptDeps(policy, judge, checkpoints)
        progress = AttemptProgress(names, config.most, folder.store.attempts())
        try:
            yield Session(config, folder, deps, progress)
        except KeyboardInterrupt:
            done = len(folder.store.finished())
            keeps(f"{done:,} of {config.most:,} attempts are in {out}; the same command goes on from there")
            raise
