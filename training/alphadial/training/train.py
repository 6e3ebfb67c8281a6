"""Makes a family from nothing: tokenizer, SFT, and one GRPO run per coverage, all of the same initialisation."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import IO, Any, Protocol

from alphadial.envs.errors import ForeignError
from alphadial.envs.folders import lock_folder, write_atomically
from alphadial.envs.foreign import check_folder, read_json
from alphadial.envs.judging import Judge
from alphadial.envs.judging.preparing import prepare
from alphadial.envs.problems import load_split
from alphadial.merge_engine import FamilyFile, save_family
from alphadial.training.errors import TrainingError
from alphadial.training.grpo import GrpoConfig, run_grpo
from alphadial.training.idioms import idioms_hash
from alphadial.training.model import train_tokenizer
from alphadial.training.sft import SftConfig, run_sft
from alphadial.training.state import STATE_FILE, CurvePoint

PROBLEM_SET = "tiny-problems"
TEMPERATURE = 0.6
ALPHA_RANGE = (-1.5, 3.0)
VERSION = 2
"""Of the family's recipe: folders of another one are refused."""
REPORTS_KEPT = 8192
"""What a judge of answers in training does well to keep: they repeat each other, and steps give the same verdict."""
STATES = "training"
"""Folder in ``out`` with the state of every stage."""


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """What determines a family. The defaults are those of the shipped one."""

    seed: int = 0
    """Seed of every stage."""
    sft: SftConfig = field(default_factory=SftConfig)
    grpo_steps: dict[str, int] = field(default_factory=lambda: {"low": 24, "mid": 24, "high": 24})
    """Checkpoint -> steps under the coverage of that name."""
    problems: int = 30
    samples: int = 12
    max_tokens: int = 64
    problem_set: str = PROBLEM_SET
    """Where the problems of the rollouts come from: a name, a path, or ``module:Class``."""
    split: str | None = "train"
    prompt: str = "tiny"
    """Name of the prompting strategy; the corpus of SFT teaches compact prompts alone."""
    parser: str = "program"
    """Name of the answer parser."""
    control: bool = False
    """Also train ``control-low`` and ``control-high``, low and high for ``control_steps``: what more RL does, beside
    what alpha does."""
    control_steps: int = 80

    def scaled(self, share: float) -> TrainConfig:
        """The same with this share of every stage's steps, one at least: for a trial run."""
        sft = replace(self.sft, steps=max(1, round(self.sft.steps * share)))
        steps = {name: max(1, round(count * share)) for name, count in self.grpo_steps.items()}
        return replace(self, sft=sft, grpo_steps=steps, control_steps=max(1, round(self.control_steps * share)))

    def stages(self) -> dict[str, GrpoConfig]:
        """Checkpoint -> its GRPO run."""
        wanted = {name: (name, steps) for name, steps in self.grpo_steps.items()}
        if self.control:
            wanted |= {f"control-{end}": (end, self.control_steps) for end in ("low", "high")}
        return {
            name: GrpoConfig(
                coverage,
                steps,
                self.problems,
                self.samples,
                self.max_tokens,
                seed=self.seed,
                prompt=self.prompt,
                parser=self.parser,
            )
            for name, (coverage, steps) in wanted.items()
        }


class OnStep(Protocol):
    """Told of every step of every stage."""

    def __call__(self, stage: str, point: CurvePoint, steps: int) -> None:
        """``steps`` is the length of the stage."""


def train_family(config: TrainConfig, judge: Judge, out: Path, on_step: OnStep) -> Path:
    """Trains a family into ``out``, going on where an earlier run of the same configuration was stopped.

    ``out`` ends with ``init``, ``low``, ``mid``, ``high`` as Hugging Face folders, ``family.json``, and ``training/``
    with the state and the curve of every stage. The same configuration gives the same bits on the same machine.

    Raises:
        TrainingError: ``out`` holds something else, or a family of other settings, or cannot be written.
        StoreError: another process is training there.
        PolicyError, EnvsError: as sampling and judging do.
    """
    import torch
    from transformers.utils import logging

    logging.set_verbosity_error()  # a progress bar of its own per loaded checkpoint would drown ours
    logging.disable_progress_bar()
    torch.set_num_threads(1)
    with _prepare(out, config):
        _train(config, judge, out, on_step)
    return out


def _train(config: TrainConfig, judge: Judge, out: Path, on_step: OnStep) -> None:
    states = out / STATES
    split = load_split(config.problem_set, config.split)
    problems = prepare(split, judge).problems
    tokenizer = train_tokenizer()
    if not (out / "init").exists():
        sft = replace(config.sft, seed=config.seed)
        model = run_sft(sft, tokenizer, states / "init", _told("init", sft.steps, on_step))
        export(model, tokenizer, out / "init")
    for name, stage in config.stages().items():
        if (out / name).exists():
            continue
        model = load_fp32(out / "init")
        _begin(states / stage.coverage, states / name)
        told = _told(name, stage.steps, on_step)
        run_grpo(stage, model, tokenizer, problems, judge, states / name, told)
        export(model, tokenizer, out / name)
    write_family(out, config)


def _begin(trained: Path, stage: Path) -> None:
    """A control goes on from the checkpoint of its coverage: its first steps would be the same, bit for bit."""
    if stage == trained or (stage / STATE_FILE).exists():
        return
    stage.mkdir(exist_ok=True)
    partial = stage / f"{STATE_FILE}.partial"
    shutil.copyfile(trained / STATE_FILE, partial)
    partial.replace(stage / STATE_FILE)


def _prepare(out: Path, config: TrainConfig) -> IO[str]:
    """Checks that ``out`` is ours or empty, and takes its lock."""
    states = out / STATES
    if out.exists() and not states.is_dir() and (not out.is_dir() or any(out.iterdir())):
        raise TrainingError(f"{out} is not empty and not a training folder: choose another --out")
    try:
        check_folder(out)
        lock = lock_folder(states)
        bound, wanted = states / "config.json", asdict(config)
        wanted.pop("control")  # may be added to a finished family
        wanted |= {"version": VERSION, "corpus": idioms_hash()[:12]}
        if not bound.exists():
            write_atomically(bound, json.dumps(wanted, indent=1) + "\n")
        present = read_json(bound)
        if not isinstance(present, dict):
            raise TrainingError(f"{bound} holds no settings: choose another --out")
    except OSError as error:
        raise TrainingError(f"cannot write to {out} ({error.strerror}): choose another --out") from None
    except ForeignError as error:
        raise TrainingError(f"{error}; or choose another --out") from None
    if complaint := _differences(present, wanted):
        lock.close()
        raise TrainingError(f"{out} was trained {complaint}: choose another --out")
    return lock


def _differences(present: dict[str, Any], wanted: dict[str, Any]) -> str:
    """How the settings of a folder differ from those of this run; "" where they do not."""
    if present.get("version") != VERSION:
        return f"by version {present.get('version', 1)} of the recipe, and this is version {VERSION}"
    differs = [
        f"{key} {present.get(key)} there, {here} here" for key, here in wanted.items() if present.get(key) != here
    ]
    return f"with other settings ({'; '.join(differs)})" if differs else ""


def _told(stage: str, steps: int, on_step: OnStep) -> Callable[[CurvePoint], None]:
    return lambda point: on_step(stage, point, steps)


def load_fp32(folder: Path) -> Any:
    """A causal language model in fp32, from whatever dtype its folder holds.

    Raises:
        CheckpointError: its configuration asks for code to be run, or its weights cannot be read.
        PolicyError: they do not fit each other.
    """
    import torch
    from transformers import AutoModelForCausalLM

    from alphadial.agents.policies.torch_policy import check_fits, open_folder
    from alphadial.merge_engine.reader import Checkpoint

    _, config = open_folder(folder)
    check_fits(config, {name: info.shape for name, info in Checkpoint(folder).tensors.items()})
    return AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, local_files_only=True, trust_remote_code=False, use_safetensors=True
    )


def export(model: Any, tokenizer: Any, folder: Path) -> None:
    """Writes a Hugging Face folder in bf16, whole or not at all; the fp32 model is left as it is."""
    import torch

    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    copy = type(model)(model.config)
    copy.load_state_dict(model.state_dict())
    copy.to(torch.bfloat16).save_pretrained(partial)
    tokenizer.save_pretrained(partial)
    partial.replace(folder)


def write_family(out: Path, config: TrainConfig) -> None:
    """Writes ``family.json``."""
    save_family(
        out,
        FamilyFile(
            name="tiny",
            checkpoints={name: name for name in ("init", *config.stages())},
            alpha_range=ALPHA_RANGE,
            prompt=config.prompt,
            parser=config.parser,
            problem_set=config.problem_set,
            temperature=TEMPERATURE,
            max_tokens=config.max_tokens,
        ),
    )
