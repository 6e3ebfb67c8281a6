"""A controller of your own against all others, on recorded outcomes: learnt on dev, played on test.

    python examples/bandit.py

``Bounce`` needs one method and what it remembers. Its arms are every alpha of ``tiny`` at two temperatures; what is
known of a problem beside its statement is in ``situation.context.features``, where the problem set tells it. With
``examples`` on PYTHONPATH, ``alphadial run tiny --controller bandit:Bounce`` makes real attempts with it, and
``alphadial compare tiny --controllers posterior,bandit:Bounce`` adds temperatures, intervals and differences.
"""

from typing import Any

from alphadial.agents import Replay, ReplayDataset, join_tables
from alphadial.controller import (
    BaseController,
    Choice,
    Fields,
    OutcomeKind,
    OutcomeLog,
    Situation,
    controller_names,
    make_controller,
    replay,
    sample_orders,
)


class Bounce(BaseController):
    """Begins with the arm that solved most on dev; then up after a slow program, down after a wrong one."""

    name = "bounce"
    _first = 0

    def _learn(self, log: OutcomeLog) -> None:
        self._first = int(log.counts()[:, :, OutcomeKind.SOLVED].sum(axis=0).argmax())

    def _choose(self, situation: Situation) -> Choice:
        if not situation.history:
            easy = situation.context.features.get("difficulty") == "easy"
            return Choice(0 if easy else self._first, "easy: the lowest alpha" if easy else "best on dev")
        slow = situation.history[-1][1] == OutcomeKind.OPTIMISATION
        return Choice(len(self.arms) - 1, "too slow: up") if slow else Choice(0, "wrong: down")

    def _memory(self) -> dict[str, Any]:
        return {"first": self._first}

    def _recall(self, fields: Fields) -> None:
        self._first = fields.integer("first", 0, len(self.arms) - 1)


def recorded(split: str) -> OutcomeLog:
    """What every alpha did at two temperatures: each pair of them is an arm."""
    tables = [(Replay.shipped("tiny", split, heat), heat) for heat in (0.6, 1.0)]
    return join_tables([ReplayDataset(table.log, table.problems).at(heat) for table, heat in tables]).log


def main() -> None:
    """Prints the share of test problems that each controller solves within k attempts."""
    dev, test = recorded("dev"), recorded("test")
    orders = sample_orders(test.kinds.shape, 20, seed=0)
    for name in (*controller_names(), "__main__:Bounce"):
        controller = make_controller(name, test.arms, horizon=5)
        controller.fit(dev)
        result = replay(controller, test, orders=orders, attempts=5)
        print(f"{controller.name:12} " + "  ".join(f"k={k}: {result.solved(k).mean():.3f}" for k in (1, 3, 5)))


if __name__ == "__main__":
    main()
