"""What vLLM finds by alphadial's entry points: in each of its processes, and in its API server.

Both change nothing in engines that are not alphadial's. An engine becomes one by ``--additional-config '{"alphadial":
{"family": FOLDER, "mode": "swap"}}'`` and what else the mode needs (``live/engines.py`` starts them).

Importing this loads no numba: a worker of vLLM looks through all modules when it starts, and fails at llvmlite's.
"""

from __future__ import annotations

from argparse import Namespace
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal, cast

import torch
from pydantic import BaseModel, ConfigDict, ValidationError

from alphadial.merge_engine.errors import MergeEngineError
from alphadial.merge_engine.live.admission import EngineClient, Gate, Live, Mode
from alphadial.merge_engine.live.routes import LiveRoutes
from alphadial.merge_engine.registry import load_family
from alphadial.merge_engine.types import Family

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.datastructures import State

CONFIG_KEY = "alphadial"
"""The key in vLLM's ``additional_config``."""
_MODES = {
    "blend": "alphadial.merge_engine.live.blend:Blend",
    "swap": "alphadial.merge_engine.live.swap:Swap",
}
"""Name of a mode -> its class, which takes the family and vLLM's client of its engine."""


class LiveConfig(BaseModel):
    """What an engine is told by ``--additional-config``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    family: str
    """Folder with a ``family.json``, or the name of a family that comes with alphadial."""
    mode: Literal["blend", "swap"]


def register() -> None:
    """Prepares a process of vLLM (entry point ``vllm.general_plugins``).

    vLLM's kernels use AMX tiles where the CPU has them, and for small models nobody asks the kernel for them first: the
    worker would die of SIGILL in its first forward pass.
    """
    if torch.cpu._is_amx_tile_supported():
        torch.cpu._init_amx()


def live_config(additional: object) -> LiveConfig | None:
    """What vLLM's ``additional_config`` says of alphadial; None where it says nothing.

    Raises:
        MergeEngineError: it says something that does not hold.
    """
    if not isinstance(additional, dict) or CONFIG_KEY not in additional:
        return None
    try:
        return LiveConfig.model_validate(additional[CONFIG_KEY])
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(str(part) for part in (CONFIG_KEY, *fault["loc"]))
        raise MergeEngineError(f"--additional-config: {where}: {fault['msg']}") from error


class HttpPlugin:
    """The layer around the routes of an engine (entry point ``vllm.endpoint_plugins``, named in VLLM_PLUGINS)."""

    name = "alphadial_http"
    required_tasks = ("generate",)

    def __init__(self) -> None:
        self._live: Live | None = None

    def attach_router(self, app: FastAPI) -> None:
        """Puts the layer around the application; vLLM calls this once."""
        if live_config(app.state.args.additional_config) is not None:
            app.add_middleware(LiveRoutes, live=lambda: self._live)

    async def init_state(self, engine_client: Any, state: State, args: Namespace) -> None:
        """Makes the workers ready, so that the engine is served; vLLM calls this once, before it listens.

        Raises:
            MergeEngineError: the engine cannot be served so, which ends vLLM.
        """
        config = live_config(args.additional_config)
        if config is None:
            return
        parallel = engine_client.vllm_config.parallel_config
        if parallel.data_parallel_size > 1 or (args.api_server_count or 1) > 1:
            raise MergeEngineError("several API servers or data-parallel ranks cannot share one alpha: use one of each")
        family = load_family(config.family)
        mode = _mode(config.mode, family, engine_client)
        await mode.open()
        gate = Gate(lambda: not engine_client.output_processor.has_unfinished_requests())
        self._live = Live(family, mode, gate, state.openai_serving_models.model_name())


def _mode(name: str, family: Family, client: EngineClient) -> Mode:
    module, _, kind = _MODES[name].partition(":")
    return cast(Mode, getattr(import_module(module), kind)(family, client))
