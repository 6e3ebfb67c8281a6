"""What every run needs around it: who answers, a sandbox, a judge, and the folder that keeps its attempts."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from alphadial.agents.agent.checkpoint_store import CheckpointStore
from alphadial.agents.agent.prompts import find_strategy
from alphadial.agents.errors import OptionError
from alphadial.agents.policies import open_policy, served_models
from alphadial.agents.policies.http import ServerOptions
from alphadial.agents.runs.attempt_loop import AttemptDeps
from alphadial.agents.runs.config import ArmChoice, ModelChoice, Planner, RunConfig
from alphadial.agents.runs.run_folder import CONFIG_FILE, RunFolder, refuse_other_run
from alphadial.agents.runs.runner import Progress, run_attempts
from alphadial.agents.types import AttemptSpec
from alphadial.envs.errors import ProblemError
from alphadial.envs.judging import Judge
from alphadial.envs.sandbox import open_sandbox
from alphadial.envs.sandbox.boxes import check_box
from alphadial.envs.sandbox.boxes.lazy_boxes import LazyBoxes
from alphadial.envs.types import Problem, Setting
from alphadial.merge_engine import Family

RUNS = Path("runs")
"""The folder for the folders of runs that nobody gave a name."""
_CACHED_REPORTS = 8192
_NAMED = 8
"""The most models of a server that a message names."""

OnProgress = Callable[[Progress], None]
"""A function that is told how far a run is, before the first attempt and after every one."""


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
    server_options: ServerOptions | None = None
    """How the server is asked: how many requests at once, how long, how often."""
    in_process: frozenset[str] = frozenset()
    """Names of families that answer in this process though there is a server."""
    box: str = "rootfs"
    """The kind of box that repositories are worked on and graded in; see ``alphadial.envs.sandbox.boxes``."""
    allow_shared_verifier: bool = False
    """Run verifiers of repositories that a candidate can deceive; the rows say so."""

    def check(self) -> None:
        """Refuses options that contradict each other, and boxes of no kind that there is.

        Raises:
            OptionError: weights that are not verified, or families that stay here, without a server.
            SandboxUnavailableError: no such boxes.
        """
        if self.in_process and self.server is None:
            raise OptionError("in_process is for families beside --server: without one all answer in this process")
        if self.unverified_weights and self.server is None:
            raise OptionError("--unverified-weights is for --server: weights in this process are always verified")
        check_box(self.box)


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
"""A function that is called with the session of a run that begins; it returns what is told of the run's attempts."""


def silent(session: Session) -> OnProgress:
    """Watches a run without a word."""
    return lambda progress: None


@contextmanager
def open_judge(runtime: RuntimeConfig, problems: Sequence[Problem]) -> Iterator[Judge]:
    """Opens the sandbox and the judge of a run, and boxes once a repository needs one; and closes them.

    Args:
        runtime: how the run is made.
        problems: those that are to be judged.

    Raises:
        SandboxUnavailableError: the sandbox cannot work here.
        ProblemError: a verifier could be deceived, which is not allowed.
    """
    _check_verifiers(problems, runtime)
    # A step budget gives a program the same verdict each time; samples repeat each other often.
    cache = _CACHED_REPORTS if all(problem.limits.steps is not None for problem in problems) else 0
    with ExitStack() as stack:
        sandbox = stack.enter_context(open_sandbox(runtime.sandbox))
        boxes = stack.enter_context(LazyBoxes(runtime.box))
        shared = runtime.allow_shared_verifier
        judge = Judge(sandbox, workers=runtime.workers, cache=cache, boxes=boxes, allow_shared_verifier=shared)
        yield stack.enter_context(judge)


def _check_verifiers(problems: Sequence[Problem], runtime: RuntimeConfig) -> None:
    """Refuses before the first attempt what nobody could grade after it."""
    shared = [problem.id for problem in problems if problem.repository and problem.repository.shared_verifier]
    if shared and not runtime.allow_shared_verifier:
        raise ProblemError(
            f"{len(shared)} of {len(problems)} problems ({shared[0]}, ...) have a verifier that works in the "
            "candidate's own box and can be deceived: give --allow-shared-verifier, or choose others with --problems"
        )


@contextmanager
def open_session(
    config: RunConfig,
    families: Sequence[Family],
    problems: Sequence[Problem],
    out: Path,
    runtime: RuntimeConfig,
    judge: Judge,
    notify: Callable[[str], None] = lambda text: None,
) -> Iterator[Session]:
    """Opens whatever else a run needs, and closes it.

    A server is asked the first question of a new run before the run's folder is made, so that none is left behind by a
    server that is not there.

    Args:
        config: the run's configuration.
        families: the families whose models answer; none where no model belongs to one.
        problems: those that ``config.problems`` names, in its order.
        out: the run folder, new or of the same configuration.
        runtime: how the run is made.
        judge: it stays the caller's.
        notify: told where the run goes and what is loaded for it, before that takes its time.

    Raises:
        AgentsError: policy or folder cannot be opened.
    """
    refuse_other_run(out, config)  # before models are loaded in vain
    with ExitStack() as stack:
        notify(f"run folder {out}: {_awaited(families, runtime)}")
        policy = open_policy(
            families, runtime.server, runtime.unverified_weights, runtime.server_options, runtime.in_process
        )
        stack.callback(policy.close)
        if runtime.server is not None and not (out / CONFIG_FILE).exists():
            asked = next((choice for choice in config.choices if not _here(choice.model, runtime)), config.choices[0])
            asyncio.run(policy.complete(Planner(config).attempt(problems[0], asked, 0).request))
        folder = stack.enter_context(RunFolder(out, config))
        checkpoints = None
        if any(setting is not Setting.REASONING for setting in config.settings):
            checkpoints = stack.enter_context(CheckpointStore(out))
        yield Session(config, tuple(problems), folder, AttemptDeps(policy, judge, checkpoints))


def _awaited(families: Sequence[Family], runtime: RuntimeConfig) -> str:
    """What has to be there before the first attempt, in words."""
    here = [family.name for family in families if runtime.server is None or family.name in runtime.in_process]
    parts = [f"loading {' and '.join(here)}"] if here else []
    return " and ".join([*parts, *([f"asking {runtime.server}"] if runtime.server is not None else [])])


def _here(model: str, runtime: RuntimeConfig) -> bool:
    """Whether a model answers in this process."""
    return runtime.server is None or model.partition("@")[0] in runtime.in_process


def refuse_unserved(choices: Sequence[ArmChoice], runtime: RuntimeConfig) -> None:
    """Refuses arms that nobody can answer for, as far as that can be known before anybody is asked.

    Raises:
        OptionError: a model in this process would have to call tools, or the server lacks a model.
        PolicyError: there is no server at the address.
    """
    for choice in choices:
        if choice.weights is None and runtime.server is None:
            raise OptionError(f"--model {choice.model} is a model of a server: name it with --server URL")
        if _here(choice.model, runtime) and choice.setting in find_strategy(choice.prompt, choice.setting).native:
            raise OptionError(
                f"arm {choice.arm}: strategy {choice.prompt} lets the model call tools, and models in this process "
                "call none: serve the family and pass --server, or choose another strategy"
            )
    asked = [choice for choice in choices if not _here(choice.model, runtime)]
    served = served_models(runtime.server, runtime.server_options) if asked and runtime.server is not None else None
    if served is None:
        return
    for choice in asked:
        # A server of a family itself makes any alpha.
        if not {choice.model, *([choice.model.partition("@")[0]] if choice.arm.alpha is not None else [])} & served:
            raise _lacking(runtime, choice.model, served)


def _lacking(runtime: RuntimeConfig, model: str, served: Collection[str]) -> OptionError:
    known = ", ".join(sorted(served)[:_NAMED]) or "none"
    return OptionError(f"{runtime.server} has no model {model!r}; it has {known}: serve it, or leave it out")


def present_models(
    models: Sequence[ModelChoice], runtime: RuntimeConfig, notify: Callable[[str], None]
) -> tuple[ModelChoice, ...]:
    """Those of a run's models that its server has, as far as the server says.

    A checkpoint that it lacks is left out, with a remark: a server of two alphas need not serve the rest of a family.

    Raises:
        OptionError: the server has no model of an alpha, or none at all.
        PolicyError: there is no server at the address.
    """
    served = served_models(runtime.server, runtime.server_options) if runtime.server is not None else None
    if served is None or any(model.name.partition("@")[0] in served for model in models):
        return tuple(models)  # a server of the family itself makes any alpha
    for model in models:
        if model.name not in served and model.alpha is None and len(models) > 1:
            notify(f"{runtime.server} has no model {model.name}, which is left out")
        elif model.name not in served:
            raise _lacking(runtime, model.name, served)
    return tuple(model for model in models if model.name in served)


def default_folder(config: RunConfig) -> Path:
    """``runs/COMMAND-MODELS-SPLIT-ID``: the same configuration finds its folder again, another one gets its own."""
    named = re.sub(r"[^\w.:@+-]+", "-", f"{config.command}-{config.label}-{config.split}")
    return RUNS / f"{named}-{config.run_id[:8]}"
