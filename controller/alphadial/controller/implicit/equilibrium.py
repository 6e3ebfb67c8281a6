"""Equilibrium models: states x = max(0, Ax + Bu) of inputs u, and outputs y = Cx + Du.

El Ghaoui, Gu, Travacca, Askari, Tsai: Implicit Deep Learning (arXiv 1908.06315). Any feed-forward network is one whose
A is strictly upper triangular. Where no row of A has absolute values that sum to more than kappa < 1, the right side is
a contraction: there is exactly one equilibrium, and repeating the right side (Picard iteration) finds it. A model of
which that is not known is refused.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from alphadial.controller.errors import ControllerError

Floats = npt.NDArray[np.float64]
LARGEST_KAPPA = 0.999
"""Nearer to 1, rounding would keep the iteration from the error that it promises."""
_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class Equilibrium:
    """The four matrices, checked."""

    a: Floats
    """(n, n): from state to state."""
    b: Floats
    """(n, p): from input to state."""
    c: Floats
    """(q, n): from state to output."""
    d: Floats
    """(q, p): from input to output."""
    kappa: float
    """What the absolute values of no row of ``a`` exceed in sum."""

    def __post_init__(self) -> None:
        (states, inputs), outputs = self.b.shape, len(self.c)
        for name, matrix, shape in (("a", self.a, (states, states)), ("c", self.c, (outputs, states))):
            if matrix.shape != shape:
                raise ControllerError(f"matrix {name} of an equilibrium model is {matrix.shape}, where {shape} fits")
        if self.d.shape != (outputs, inputs):
            raise ControllerError(f"matrix d of an equilibrium model is {self.d.shape}, where {(outputs, inputs)} fits")
        if not all(np.isfinite(matrix).all() for matrix in (self.a, self.b, self.c, self.d)):
            raise ControllerError("an equilibrium model holds a number that is not finite")
        self._require_well_posed()

    def _require_well_posed(self) -> None:
        if not 0 <= self.kappa <= LARGEST_KAPPA:
            raise ControllerError(f"kappa of an equilibrium model lies in [0, {LARGEST_KAPPA}], and is {self.kappa:g}")
        sums = np.abs(self.a).sum(axis=1)
        if sums.max() > self.kappa + _ROUNDING:
            raise ControllerError(
                f"this equilibrium model is not known to have one equilibrium: the absolute values of row "
                f"{int(sums.argmax())} of its matrix a sum to {sums.max():.6g}, and kappa is {self.kappa:g}; "
                "project_rows gives the nearest matrix that has one"
            )

    @property
    def parameters(self) -> int:
        """How many entries of the four matrices are not zero."""
        return sum(int(np.count_nonzero(matrix)) for matrix in (self.a, self.b, self.c, self.d))

    def states(self, inputs: Floats, tolerance: float = 1e-6) -> Floats:
        """(N, n): the equilibria of ``inputs`` (N, p).

        The distance to the true ones is at most ``tolerance``, in units of the largest state or 1, whichever is more:
        one step of length s leaves at most s * kappa / (1 - kappa).
        """
        driven = inputs @ self.b.T
        state = np.maximum(driven, 0)
        while True:
            following = np.maximum(state @ self.a.T + driven, 0)
            moved, size = np.abs(following - state).max(initial=0), following.max(initial=1)
            state = following
            # Written so that what is not a number ends the loop too.
            if not moved * self.kappa > tolerance * (1 - self.kappa) * size:
                return state

    def outputs(self, inputs: Floats, tolerance: float = 1e-6) -> Floats:
        """(N, q): what the model says of ``inputs`` (N, p)."""
        said: Floats = self.states(inputs, tolerance) @ self.c.T + inputs @ self.d.T
        return said
