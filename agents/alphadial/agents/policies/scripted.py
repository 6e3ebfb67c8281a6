"""A policy that plays a script: for tests, and for trying a judge or a problem set without any model."""

from __future__ import annotations

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
        batch_size: as for any policy.
    """

    def __init__(
        self, script: Script, weights_id: str | Mapping[str, str] | None = "scripted", batch_size: int = 16
    ) -> None:
        self.batch_size = batch_size
        self.requests: list[Request] = []
        """All that was asked so far."""
        self.batches: list[int] = []
        """The size of each batch so far."""
        self._script = script
        self._weights_id = weights_id
        self._played = 0
        self._begin_process()
        in_child(self, ScriptedPolicy._begin_process)

    def _begin_process(self) -> None:
        self._lock = Lock()

    def complete(self, requests: Sequence[Request]) -> list[Completion]:
        """Plays one line per request.

        Raises:
            PolicyError: the script has no line for a request.
            Exception: a scripted one.
        """
        with self._lock:
            self.requests.extend(requests)
            self.batches.append(len(requests))
            return [self._completion(request, self._line(request)) for request in requests]

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
