"""A recipe applied to the bits of tensors, whole or in pieces: what disk, memory and running engines share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from alphadial.merge_engine.alpha import GRID, steps_for
from alphadial.merge_engine.compiled import FLUSHES, NOT_FINITE, Bits, flushes, is_finite
from alphadial.merge_engine.methods import METHODS, find_method
from alphadial.merge_engine.recipes import settings_of
from alphadial.merge_engine.types import Recipe, TensorKind


class Merging:
    """What a complete recipe does to tensors of floating-point numbers. Any thread may use it.

    At alpha 0 every recipe gives the first checkpoint bit for bit; at alpha 1 those of two checkpoints give the second.
    """

    def __init__(self, recipe: Recipe) -> None:
        """Loads the method, and takes the recipe's numbers."""
        self.recipe = recipe
        self._declared = METHODS[recipe.method]
        self._method = find_method(recipe.method)
        self._settings = settings_of(recipe)

    def reduce(self, tensor: TensorKind, inputs: Sequence[Bits]) -> Any:
        """What ``merge`` has to be told of a whole tensor, whatever alpha; None for methods that need nothing.

        Args:
            tensor: its name, dtype and shape.
            inputs: all its elements in each checkpoint, in the recipe's order.
        """
        return self._method.reduce(tensor, inputs, self._settings) if self._declared.reduces else None

    def merge(
        self, tensor: TensorKind, inputs: Sequence[Bits], out: Bits, alpha: float, reduced: Any = None, first: int = 0
    ) -> int:
        """Writes a piece of theta(alpha), or a whole tensor.

        Args:
            tensor: its name and dtype, and the shape of the whole.
            inputs: the piece's elements in each checkpoint, in the recipe's order.
            out: where the result's bits go; it shares no memory with the inputs.
            alpha: on the grid; the recipe's ``alphas`` scale it.
            reduced: what ``reduce`` gave for this tensor.
            first: number of the piece's first element in the tensor.

        Returns:
            0, or what is wrong with the result, which ``Inputs.refuse`` puts in words: ``FLUSHES``, or a sum of
            ``NOT_FINITE`` and ``OVERFLOWS``.

        Raises:
            AlphaError: this tensor's alpha is off the grid, or beyond 16 in magnitude.
        """
        steps = steps_for(self.recipe, tensor.name, alpha)
        if steps == 0 or (steps == GRID and self._declared.pair):
            out[:] = inputs[1 if steps else 0]
            return 0 if all(is_finite(tensor.dtype, bits) for bits in inputs) else NOT_FINITE
        if flushes():
            return FLUSHES
        return self._method.merge(tensor, inputs, out, self._settings, steps, reduced, first)
