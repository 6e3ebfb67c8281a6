"""Group-relative policy optimisation under a coverage level, with rewards from real execution.

On-policy, one gradient step per batch: with advantage A = (R - mean(R)) / (std(R) + 0.1) within the samples of a
problem the loss is -mean(A * log p(answer)), token-averaged; no KL term, no clipping of ratios (they are 1). Source:
DeepSeekMath (arXiv 2402.03300), section 4.1, with the length normalisation over the whole batch.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from alphadial.agents.policies.batcher import Batcher
from alphadial.agents.policies.sampler import Sampler
from alphadial.agents.runs.attempt_loop import AttemptDeps
from alphadial.agents.runs.runner import rollout
from alphadial.agents.types import Rollout
from alphadial.envs.judging import Judge, coverage_level, find_reward
from alphadial.envs.types import Problem, Rules, Verdict
from alphadial.training.errors import TrainingError
from alphadial.training.sft import encode_chat
from alphadial.training.state import CurvePoint, Stage

Advantages = np.ndarray[Any, np.dtype[np.float64]]
"""One for each answer."""
ADVANTAGE_FLOOR = 0.1
"""Added to the standard deviation, so that a nearly solved problem does not shout."""


@dataclass(frozen=True, slots=True)
class GrpoConfig:
    """What determines a run from its initialisation."""

    coverage: str
    """A named coverage of the problems: "low", "mid" or "high"."""
    steps: int
    problems: int = 30
    """Per step."""
    samples: int = 12
    """Per problem."""
    max_tokens: int = 64
    """Tokens of an answer; longer ones are cut, and judged as they are."""
    learning_rate: float = 1e-4
    temperature: float = 1.0
    seed: int = 0
    save_every: int = 10
    prompt: str = "tiny"
    """Name of the prompting strategy."""
    parser: str = "program"
    """Name of the answer parser."""
    reward: str = "coverage"
    """Name of the reward, as in ``alphadial.envs.judging.find_reward``."""


def run_grpo(
    config: GrpoConfig,
    model: Any,
    tokenizer: Any,
    problems: Sequence[Problem],
    judge: Judge,
    folder: Path,
    on_step: Callable[[CurvePoint], None],
    stop_after: int | None = None,
) -> None:
    """Trains ``model`` in place, or goes on training it.

    Args:
        config: its values are bound to the folder.
        model: the initialisation, fp32.
        tokenizer: its tokenizer.
        problems: to draw from.
        judge: executes every answer.
        folder: of this stage; resumed from where it was last saved, or trained on where it was shorter.
        on_step: told of every step.
        stop_after: ends early, saved, after so many steps; for tests of resuming.

    Raises:
        TrainingError: the folder holds a stage with other settings, or there are fewer problems than a step draws.
        PolicyError, EnvsError: as the policy and the judge do; also an unknown reward.
    """
    import torch

    optimiser = torch.optim.AdamW(model.parameters(), lr=config.learning_rate, betas=(0.9, 0.99), weight_decay=0.0)
    settings = {name: value for name, value in asdict(config).items() if name != "steps"}
    stage = Stage(folder, {"stage": "grpo", **settings}, model, optimiser)
    reward = find_reward(config.reward)
    batch_size = config.problems * config.samples
    # The weights change between the steps, so that the answers claim no weights id.
    with closing(Batcher(Sampler(model, tokenizer, batch_size).sample, batch_size)) as policy:
        for step in range(_resume(stage, config), min(config.steps, stop_after or config.steps)):
            started = time.perf_counter()
            asked, rollouts = _attempt(config, step, problems, AttemptDeps(policy, judge))
            rewards = [
                reward(one.report, coverage_level(problem, config.coverage))
                for problem, one in zip(asked, rollouts, strict=True)
            ]
            loss = policy_loss(model, tokenizer, rollouts, advantages(rewards, config.samples))
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            optimiser.zero_grad()
            stage.curve.append(_point(step + 1, loss.item(), rollouts, time.perf_counter() - started))
            on_step(stage.curve[-1])
            if (step + 1) % config.save_every == 0:
                stage.save()
    stage.save()


def _resume(stage: Stage, config: GrpoConfig) -> int:
    """How many steps are done. The steps are no part of a stage's settings: every stage may be trained on."""
    done = stage.resume()
    if done > config.steps:
        raise TrainingError(
            f"{stage.folder} was trained for {done} steps, and {config.steps} are asked: choose another --out"
        )
    return done


def _attempt(
    config: GrpoConfig, step: int, problems: Sequence[Problem], deps: AttemptDeps
) -> tuple[list[Problem], list[Rollout]]:
    """The problems of a step, each as often as it is sampled, and the attempts on them."""
    if len(problems) < config.problems:
        raise TrainingError(
            f"a step draws {config.problems} problems, and there are {len(problems)}: train on a larger set"
        )
    drawn = random.Random(f"grpo/{config.seed}/{step}").sample(list(problems), config.problems)
    asked = [problem for problem in drawn for _ in range(config.samples)]
    rollouts = rollout(
        asked,
        deps,
        model="in-training",
        seed=f"grpo/{config.seed}/{step}",
        temperature=config.temperature,
        max_tokens=config.max_tokens,
        rules=Rules(coverage=config.coverage),
        prompt=config.prompt,
        parser=config.parser,
    )
    return asked, rollouts


def _point(step: int, loss: float, rollouts: Sequence[Rollout], seconds: float) -> CurvePoint:
    def share(verdict: Verdict) -> float:
        return sum(one.report.verdict is verdict for one in rollouts) / len(rollouts)

    return CurvePoint(step, loss, share(Verdict.AC), share(Verdict.TLE), share(Verdict.WA), seconds)


def advantages(rewards: Sequence[float | None], samples: int) -> Advantages:
    """(R - mean) / (std + 0.1) within each problem's samples; 0 for None, which could not be measured."""
    # (problems, samples)
    values = np.array([reward or 0.0 for reward in rewards]).reshape(-1, samples)
    measured = np.array([reward is not None for reward in rewards]).reshape(-1, samples)
    masked = np.ma.array(values, mask=~measured)
    centred = masked - masked.mean(axis=1, keepdims=True)
    scaled = centred / (masked.std(axis=1, keepdims=True) + ADVANTAGE_FLOOR)
    return np.asarray(scaled.filled(0.0).reshape(-1))


def policy_loss(model: Any, tokenizer: Any, rollouts: Sequence[Rollout], weights: Advantages) -> Any:
    """-sum(A * log p) over all sampled tokens, divided by their number."""
    import torch

    kept = [index for index, weight in enumerate(weights) if weight != 0.0]
    if not kept:
        return sum(parameter.sum() * 0.0 for parameter in model.parameters())
    prompts = [encode_chat(tokenizer, rollouts[index].request.messages) for index in kept]
    answers = [list(rollouts[index].completion.token_ids) for index in kept]
    width = max(len(prompt) + len(answer) for prompt, answer in zip(prompts, answers, strict=True))
    ids = torch.full((len(kept), width), tokenizer.pad_token_id)
    weight_of = torch.zeros((len(kept), width))
    for row, (prompt, answer) in enumerate(zip(prompts, answers, strict=True)):
        end = len(prompt) + len(answer)
        ids[row, :end] = torch.tensor(prompt + answer)
        weight_of[row, len(prompt) : end] = float(weights[kept[row]])
    logits = model(input_ids=ids, use_cache=False).logits[:, :-1]
    log_p = -torch.nn.functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten(), reduction="none")
    tokens = sum(len(one.completion.token_ids) for one in rollouts)
    return -(log_p * weight_of[:, 1:].flatten()).sum() / tokens
