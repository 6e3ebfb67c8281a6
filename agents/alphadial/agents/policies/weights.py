"""The weights that a model's name stands for, and answers that must come from them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable
from dataclasses import replace

from alphadial.agents.errors import PolicyError, WrongWeightsError
from alphadial.agents.runs.config import ModelChoice
from alphadial.agents.types import Completion, Policy, Request
from alphadial.envs.forking import OfOneProcess, in_child
from alphadial.merge_engine import (
    Family,
    blend_weights_id,
    check_alpha,
    find_weights_id,
    is_blend_id,
    model_name,
    split_model_name,
)


def choose_models(
    family: Family, alphas: Iterable[float | str], checkpoints: Iterable[str] = ()
) -> tuple[ModelChoice, ...]:
    """The models of a run, each once. Nothing is merged: weights and their ids are made when a model is first used.

    Raises:
        AlphaError: an alpha that is none of the family's.
    """
    dials: list[float | str] = [*(check_alpha(alpha, family) for alpha in alphas), *checkpoints]
    names = {model_name(family, dial): dial for dial in dials}
    return tuple(ModelChoice(name, None if isinstance(dial, str) else dial) for name, dial in names.items())


def expected_weights_id(family: Family, model: str) -> str:
    """The hash of the tensors that ``model`` stands for: as it is known, else computed.

    Raises:
        PolicyError: the name belongs to another family.
        MergeEngineError: no such checkpoint, an alpha out of range or off the grid, or damaged endpoints.
    """
    return find_weights_id(family, find_dial(family, model))


def find_dial(family: Family, model: str) -> float | str:
    """The alpha or the name of a checkpoint in a model's name.

    Raises:
        PolicyError: the name belongs to another family.
        MergeEngineError: it names neither.
    """
    name, dial = split_model_name(model)
    if name != family.name:
        raise PolicyError(f"model {model!r} is not of family {family.name}")
    return dial


def expected_blend_id(family: Family, model: str) -> str:
    """The id of what a server in mode ``blend`` answers with as ``model``.

    Raises:
        PolicyError, MergeEngineError: as ``expected_weights_id``; or the model cannot be blended.
    """
    return blend_weights_id(family, find_dial(family, model))


class VerifiedPolicy(OfOneProcess):
    """A policy whose every answer must come from the weights that its model's name stands for, merged or blended.

    Args:
        policy: answers; closed with this one.
        family: whose models are asked.
        server: what the user calls whoever answers.
    """

    def __init__(self, policy: Policy, family: Family, server: str) -> None:
        self._policy, self._family, self._server = policy, family, server
        self._expected: dict[tuple[str, bool], str] = {}
        """Ids by model and whether it is blended: only the kind that is told, since looking one up may read files."""
        self._begin_process()
        in_child(self, VerifiedPolicy._begin_process)

    def _begin_process(self) -> None:
        self._lock = threading.Lock()

    @property
    def concurrency(self) -> int:
        """See ``Policy``."""
        return self._policy.concurrency

    async def complete(self, request: Request) -> Completion:
        """See ``Policy``.

        Raises:
            WrongWeightsError: other weights answered, or the policy does not tell which.
        """
        completion = await self._policy.complete(request)
        if completion.finish_reason == "context":
            return completion
        blended = completion.weights_id is not None and is_blend_id(completion.weights_id)
        if (request.model, blended) not in self._expected:
            await asyncio.to_thread(self._look_up, request.model, blended)  # large checkpoints take their time
        return self._verified(request.model, self._expected[request.model, blended], completion)

    def close(self) -> None:
        """See ``Policy``."""
        self._policy.close()

    def _verified(self, model: str, expected: str, completion: Completion) -> Completion:
        told = completion.weights_id
        if not told:
            raise WrongWeightsError(
                f"{self._server} does not say which weights answered as {model} (no system_fingerprint): have it "
                f"report the weights id {expected}, or pass --unverified-weights to do without"
            )
        if told != expected:
            raise WrongWeightsError(
                f"{self._server} answered as {model} with other weights ({told[:80]!r}, not {expected}): serve what "
                f"alphadial merge makes of {self._family.path}"
            )
        return completion

    def _look_up(self, model: str, blended: bool) -> None:
        with self._lock:
            if (model, blended) not in self._expected:
                find = expected_blend_id if blended else expected_weights_id
                self._expected[model, blended] = find(self._family, model)


class UnverifiedPolicy(OfOneProcess):
    """A policy whose word about weights is not asked for: the weights id of every answer is None.

    Args:
        policy: answers; closed with this one.
    """

    def __init__(self, policy: Policy) -> None:
        self._policy = policy

    @property
    def concurrency(self) -> int:
        """See ``Policy``."""
        return self._policy.concurrency

    async def complete(self, request: Request) -> Completion:
        """See ``Policy``."""
        return replace(await self._policy.complete(request), weights_id=None)

    def close(self) -> None:
        """See ``Policy``."""
        self._policy.close()
