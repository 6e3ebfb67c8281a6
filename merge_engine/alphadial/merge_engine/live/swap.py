"""Mode ``swap``, as seen from the API server: the engine has one alpha at a time, and ``POST /v1/alpha`` changes it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from alphadial.merge_engine.alpha import format_alpha, model_name
from alphadial.merge_engine.errors import MergeEngineError
from alphadial.merge_engine.live.admission import Change, EngineClient, RefusedError
from alphadial.merge_engine.types import Family

WORKER = "alphadial.merge_engine.live.swap_worker.SwapWorker"


def swap_arguments(family: Family) -> list[str]:
    """Arguments of vLLM's server, with which it serves a family in this mode."""
    config = {"alphadial": {"family": str(family.path.resolve()), "mode": "swap"}}
    return [
        *("--model", str(family.low.resolve())),
        *("--served-model-name", family.name),
        *("--additional-config", json.dumps(config)),
        *("--worker-extension-cls", WORKER),
    ]


class Swap:
    """The mode ``swap`` of one engine; see ``admission.Mode``.

    Args:
        family: that the engine serves.
        client: of the engine, whose workers are ``swap_worker.SwapWorker``.
    """

    name = "swap"

    def __init__(self, family: Family, client: EngineClient) -> None:
        self._family = family
        self._client = client
        self._alpha = 0.0
        self._weights_id = self._write_path = ""
        self._version = 0
        self._known: set[float] = set()

    async def open(self) -> None:
        """Makes the workers read the endpoints and choose how they write; see ``admission.Mode``."""
        opened = await self._ask("alphadial_open")
        if "refused" in opened:
            raise MergeEngineError(f"family {self._family.name} cannot be served in mode swap: {opened['refused']}")
        self._alpha, self._weights_id, self._write_path = (opened[key] for key in ("alpha", "weights_id", "write_path"))

    def weights_id(self, alpha: float) -> str:
        """The id of the weights that the engine has, if they are those of ``alpha``."""
        if alpha != self._alpha:
            here = f"{model_name(self._family, self._alpha)} with weights {self._weights_id}"
            raise RefusedError(412, f"the engine has {here}: set alpha first, or ask for that")
        return self._weights_id

    def fields(self, alpha: float) -> Mapping[str, str | int | float]:
        """Nothing: all requests have the same alpha."""
        return {}

    def status(self) -> Mapping[str, Any]:
        """What the engine has now."""
        return {
            "alpha": format_alpha(self._alpha),
            "weights_id": self._weights_id,
            "version": self._version,
            "write_path": self._write_path,
        }

    async def check(self, alpha: float) -> None:
        """Has the workers make an alpha once that was not asked for before, to see whether it can be had."""
        if alpha in self._known:
            return
        answer = await self._ask("alphadial_check", alpha)
        if "refused" in answer:
            raise RefusedError(400, answer["refused"])
        self._known.add(alpha)

    async def change(self, alpha: float) -> Change:
        """Has the workers write the weights of ``alpha``; nothing where they are there already."""
        if alpha == self._alpha:
            return Change(self._weights_id, self._version, 0, 0.0)
        answer = await self._ask("alphadial_set", alpha)
        if "refused" in answer:
            raise RefusedError(400, answer["refused"])
        self._alpha, self._weights_id = alpha, answer["weights_id"]
        self._version += 1
        return Change(self._weights_id, self._version, answer["bytes_moved"], answer["seconds"])

    async def _ask(self, method: str, *arguments: Any) -> dict[str, Any]:
        """What all workers answer, which is the same but for their times."""
        answers: list[dict[str, Any]] = await self._client.collective_rpc(method, args=arguments)
        first = answers[0]
        for other in answers[1:]:
            if {**other, "seconds": None} != {**first, "seconds": None}:
                raise MergeEngineError(f"the workers disagree: {first} and {other}")
        return first
