"""Step-counted Python: an allow-listed subset in which every loop, comprehension and call ticks.

Runs inside the sandbox, so it imports the standard library alone. What walks a container in C, be it an operator, a
built-in or a method, is charged one tick per element, so the count follows the algorithm and not the machine.
"""

from __future__ import annotations

import ast
import operator
from collections import deque
from collections.abc import Callable, Iterator
from itertools import chain, islice, repeat
from types import CodeType
from typing import Any

from .instrument import instrumented
from .subset import DisallowedError, check
from .walks import Walks

MAX_SOURCE_CHARS = 65_536


class Budget:
    """Counts ticks; calls ``on_exhausted`` (which must not return) when ``limit`` is passed."""

    def __init__(self, limit: int, on_exhausted: Callable[[], None]) -> None:
        self.limit = limit
        self._on_exhausted = on_exhausted
        self.reset()

    def reset(self) -> Callable[[], bool]:
        """Starts a fresh count and returns the tick: a C call that is True until the budget ends."""
        self._left = repeat(True, self.limit)
        self._ticks = chain(self._left, self._exhausted())
        return self._ticks.__next__

    def _exhausted(self) -> Iterator[bool]:
        self._on_exhausted()
        yield True

    def charge(self, ticks: int) -> None:
        """Ticks many times at once."""
        if ticks:
            deque(islice(self._ticks, min(ticks, self.limit + 1)), maxlen=0)

    @property
    def used(self) -> int:
        """Ticks since the last reset."""
        return self.limit - operator.length_hint(self._left)


def compile_steps(source: str) -> CodeType:
    """Checks and instruments a program.

    Raises:
        DisallowedError: outside the subset (the message names what, and the line).
        SyntaxError: does not parse.
    """
    if len(source) > MAX_SOURCE_CHARS:
        raise DisallowedError(f"source longer than {MAX_SOURCE_CHARS} characters")
    try:
        tree = ast.parse(source)
        check(tree)
        return compile(instrumented(tree), "<program>", "exec")
    except (RecursionError, MemoryError, ValueError) as error:  # too deeply nested, or a null byte
        raise DisallowedError(f"cannot be compiled: {error or type(error).__name__}") from None


def namespace(budget: Budget) -> dict[str, Any]:
    """The globals of an instrumented program; put ``budget.reset()`` under ``"_tick"`` before every call."""
    walks = Walks(budget.charge)
    walked, looked_into = walks.walked, walks.looked_into
    builtins: dict[str, Any] = {
        "abs": abs, "bool": bool, "divmod": walks.quotient, "int": walks.integer, "len": len, "range": range,
        "reversed": reversed, "min": walks.extremum(min), "max": walks.extremum(max), "sum": walks.total,
        "sorted": walks.sorted,
        "list": lambda items=(): list(walked(items)), "tuple": lambda items=(): tuple(walked(items)),
        "set": lambda items=(): set(looked_into(items)), "dict": lambda items=(): dict(walked(items)),
        "all": lambda items: all(walked(items)), "any": lambda items: any(walked(items)),
        "enumerate": lambda items, start=0: walks.ticking(enumerate(items, start)),
        "zip": lambda *items: walks.ticking(zip(*items, strict=False)),
    }  # fmt: skip
    return {"__builtins__": builtins, "_tick": budget.reset()} | walks.names()
