"""What every run needs around it: who answers, a sandbox, a judge, and the folder that keeps its attempts."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from alphadial.agents.agent.checkpoint_store import CheckpointStore
from alphadial.agents.errors import OptionError
from alphadial.agents.policies import open_policy
from alphadial.agents.runs.attempt_loop import AttemptDeps
from alphadial.agents.runs.config import Planner, RunConfig
from alphadial.agents.runs.run_folder import CONFIG_FILE, RunFolder
from alphadial.agents.runs.runner import Progress, run_attempts
from alphadial.agents.types import AttemptSpec
from alphadial.envs.judging import Judge
from alphadial.envs.sandbox import open_sandbox
from alphadial.envs.types import Problem, Setting
from alphadial.merge_engine import Family

RUNS = Path("runs")
"""Where run folders go that nobody named."""
_CACHED_REPORTS = 8192

OnProgress = Callable[[Progress], None]
"""Told before the first attempt and after every one."""


@dataclass(frozen=True, slots=True)
class RuntimeConfig:
    """How a run is made, none of which changes its results."""

    server: str | None = None
    """Address of an OpenAI-compatible server; None means that models answer in this process."""
    unverified_weights: bool = False
    """Accept answers of a server that reports no weights id."""
    sandbox: str = "bubblewrap"
    workers: int | None = None
    """Programs judged at once; None means one per core."""

    def check(self) -> None:
        """Refuses what cannot be.

        Raises:
            OptionError: weights that are not verified, without a server.
        """
        if self.unverified_weights and self.server is None:
            raise OptionError("--unverified-weights is for --server: weights in this process are always verified")


@dataclass(frozen=True, slots=True)
class Session:
    """A run whose folder is open, and all that making its attempts takes."""

    config: RunConfig
    problems: tuple[Problem, ...]
    folder: RunFolder
    deps: AttemptDeps

    def make(self, specs: Sequence[AttemptSpec], on_progress: OnProgress | None = None) -> None:
        """Makes the attempts that are not stored yet."""
        run_attempts(specs, self.deps, self.folder.store, on_progress)


OnSession = Callable[[Session], OnProgress]
"""Told of a run that begins, by its open session; gives what is told of its attempts."""


def silent(session: Session) -> OnProgress:
    """Watches a run without a word."""
    return lambda progress: None


@contextmanager
def open_judge(runtime: RuntimeConfig, problems: Sequence[Problem]) -> Iterator[Judge]:
    """Opens the sandbox and the judge of a run, and closes them.

    Args:
        runtime: how the run is made.
        problems: those that are to be judged.

    Raises:
        SandboxUnavailableError: the sandbox cannot work here.
    """
    # A step budget gives a program the same verdict each time; samples repeat each other often.
    cache = _CACHED_REPORTS if all(problem.limits.steps is not None for problem in problems) else 0
    with open_sandbox(runtime.sandbox) as sandbox, Judge(sandbox, workers=runtime.workers, cache=cache) as judge:
        yield judge


@contextmanager
def open_session(
    config: RunConfig,
    family: Family,
    problems: Sequence[Problem],
    out: Path,
    runtime: RuntimeConfig,
    judge: Judge,
) -> Iterator[Session]:
    """Opens whatever else a run needs, and closes it.

    A server is asked the first question of a new run before the run's folder is made, so that none is left behind by a
    server that is not there.

    Args:
        config: the run's configuration.
        family: the family whose models answer.
        problems: those that ``config.problems`` names, in its order.
        out: the run folder, new or of the same configuration.
        runtime: how the run is made.
        judge: it stays the caller's.

    Raises:
        AgentsError: policy or folder cannot be opened.
    """
    with ExitStack() as stack:
        policy = open_policy(family, runtime.server, runtime.unverified_weights)
        stack.callback(policy.close)
        if runtime.server is not None and not (out / CONFIG_FILE).exists():
            asyncio.run(policy.complete(Planner(config).attempt(problems[0], config.models[0], 0).request))
        folder = stack.enter_context(RunFolder(out, config))
        checkpoints = None
        if config.setting is not Setting.REASONING:
            checkpoints = stack.enter_context(CheckpointStore(out))
        yield Session(config, tuple(problems), folder, AttemptDeps(policy, judge, checkpoints))


def default_folder(config: RunConfig) -> Path:
    """``runs/COMMAND-MODELS-SPLIT-ID``: the same configuration finds its folder again, another one gets its own."""
    named = re.sub(r"[^\w.:@+-]+", "-", f"{config.command}-{config.label}-{config.split}")
    return RUNS / f"{named}-{config.run_id[:8]}"
