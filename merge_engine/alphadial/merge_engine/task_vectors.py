"""What the methods that drop elements of task vectors share: which elements are the largest, and the loops over them.

A task vector is a model less the base, element by element; ``compiled_sparse.py`` says how magnitudes are compared.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from alphadial.merge_engine.compiled import NOT_FINITE, Bits, is_finite
from alphadial.merge_engine.compiled_sparse import (
    ALL_TIES,
    CLASSES,
    LANES,
    LARGEST,
    LOWER,
    count_classes,
    count_in_class,
    find_equal,
)
from alphadial.merge_engine.compiled_sums import typed
from alphadial.merge_engine.types import Settings, TensorKind


class Top(NamedTuple):
    """The largest elements of a task vector: those above ``threshold``, and those that equal it up to ``last``."""

    threshold: int
    """The bits of an fp32 magnitude."""
    last: int
    """Number of the last element of that magnitude that is among them."""


NO_TOP = Top(LARGEST, -1)
"""No element at all."""


def merge_piece(
    tensor: TensorKind, inputs: Sequence[Bits], out: Bits, loop: Callable[[Any, tuple[Any, ...], Any], int]
) -> int:
    """Runs a loop of ``compiled_sparse.py``, told base, models and result, and says what is wrong with the result.

    See ``types.MergeMethod.merge`` for the arguments and what it returns.
    """
    base, *models = (typed(tensor.dtype, bits) for bits in inputs)
    flags = int(loop(base, tuple(models), typed(tensor.dtype, out)))
    # A model's NaN may lie where its element is dropped.
    return flags if all(is_finite(tensor.dtype, bits) for bits in inputs) else NOT_FINITE


def find_top(tensor: TensorKind, base: Bits, model: Bits, count: int) -> Top:
    """The ``count`` largest elements of a task vector; of equal ones, the first.

    A radix select: it counts the upper 16 bits of every magnitude, then the lower 15 of those that share the upper bits
    of the one that it looks for, then, where not all that equal it are among the largest, these as far as they are.
    """
    if count <= 0:
        return NO_TOP
    if count >= base.size:
        return Top(0, ALL_TIES)
    low, high = typed(tensor.dtype, base), typed(tensor.dtype, model)
    upper, left = _from_top(class_counts(tensor, base, model), count)
    counts = np.zeros((LANES, 1 << LOWER), np.uint32)
    count_in_class(low, high, upper, counts)
    entries = counts.sum(axis=0, dtype=np.int64)
    lower, left = _from_top(entries, left)
    threshold = upper << LOWER | lower
    return Top(threshold, ALL_TIES if left == entries[lower] else int(find_equal(low, high, threshold, left)))


def class_counts(tensor: TensorKind, base: Bits, model: Bits) -> npt.NDArray[np.int64]:
    """How many elements of a task vector each class of magnitude has, the smallest first."""
    counts = np.zeros((LANES, CLASSES), np.uint32)
    count_classes(typed(tensor.dtype, base), typed(tensor.dtype, model), counts)
    found: npt.NDArray[np.int64] = counts.sum(axis=0, dtype=np.int64)
    return found


def _from_top(entries: npt.NDArray[np.int64], count: int) -> tuple[int, int]:
    """The entry that holds the ``count``-th element from the top, and which one of that entry's elements it is."""
    reached = np.cumsum(entries[::-1])
    place = int(np.searchsorted(reached, count))
    return entries.size - 1 - place, count - int(reached[place - 1] if place else 0)


def random_key(tensor: TensorKind, settings: Settings) -> np.uint64:
    """What a tensor's random words come from: the recipe's ``seed`` and the tensor's name."""
    text = f"{settings.parameters['seed']}/{tensor.name}"
    return np.uint64(int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little"))
