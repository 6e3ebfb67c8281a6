"""A controller of your own against all others, on recorded outcomes: learnt on dev, played on test.

    python examples/bandit.py

``Bounce`` needs one method and what it remembers. With ``examples`` on PYTHONPATH,
``alphadial run tiny --controller bandit:Bounce`` makes real attempts with it, and
``alphadial compare tiny --controllers posterior,bandit:Bounce`` adds temperatures, intervals and differences.
"""

from typing import Any

from alphadial.agents import Replay
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
    """Begins with the alpha that solved most on dev; then up after a slow program, down after a wrong one."""

    name = "bounce"
    _first = 0

    def _learn(self, log: OutcomeLog) -> None:
        self._first = int(log.counts()[:, :, OutcomeKind.SOLVED].sum(axis=0).argmax())

    def _choose(self, situation: Situation) -> Choice:
        if not situation.history:
            return Choice(self._first, "best on dev")
        slow = situation.history[-1][1] == OutcomeKind.OPTIMISATION
        return Choice(len(self.arms) - 1, "too slow: up") if slow else Choice(0, "wrong: down")

    def _memory(self) -> dict[str, Any]:
        return {"first": self._first}

    def _recall(self, fields: Fields) -> None:
        self._first = fields.integer("first", 0, len(self.arms) - 1)


def main() -> None:
    """Prints the share of test problems that each controller solves within k attempts."""
    dev, test = Replay.shipped("tiny", "dev"), Replay.shipped("tiny", "test")
    orders = sample_orders(test.log.kinds.shape, 20, seed=0)
    for name in (*controller_names(), "__main__:Bounce"):
        controller = make_controller(name, test.log.arms, horizon=5)
        controller.fit(dev.log)
        result = replay(controller, test.log, orders=orders, attempts=5)
        print(f"{controller.name:12} " + "  ".join(f"k={k}: {result.solved(k).mean():.3f}" for k in (1, 3, 5)))


if __name__ == "__main__":
    main()
