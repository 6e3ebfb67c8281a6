"""A policy that plays a script: for tests, and for trying a judge or a problem set without any model."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from threading import Lock

from alphadial.agents.errors import PolicyError
from alphadial.agents.types import Completion, Request
from alphadial.envs.forking import in_child

Line = str | Completion | Exception
"""An answer, or one with tool calls, or what is raised instead of one."""
Script = Sequence[Line] | Mapping[str, Line | Sequence[Line]] | Callable[[Request], Line]


class ScriptedPolicy:
    """Plays a script.

    Args:
        script: lines in the order of the requests, each once; or lines by the content of the last message, where of
            several the request's seed chooses one, so that a run repeats itself; or a function of the request.
        weights_id: what the completions carry: one for all, or by model name.
        concurrency: as for any policy.
        delay_s: how long an answer takes, or the function of the request that says so.
    """

    def __init__(
        self,
        script: Script,
        weights_id: str | Mapping[str, str] | None = "scripted",
        concurrency: int = 16,
        delay_s: float | Callable[[Request], float] = 0.0,
    ) -> None:
        self._concurrency, self._delay_s = concurrency, delay_s
        self.requests: list[Request] = []
        """All that was asked so far."""
        self._script = script
        self._weights_id = weights_id
        self._played = 0
        self._begin_process()
        in_child(self, ScriptedPolicy._begin_process)

    def _begin_process(self) -> None:
        self._lock = Lock()

    @property
    def concurrency(self) -> int:
        """As given."""
        return self._concurrency

    async def complete(self, request: Request) -> Completion:
        """Plays a line.

        Raises:
            PolicyError: the script has no line for the request.
            Exception: a scripted one.
        """
        began = time.perf_counter()
        with self._lock:
            self.requests.append(request)
            line = self._line(request)
        await asyncio.sleep(self._delay_s(request) if callable(self._delay_s) else self._delay_s)
        return replace(self._completion(request, line), seconds=time.perf_counter() - began)

    def close(self) -> None:
        """Nothing to free."""

    def _line(self, request: Request) -> Line:
        if callable(self._script):
            return self._script(request)
        if not isinstance(self._script, Mapping):
            if self._played == len(self._script):
                raise PolicyError(f"the script has ended: it holds {self._played} lines")
            self._played += 1
            return self._script[self._played - 1]
        prompt = request.messages[-1]["content"]
        if prompt not in self._script:
            raise PolicyError(f"the script has no line for {prompt[:80]!r}")
        lines = self._script[prompt]
        return lines if isinstance(lines, Line) else lines[request.seed % len(lines)]

    def _completion(self, request: Request, line: Line) -> Completion:
        if isinstance(line, Exception):
            raise line
        known = self._weights_id
        weights_id = known.get(request.model) if isinstance(known, Mapping) else known
        words = sum(len(message["content"].split()) for message in request.messages)
        if isinstance(line, Completion):
            return replace(line, weights_id=weights_id, prompt_tokens=words)
        return Completion(line, weights_id, prompt_tokens=words, completion_tokens=len(line.split()))
