"""A controller in a loop of your own: several decisions at once, what attempts cost, and a state on disk.

    python examples/own_loop.py

``Thrifty`` reads the statement and the costs so far; every other controller is used in the same way.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

from alphadial.controller import (
    BaseController,
    Budget,
    Choice,
    Context,
    Decision,
    Outcome,
    OutcomeKind,
    Situation,
    Trial,
    load_state,
    save_state,
)

STATEMENT = "Given up to 100,000 numbers, find the longest run whose sum is even."


class Thrifty(BaseController):
    """Large inputs go to the highest alpha first; later the alpha comes whose attempts were cheapest."""

    name = "thrifty"

    def _choose(self, situation: Situation) -> Choice:
        if not situation.history:
            large = "100,000" in situation.context.statement
            return Choice(len(self.arms) - 1 if large else 0, "large inputs" if large else "small inputs")
        spent = dict.fromkeys(self.arms, 0.0)
        for trial in situation.trials:
            spent[trial.arm] += trial.outcome.cost
        untried = len(situation.history) - len(situation.trials)  # asked for in this call, and not made yet
        cheapest = sorted(self.arms, key=spent.__getitem__)[untried % len(self.arms)]
        return Choice(self.arms.index(cheapest), f"{spent[cheapest]:.4f} spent on it here")


def attempt(decision: Decision) -> Outcome:
    """Stands for your own solver: asks a model, judges its program and says what that cost."""
    solved = decision.arm.alpha == 0.5
    return Outcome(OutcomeKind.SOLVED if solved else OutcomeKind.CORRECTNESS, "AC" if solved else "WA", cost=0.002)


def main() -> None:
    """Attempts one problem two at a time, with a new process after every round."""
    context, history = Context("longest-even", STATEMENT), list[Trial]()
    with TemporaryDirectory() as folder:
        state = Path(folder) / "controller.json"
        save_state(Thrifty((0, 0.5, 1)), state)
        while not history or history[-1].outcome.kind is not OutcomeKind.SOLVED:
            controller = load_state(state, Thrifty)
            for decision in controller.select(context, history, Budget(attempts=6 - len(history)), n=2):
                outcome = attempt(decision)
                controller.update(decision, outcome)
                history.append(Trial(decision.arm, outcome))
                print(f"{decision.id}: alpha {decision.arm} ({decision.reason}): {outcome.verdict}")
            save_state(controller, state)


if __name__ == "__main__":
    main()
