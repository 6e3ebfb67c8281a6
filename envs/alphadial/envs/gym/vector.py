"""Many ``alphadial/Coding-v0`` at once: in lock-step for vector code, or each at its own pace for asyncio."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self

import gymnasium
from gymnasium.vector import VectorEnv

from alphadial.envs.errors import EnvsError
from alphadial.envs.forking import OfOneProcess, in_child
from alphadial.envs.gym.coding_env import ENV_ID, CodingEnv


def make_vec(
    num_envs: int, *, asynchronous: bool = False, vector_kwargs: dict[str, Any] | None = None, **kwargs: Any
) -> VectorEnv[Any, Any, Any]:
    """A vector environment; observations are tuples of texts.

    Args:
        num_envs: how many.
        asynchronous: a process for each, instead of one after the other in this one.
        vector_kwargs: for Gymnasium's vector environment, as ``{"autoreset_mode": AutoresetMode.DISABLED}``.
        kwargs: of ``CodingEnv``; a ``backend`` spares each environment one of its own, in this process alone.

    Raises:
        ProblemError: as ``CodingEnv``.
        EnvsError: as ``CodingEnv``, or a backend was given to other processes.
    """
    options = dict(vector_kwargs or {})
    if asynchronous:
        if kwargs.get("backend") is not None:
            raise EnvsError("environments in processes of their own cannot share a backend: leave it out")
        # Gymnasium 1.4 reads texts from shared memory once, at the start, and repeats them for ever.
        options["shared_memory"] = False
    mode = "async" if asynchronous else "sync"
    return gymnasium.make_vec(ENV_ID, num_envs, vectorization_mode=mode, vector_kwargs=options, **kwargs)


class AsyncCodingEnv(OfOneProcess):
    """A ``CodingEnv`` whose methods are awaited: an event loop keeps many attempts going, each in a thread of its own.

    Args:
        kwargs: of ``CodingEnv``; give many of them one ``backend``.
    """

    def __init__(self, **kwargs: Any) -> None:
        self.env = CodingEnv(**kwargs)
        self._begin_process()
        in_child(self, AsyncCodingEnv._begin_process)

    def _begin_process(self) -> None:
        self._thread = ThreadPoolExecutor(1, "alphadial-coding-env")

    async def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[str, dict[str, Any]]:
        """See ``CodingEnv.reset``."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, lambda: self.env.reset(seed=seed, options=options))

    async def step(self, action: str | dict[str, Any]) -> tuple[str, float, bool, bool, dict[str, Any]]:
        """See ``CodingEnv.step``."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self.env.step, action)

    async def close(self) -> None:
        """Waits for a step that is under way, then ends everything. Idempotent; nothing can follow it."""
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._thread.shutdown()
        self.env.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()
