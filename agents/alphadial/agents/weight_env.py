"""``alphadial/Weight-v0``: one step is one whole attempt, and the action is alpha.

Importing this module registers the environment::

    import gymnasium
    from alphadial.agents.weight_env import Replay
    env = gymnasium.make("alphadial/Weight-v0", source=Replay.shipped("tiny", "dev"))
"""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from alphadial.agents.errors import AgentsError
from alphadial.agents.weight_sources import Episode, Live, Replay, Source
from alphadial.controller.types import OutcomeKind

__all__ = ["ENV_ID", "Live", "Replay", "Source", "WeightEnv"]

ENV_ID = "alphadial/Weight-v0"
_CODES = len(OutcomeKind)
Observation = dict[str, npt.NDArray[Any]]


class WeightEnv(gymnasium.Env[Observation, Any]):
    """Chooses alpha for every attempt on one problem, until it is solved or the attempts are spent.

    ## Action Space
    ``Discrete(A)``, a position in the grid; or, with ``continuous=True``, ``Box(low, high, (1,))``, rounded to the
    nearest alpha of the grid, which ``info["alpha"]`` tells.

    ## Observation Space
    A ``Dict``: ``alphas`` (max_attempts,) float32, the alphas tried; ``kinds`` (max_attempts,) int8, 0 where no attempt
    was made yet, 1 solved, 2 wrong, 3 too slow, 4 unmeasurable; ``left`` (1,) float32, the share of attempts left.

    ## Rewards
    1 if the attempt solved the problem, else 0, minus ``price`` for the attempt.

    ## Starting State
    A problem drawn by the seed, or ``options={"problem": ID}``; nothing tried.

    ## Episode End
    Terminated when solved, or when the attempts are spent: the budget is part of the task. Truncated, with
    ``info["measured"]`` False and reward 0, where an attempt could not be measured: leave that step out of learning.

    ## Information
    ``problem`` (str), ``alpha`` (float; NaN after reset), ``kind`` and ``verdict`` (str; "" where there is none),
    ``attempts`` (int), ``measured`` (bool), ``end_reason`` (str: "", "solved", "attempts" or "unmeasurable").

    ## Arguments
    ``source``: a ``Replay`` or a ``Live``. ``max_attempts``: per episode. ``price``: of one attempt. ``continuous``:
    see above.
    """

    metadata: dict[str, Any] = {"render_modes": ["ansi"], "render_fps": 1}  # noqa: RUF012

    def __init__(
        self,
        source: Source,
        max_attempts: int = 5,
        price: float = 0.0,
        continuous: bool = False,
        render_mode: str | None = None,
    ) -> None:
        if max_attempts < 1:
            raise AgentsError(f"max_attempts must be at least 1, not {max_attempts}")
        if source.max_attempts is not None and max_attempts > source.max_attempts:
            raise AgentsError(
                f"max_attempts {max_attempts} is more than the {source.max_attempts} samples of the table"
            )
        self.render_mode = render_mode
        self._source, self._price, self._limit = source, float(price), max_attempts
        self._grid = np.asarray(source.alphas, dtype=np.float32)
        low, high = float(self._grid[0]), float(self._grid[-1])
        self.action_space = (
            spaces.Box(low, high, (1,), np.float32) if continuous else spaces.Discrete(len(source.alphas))
        )
        space: spaces.Space[Any] = spaces.Dict(
            {
                "alphas": spaces.Box(min(low, 0.0), max(high, 0.0), (max_attempts,), np.float32),
                "kinds": spaces.Box(0, _CODES, (max_attempts,), np.int8),
                "left": spaces.Box(0.0, 1.0, (1,), np.float32),
            }
        )
        self.observation_space = space
        self._problem, self._ended = -1, True
        self._tried: list[tuple[int, OutcomeKind]] = []
        self._attempt: Episode | None = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Begins an episode on a problem.

        Raises:
            AgentsError: ``options["problem"]`` names none of the source's.
        """
        super().reset(seed=seed)
        problems = self._source.problems
        wanted = (options or {}).get("problem")
        if wanted is not None and wanted not in problems:
            raise AgentsError(f"no problem {wanted!r} here: they are like {problems[0]!r}")
        drawn = int(self.np_random.integers(len(problems)))
        self._problem = drawn if wanted is None else problems.index(wanted)
        self._tried, self._ended = [], False
        self._attempt = self._source.begin(self._problem, self.np_random)
        return self._observation(), self._info(float("nan"), None, "", "")

    def step(self, action: Any) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Makes one attempt.

        Raises:
            ResetNeeded: before ``reset``, or after the end.
            AgentsError: an action outside the space; or whatever the source raises.
        """
        if self._ended or self._attempt is None:
            raise gymnasium.error.ResetNeeded("this episode has ended: call reset()")
        alpha = self._position(action)
        kind, verdict = self._attempt(alpha)
        self._tried.append((alpha, kind))
        solved, unmeasurable = kind is OutcomeKind.SOLVED, kind is OutcomeKind.UNMEASURABLE
        spent = len(self._tried) == self._limit
        reason = "solved" if solved else "unmeasurable" if unmeasurable else "attempts" if spent else ""
        self._ended = bool(reason)
        reward = 0.0 if unmeasurable else float(solved) - self._price
        info = self._info(self._source.alphas[alpha], kind, verdict, reason)
        return self._observation(), reward, self._ended and not unmeasurable, unmeasurable, info

    def render(self) -> str | None:
        """The attempts so far, in one line (``render_mode="ansi"``)."""
        if self.render_mode != "ansi" or self._problem < 0:
            return None
        tried = ", ".join(f"{self._source.alphas[alpha]:g} {kind.name.lower()}" for alpha, kind in self._tried)
        return f"{self._source.problems[self._problem]}: {tried or 'nothing tried'}"

    def close(self) -> None:
        """Ends the episode and closes the source. Idempotent."""
        self._ended = True
        self._source.close()

    def _position(self, action: Any) -> int:
        if not self.action_space.contains(action):
            raise AgentsError(f"action {action!r} is not in {self.action_space}")
        if isinstance(self.action_space, spaces.Discrete):
            return int(action)
        return int(np.abs(self._grid - action[0]).argmin())

    def _observation(self) -> Observation:
        alphas, kinds = np.zeros(self._limit, np.float32), np.zeros(self._limit, np.int8)
        for number, (alpha, kind) in enumerate(self._tried):
            alphas[number], kinds[number] = self._grid[alpha], kind + 1
        left = np.array([1 - len(self._tried) / self._limit], np.float32)
        return {"alphas": alphas, "kinds": kinds, "left": left}

    def _info(self, alpha: float, kind: OutcomeKind | None, verdict: str, reason: str) -> dict[str, Any]:
        return {
            "problem": self._source.problems[self._problem],
            "alpha": alpha,
            "kind": "" if kind is None else kind.name.lower(),
            "verdict": verdict,
            "attempts": len(self._tried),
            "measured": kind is not OutcomeKind.UNMEASURABLE,
            "end_reason": reason,
        }


gymnasium.register(id=ENV_ID, entry_point="alphadial.agents.weight_env:WeightEnv")
