"""Who is let in to a live engine, and when: a request and a change of the weights are never under way together.

A mode (``swap``, ``blend``) says which weights would answer, and what they take from the worker; here is what all modes
share. Everything runs in the event loop of one API server.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from alphadial.merge_engine.types import Family

WAIT_S = 60.0
"""Seconds that a change of alpha waits for requests under way, and that a request waits for a change."""
_POLL_S = 0.002


class RefusedError(Exception):
    """What is answered instead of an answer: a status of HTTP, and one line for who asked."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class EngineClient(Protocol):
    """What vLLM's client of its engine offers, as far as it is used."""

    async def collective_rpc(self, method: str, timeout: float | None = None, args: tuple[Any, ...] = ()) -> list[Any]:
        """What every worker's method of that name returned."""
        ...


@dataclass(frozen=True, slots=True)
class Change:
    """What a change of alpha did."""

    weights_id: str
    version: int
    """How many changes there have been since the engine started."""
    bytes_moved: int
    seconds: float
    """Seconds that the worker took."""


class Mode(Protocol):
    """One way to have theta(alpha) in an engine, as seen from its API server."""

    name: str

    async def open(self) -> None:
        """Makes the workers ready, once, before anything is served.

        Raises:
            MergeEngineError: it cannot be served so; the engine then does not start.
        """
        ...

    def weights_id(self, alpha: float) -> str:
        """The id of the weights that answer a request for ``alpha``, which is one of the family's.

        Raises:
            RefusedError: other weights would answer; the message names them.
        """
        ...

    def fields(self, alpha: float) -> Mapping[str, str | int | float]:
        """What the worker must know of a request: put into its ``vllm_xargs``."""
        ...

    def status(self) -> Mapping[str, Any]:
        """``alpha``, ``weights_id``, ``version`` and ``write_path``, null where the mode has no such thing."""
        ...

    async def check(self, alpha: float) -> None:
        """Looks for whatever is wrong with ``alpha``, before anybody has to wait for it. Changes nothing.

        Raises:
            RefusedError: it cannot be had.
        """
        ...

    async def change(self, alpha: float) -> Change:
        """Changes the weights of all workers, while no request is under way.

        Raises:
            RefusedError: nothing was written, and the engine goes on with the weights that it has.
            Exception: whatever else is raised means that the weights may be anything from now on.
        """
        ...


class Gate:
    """Lets requests in as long as the weights stay as they are, and a change of them once the requests have ended.

    Args:
        idle: whether the engine has no request left. A client that goes away leaves one for a moment: it must not write
            what it computes into the prefix cache under weights that are no longer there.
        wait_s: bound on every wait.
    """

    def __init__(self, idle: Callable[[], bool], wait_s: float = WAIT_S) -> None:
        self.wait_s = wait_s
        self.fault: str | None = None
        """Why nothing is let in any more, for good."""
        self._idle = idle
        self._inside = 0
        self._steady, self._empty = asyncio.Event(), asyncio.Event()
        self._steady.set()
        self._empty.set()

    def check(self) -> None:
        """Makes sure that the engine's weights are known.

        Raises:
            RefusedError: they are not, since a change of them failed.
        """
        if self.fault is not None:
            raise RefusedError(503, self.fault)

    @asynccontextmanager
    async def request(self) -> AsyncIterator[None]:
        """While this is held, the weights stay as they are.

        Raises:
            RefusedError: they are being changed for longer than is waited for, or that has failed.
        """
        self.check()
        try:
            async with asyncio.timeout(self.wait_s):
                while not self._steady.is_set():  # another change may begin before this task goes on
                    await self._steady.wait()
        except TimeoutError:
            raise RefusedError(503, f"the weights are still being changed after {self.wait_s:g} s: ask again") from None
        self.check()
        self._inside += 1
        self._empty.clear()
        try:
            yield
        finally:
            self._inside -= 1
            if not self._inside:
                self._empty.set()

    @asynccontextmanager
    async def change(self) -> AsyncIterator[None]:
        """While this is held, no request is under way. An exception other than RefusedError is a fault of the engine.

        Raises:
            RefusedError: another change is under way, requests were so for longer than is waited for, or a change has
                failed before.
        """
        self.check()
        if not self._steady.is_set():
            raise RefusedError(409, "another change of alpha is under way: ask again when it has ended")
        self._steady.clear()
        try:
            await self._drain()
            try:
                yield
            except RefusedError:
                raise
            except BaseException as error:  # one that was cancelled half-way as well
                self.fault = f"a change of the weights failed: {type(error).__name__}: {error}: restart the engine"
                raise
        finally:
            self._steady.set()

    async def _drain(self) -> None:
        try:
            async with asyncio.timeout(self.wait_s):
                await self._empty.wait()
                # What a cancelled request does last comes before the answer to this sleep.
                await asyncio.sleep(_POLL_S)
                while not self._idle():
                    await asyncio.sleep(_POLL_S)
        except TimeoutError:
            raise RefusedError(
                409, f"requests were still under way after {self.wait_s:g} s: alpha stays, and they go on"
            ) from None


@dataclass(frozen=True, slots=True)
class Live:
    """An engine that serves theta(alpha)."""

    family: Family
    mode: Mode
    gate: Gate
    served_name: str
    """What vLLM calls the model itself."""
