"""What a gateway counts, as Prometheus reads it."""

from __future__ import annotations

from typing import Protocol

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_WAITS = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000, float("inf"))


class Engines(Protocol):
    """What is counted of engines and of whoever waits for them."""

    def waiting(self) -> int:
        """How many requests wait."""
        ...

    def running(self) -> int:
        """How many requests are under way."""
        ...

    def up(self) -> int:
        """How many engines answer."""
        ...


class Metrics:
    """Counters of one gateway."""

    content_type = CONTENT_TYPE_LATEST

    def __init__(self) -> None:
        self._registry = all_ = CollectorRegistry()
        self._requests = Counter("alphadial_requests", "Answered requests by status.", ["status"], registry=all_)
        self._waits = Histogram(
            "alphadial_wait_seconds", "Time until a request has an engine.", buckets=_WAITS, registry=all_
        )
        self._swaps = Histogram(
            "alphadial_swap_seconds", "Time to change an engine's alpha.", buckets=_WAITS, registry=all_
        )
        self._failures = Counter("alphadial_engine_failures", "Answers of engines not passed on.", registry=all_)
        self._waiting = Gauge("alphadial_waiting", "Requests that wait for an engine.", registry=all_)
        self._running = Gauge("alphadial_running", "Requests under way on engines.", registry=all_)
        self._up = Gauge("alphadial_engines_up", "Engines that answer.", registry=all_)

    def answered(self, status: int) -> None:
        """Counts an answer."""
        self._requests.labels(str(status)).inc()

    def waited(self, seconds: float) -> None:
        """Counts a wait that has ended."""
        self._waits.observe(seconds)

    def swapped(self, seconds: float) -> None:
        """Counts a change of alpha."""
        self._swaps.observe(seconds)

    def failed(self) -> None:
        """Counts an answer that was none, or not by the weights that were asked for."""
        self._failures.inc()

    def now(self, engines: Engines) -> None:
        """Notes the present state."""
        self._waiting.set(engines.waiting())
        self._running.set(engines.running())
        self._up.set(engines.up())

    def text(self) -> bytes:
        """The metrics in Prometheus' format of text."""
        return generate_latest(self._registry)
