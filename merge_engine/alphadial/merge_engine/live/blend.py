"""Mode ``blend``, as seen from the API server: two weights in every layer, and each request has an alpha of its own.

Any number of alphas share a batch, at twice the weights to read for each step and without a swap. Answers are near
those of merged weights, but not equal bit for bit, so they carry ids of their own kind (``blend_ids.py``). Not measured
on a GPU.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from alphadial.merge_engine.alpha import format_alpha
from alphadial.merge_engine.data_only import read_json
from alphadial.merge_engine.errors import CheckpointError, MergeEngineError
from alphadial.merge_engine.live.admission import Change, EngineClient, RefusedError
from alphadial.merge_engine.live.blend_ids import blend_id, end_ids, end_names
from alphadial.merge_engine.types import Family

BLEND_ARCHITECTURES = ("LlamaForCausalLM", "Qwen2ForCausalLM", "Qwen3ForCausalLM")
"""Those that are tested against merged weights. Others may have layers that a blend would leave at one endpoint."""
BLEND_LOAD_FORMAT = "alphadial_blend"
"""Under which vLLM knows the loader of both endpoints."""
BLEND_ENVIRONMENT = {"VLLM_USE_V2_MODEL_RUNNER": "0"}
"""Version 2 of vLLM's model runner tells which request sits in which row only after the step is computed."""


def blend_arguments(family: Family) -> list[str]:
    """Arguments of vLLM's server, with which it serves a family in this mode, in ``BLEND_ENVIRONMENT``.

    Raises:
        FamilyError, CheckpointError: the family cannot be blended.
    """
    check_blend(family)
    config = {"alphadial": {"family": str(family.path.resolve()), "mode": "blend"}}
    return [
        *("--model", str(family.low.resolve())),
        *("--served-model-name", family.name),
        *("--additional-config", json.dumps(config)),
        *("--worker-extension-cls", "alphadial.merge_engine.live.blend_worker.BlendWorker"),
        *("--load-format", BLEND_LOAD_FORMAT),
        *("--logits-processors", "alphadial.merge_engine.live.blend_requests:AlphaOfRequests"),
        "--enforce-eager",
    ]


def check_blend(family: Family) -> None:
    """Whether a family can be blended, as far as its configuration and the headers of its endpoints tell.

    Raises:
        FamilyError: it merges by a method that no mixture of two outputs computes.
        CheckpointError: its endpoints are unreadable or do not fit each other, its architecture is none of those that
            are tested, or it is quantised.
    """
    from alphadial.merge_engine.inputs import check_endpoints  # only here: it loads the compiled loops

    end_names(family)
    check_endpoints(family)
    config = read_json(family.low / "config.json")
    found = config.get("architectures")
    if not isinstance(found, list) or len(found) != 1 or found[0] not in BLEND_ARCHITECTURES:
        covered = ", ".join(BLEND_ARCHITECTURES)
        raise CheckpointError(f"{family.low} is of architecture {found!r:.80}: blend covers {covered}; use mode swap")
    if config.get("quantization_config") is not None:
        raise CheckpointError(f"{family.low} is quantised, which mode blend does not cover: use unquantised endpoints")


class Blend:
    """The mode ``blend`` of one engine; see ``admission.Mode``.

    Args:
        family: that the engine serves.
        client: of the engine, whose workers are ``blend_worker.BlendWorker``.
    """

    name = "blend"

    def __init__(self, family: Family, client: EngineClient) -> None:
        self._family, self._client = family, client
        self._ends = ("", "")

    async def open(self) -> None:
        """Makes sure that the workers hold the family's endpoints; see ``admission.Mode``."""
        self._ends = end_ids(self._family)
        for held in await self._client.collective_rpc("alphadial_ends"):
            if tuple(held) != self._ends:
                raise MergeEngineError(
                    f"the engine has loaded other weights than {self._family.path} holds now ({', '.join(held)}, not "
                    f"{', '.join(self._ends)}): start it again"
                )

    def weights_id(self, alpha: float) -> str:
        """The id of the two weights that were loaded, at ``alpha``."""
        return blend_id(self._ends, alpha)

    def fields(self, alpha: float) -> Mapping[str, str | int | float]:
        """The alpha of the request."""
        return {"alpha": format_alpha(alpha)}

    def status(self) -> Mapping[str, Any]:
        """Nothing: there is no one alpha, and none is ever set."""
        return {"alpha": None, "weights_id": None, "version": None, "write_path": None}

    async def check(self, alpha: float) -> None:
        """Always refuses: requests have the alpha that their model's name carries."""
        raise RefusedError(409, f"mode blend has no alpha to set: ask for {self._family.name}@{format_alpha(alpha)}")

    async def change(self, alpha: float) -> Change:
        """Never asked for, since ``check`` refuses."""
        raise RefusedError(409, "mode blend has no alpha to set")
