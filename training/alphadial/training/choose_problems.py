"""Leaves out of dev and test what the initialisation solves anyway, where no checkpoint could make a difference.

``python -m alphadial.training.choose_problems FOLDER`` samples ``init`` of a training folder on every candidate of the
two splits and writes both files anew, without the candidates that it solves in more than half of its samples. The same
checkpoint chooses the same problems. It was run once, on that of seed 0, before any RL.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import torch

from alphadial.agents.policies.batcher import Batcher
from alphadial.agents.policies.sampler import Sampler
from alphadial.agents.policies.torch_policy import open_folder
from alphadial.agents.runs.attempt_loop import AttemptDeps
from alphadial.agents.runs.runner import rollout
from alphadial.envs.judging import Judge
from alphadial.envs.problems.tiny.build import Spec
from alphadial.envs.problems.tiny.splits import build_problems, draw, write_split
from alphadial.envs.sandbox import open_sandbox
from alphadial.envs.types import Rules
from alphadial.training.errors import TrainingError
from alphadial.training.train import REPORTS_KEPT, TEMPERATURE, TrainConfig, load_fp32

SPLITS = ("dev", "test")
SAMPLES = 32
MOST_SOLVED = 0.5
"""Share of its samples that the initialisation may solve of a problem that is kept."""
BATCH = 256


def choose(init: Path, specs: Sequence[Spec], judge: Judge, samples: int = SAMPLES) -> list[Spec]:
    """The candidates that a checkpoint does not solve in more than half of its samples, in their order.

    Args:
        init: a Hugging Face folder.
        specs: the candidates.
        judge: executes every answer.
        samples: of each candidate.

    Raises:
        TrainingError: an answer could not be judged.
        CheckpointError, PolicyError, EnvsError: as sampling and judging do.
    """
    config = TrainConfig()
    tokenizer, _ = open_folder(init)
    asked = [problem for problem in build_problems(specs) for _ in range(samples)]
    with closing(Batcher(Sampler(load_fp32(init), tokenizer, BATCH).sample, BATCH)) as policy:
        rollouts = rollout(
            asked,
            AttemptDeps(policy, judge),
            model="init",
            seed="choose",
            temperature=TEMPERATURE,
            max_tokens=config.max_tokens,
            rules=Rules(),
            prompt=config.prompt,
            parser=config.parser,
        )
    if any(one.report.verdict is None for one in rollouts):
        raise TrainingError("an answer could not be judged, so that nothing was chosen: run it again")
    solved = [one.report.solved for one in rollouts]
    shares = [sum(solved[start : start + samples]) / samples for start in range(0, len(solved), samples)]
    return [spec for spec, share in zip(specs, shares, strict=True) if share <= MOST_SOLVED]


def main() -> None:
    """Writes the split files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="a training folder, or any that holds init")
    parser.add_argument("--workers", type=int, help="sandboxes side by side (default: one per core)")
    options = parser.parse_args()
    torch.set_num_threads(1)
    with open_sandbox() as sandbox, Judge(sandbox, workers=options.workers, cache=REPORTS_KEPT) as judge:
        for split in SPLITS:
            candidates = draw(split)
            kept = choose(options.folder / "init", candidates, judge)
            digest = write_split(split, kept)
            print(f"{split}: {len(kept)} of {len(candidates)} candidates kept, sha256 {digest[:12]}", flush=True)


if __name__ == "__main__":
    main()
