"""Loops of the methods that drop elements of task vectors, compiled by numba. Importing this loads no torch.

A task vector is a model less the base, element by element. Magnitudes are compared in fp32, each difference rounded
once, as integers that are ordered as they are; what is added up is in fp64, model after model, and never contracted.
Arrays of bits are as ``compiled_sums.typed`` gives them. No loop's result depends on where a piece begins or ends.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np

from alphadial.merge_engine.compiled import bits_of
from alphadial.merge_engine.compiled_sums import move_typed, widen

LOWER = 15
"""Bits of a magnitude that do not tell its class: the other 16 do."""
CLASSES = 1 << 16
LANES = 4
"""Histograms side by side, so that neighbours of one class need not wait for each other."""
ALL_TIES = 1 << 62
LARGEST = 0x7FFFFFFF
"""No magnitude of a finite difference is above it, or equal."""

_BLOCK = 512
"""Elements of which a core's first cache holds several sums in fp64."""
_F32, _F64, _I32 = numba.float32, numba.float64, numba.int32
_compile: Callable[..., Any] = numba.njit(nogil=True, cache=True, error_model="numpy", inline="never")
_inline: Callable[..., Any] = numba.njit(nogil=True, inline="always", error_model="numpy")


@_inline
def _magnitude(base: Any, model: Any) -> Any:
    """The bits of an element of a task vector in fp32, without its sign."""
    return bits_of(_F32(widen(model)) - _F32(widen(base))) & _I32(LARGEST)


@_compile
def _magnitudes(base: Any, model: Any, out: Any) -> None:
    for index in range(base.size):
        out[index] = _magnitude(base[index], model[index])


@_compile
def count_classes(base: Any, model: Any, counts: Any) -> None:
    """Adds the elements of a task vector to the counts of their classes of magnitude.

    Args:
        base: bits.
        model: bits.
        counts: shape (LANES, CLASSES), uint32; the sum over the first axis counts.
    """
    block = np.empty(_BLOCK, np.uint32)
    for start in range(0, base.size, _BLOCK):
        stop = min(start + _BLOCK, base.size)
        _magnitudes(base[start:stop], model[start:stop], block)
        for index in range(stop - start):
            counts[index & (LANES - 1), block[index] >> np.uint32(LOWER)] += np.uint32(1)


@_compile
def count_in_class(base: Any, model: Any, wanted: Any, counts: Any) -> None:
    """Adds the elements of one class of magnitude to the counts of their lower bits.

    Args:
        base: bits.
        model: bits.
        wanted: the class.
        counts: shape (LANES, 2 ** LOWER), uint32; the sum over the first axis counts.
    """
    block, found = np.empty(_BLOCK, np.uint32), np.empty(_BLOCK, np.uint32)
    upper = np.uint32(wanted)
    for start in range(0, base.size, _BLOCK):
        stop = min(start + _BLOCK, base.size)
        _magnitudes(base[start:stop], model[start:stop], block)
        size = np.uint64(0)
        for index in range(stop - start):
            # Written whether it is one of them or not, and written over where it is not: no branch to foresee.
            found[size] = block[index] & np.uint32((1 << LOWER) - 1)
            size += np.uint64((block[index] >> np.uint32(LOWER)) == upper)
        for index in range(np.intp(size)):
            counts[index & (LANES - 1), found[index]] += np.uint32(1)


@_compile
def _count_equal(base: Any, model: Any, wanted: Any) -> Any:
    found = _I32(0)
    for index in range(base.size):
        found += _I32(_magnitude(base[index], model[index]) == wanted)
    return found


@_compile
def find_equal(base: Any, model: Any, threshold: Any, count: Any) -> Any:
    """Number of the ``count``-th element of a task vector that has this magnitude; -1 where there are fewer."""
    wanted = _I32(threshold)
    for start in range(0, base.size, _BLOCK):
        stop = min(start + _BLOCK, base.size)
        here = _count_equal(base[start:stop], model[start:stop], wanted)
        if here < count:
            count -= here
            continue
        for index in range(start, stop):
            count -= _magnitude(base[index], model[index]) == wanted
            if count == 0:
                return index
    return -1


@_inline
def _round(state: Any) -> Any:
    """One round of Philox, and the next one's key; 32 bits of each number count."""
    a, b, c, d, left, right = state
    mask, half = np.uint64(0xFFFFFFFF), np.uint64(32)
    p, q = np.uint64(0xD2511F53) * (a & mask), np.uint64(0xCD9E8D57) * (c & mask)
    left_next, right_next = left + np.uint64(0x9E3779B9), right + np.uint64(0xBB67AE85)
    return (q >> half) ^ b ^ left, q, (p >> half) ^ d ^ right, p, left_next, right_next


@_compile
def draw(key: Any, stream: Any, group: Any, out: Any) -> None:
    """Random words of Philox 4x32-10 (Salmon et al., SC 2011): four for each counter.

    Args:
        key: uint64.
        stream: upper 64 bits of the counter, uint64.
        group: lower 64 bits of the first counter, uint64.
        out: uint32, a multiple of four.
    """
    half = np.uint64(32)
    for step in range(out.size // 4):
        counter = group + np.uint64(step)
        s = _round((counter, counter >> half, stream, stream >> half, key, key >> half))
        s = _round(_round(_round(s)))
        s = _round(_round(_round(s)))
        s = _round(_round(_round(s)))
        place = np.uint64(step) << np.uint64(2)
        out[place], out[place | np.uint64(1)] = s[0], s[1]
        out[place | np.uint64(2)], out[place | np.uint64(3)] = s[2], s[3]


@_compile
def _keep_between(base: Any, model: Any, weight: Any, above: Any, most: Any, out: Any) -> None:
    """Writes weight * element for magnitudes above the one and at most the other, and 0 for others."""
    least, largest = _I32(above), _I32(most)
    for index in range(base.size):
        magnitude = _magnitude(base[index], model[index])
        delta = weight * (widen(model[index]) - widen(base[index]))
        out[index] = delta if (magnitude > least) & (magnitude <= largest) else _F64(0.0)


@_compile
def _keep_ranks(base: Any, model: Any, weight: Any, top: Any, first: Any, out: Any) -> None:
    """Writes weight * element for those of a block that ``keep_top`` keeps, and 0 for others."""
    size = base.size
    kept, dropped = min(max(top[1] + 1 - first, 0), size), min(max(top[3] + 1 - first, 0), size)
    # Between these places it depends on the magnitude alone what is kept.
    for start, stop in ((0, min(kept, dropped)), (min(kept, dropped), max(kept, dropped)), (max(kept, dropped), size)):
        if start < stop:
            above = top[0] - 1 if start < kept else top[0]
            most = top[2] - 1 if start < dropped else top[2]
            _keep_between(base[start:stop], model[start:stop], weight, above, most, out[start:stop])


@_compile
def _add(deltas: Any, out: Any) -> None:
    for index in range(out.size):
        out[index] += deltas[index]


@_compile
def _add_agreeing(deltas: Any, weight: Any, signs: Any, masses: Any, weights: Any) -> None:
    zero = _F64(0.0)
    for index in range(masses.size):
        delta = deltas[index]
        agrees = (delta > zero) if signs[index] >= zero else (delta < zero)
        masses[index] += delta if agrees else zero
        weights[index] += weight if agrees else zero


@_compile
def _divide(masses: Any, weights: Any) -> None:
    for index in range(masses.size):
        masses[index] = masses[index] / (weights[index] if weights[index] > _F64(0.0) else _F64(1.0))


@_compile
def _fuse(deltas: Any, weights: Any, elects: Any, sums: Any, out: Any) -> None:
    """Writes the sum of weighted task vectors, or the mean of those elements that have its sign; see ``keep_top``."""
    zero = _F64(0.0)
    signs, totals = sums[0, : out.size], sums[1, : out.size]
    for index in range(out.size):
        signs[index] = totals[index] = out[index] = zero
    for row in range(deltas.shape[0]):
        _add(deltas[row], signs if elects else out)
    if elects:
        for row in range(deltas.shape[0]):
            _add_agreeing(deltas[row], abs(weights[row]), signs, out, totals)
        _divide(out, totals)


@_compile
def keep_top(base: Any, models: Any, weights: Any, tops: Any, first: Any, elects: Any, alpha: Any, out: Any) -> Any:
    """Writes base + alpha * the sum of task vectors of which some of the largest elements are kept, and no others.

    Args:
        base: bits.
        models: a tuple of bits.
        weights: of the models, fp64.
        tops: shape (models, 4), int64. The elements above the first number are kept, and those that equal it up to
            element number the second; except those above the third, and those that equal it up to the fourth.
        first: number of the first element.
        elects: False: sums. True: the sum decides an element's sign, + where it is 0, and the models that have that
            sign give the element, as the mean that their weights' magnitudes make.
        alpha: fp64.
        out: bits.

    Returns:
        As ``compiled_sums.move``.
    """
    deltas, sums, total = np.empty((len(models), _BLOCK)), np.empty((2, _BLOCK)), np.empty(_BLOCK)
    flags = _I32(0)
    for start in range(0, out.size, _BLOCK):
        stop = min(start + _BLOCK, out.size)
        for row in range(len(models)):
            _keep_ranks(base[start:stop], models[row][start:stop], weights[row], tops[row], first + start, deltas[row])
        moved = total[: stop - start]
        _fuse(deltas, weights, elects, sums, moved)
        flags |= move_typed(base[start:stop], moved, alpha, out[start:stop])
    return flags


@_compile
def _keep_drawn(base: Any, model: Any, weight: Any, words: Any, bound: Any, out: Any) -> None:
    factor = weight * (_F64(4294967296.0) / bound)
    for index in range(base.size):
        delta = factor * (widen(model[index]) - widen(base[index]))
        out[index] = delta if _F64(words[index]) < bound else _F64(0.0)


@_compile
def _keep_drawn_by_class(base: Any, model: Any, weight: Any, words: Any, bounds: Any, out: Any) -> None:
    for index in range(base.size):
        bound = bounds[_magnitude(base[index], model[index]) >> LOWER]
        delta = weight * (_F64(4294967296.0) / bound) * (widen(model[index]) - widen(base[index]))
        out[index] = delta if _F64(words[index]) < bound else _F64(0.0)


@_compile
def keep_drawn(
    base: Any, models: Any, weights: Any, bounds: Any, key: Any, first: Any, elects: Any, alpha: Any, out: Any
) -> Any:
    """Writes base + alpha * the sum of task vectors of which chance drops elements, and scales up the others.

    Element e of model m is kept if its word is below its bound: word e % 4 of Philox for the counter (e // 4, m). It is
    multiplied by 2 ** 32 / bound.

    Args:
        base: bits.
        models: a tuple of bits.
        weights: of the models, fp64.
        bounds: fp64, above 0 and at most 2 ** 32; shape (models, 1), or (models, CLASSES) for one per magnitude.
        key: of the random words, uint64.
        first: number of the first element.
        elects: as in ``keep_top``; so are alpha, out and what it returns.
        alpha: fp64.
        out: bits.
    """
    deltas, sums, total = np.empty((len(models), _BLOCK)), np.empty((2, _BLOCK)), np.empty(_BLOCK)
    flags = _I32(0)
    words = np.empty(_BLOCK + 4, np.uint32)
    for start in range(0, out.size, _BLOCK):
        stop = min(start + _BLOCK, out.size)
        skipped = (first + start) & 3
        for row in range(len(models)):
            draw(key, np.uint64(row), np.uint64((first + start) >> 2), words)
            some_base, some, some_words = base[start:stop], models[row][start:stop], words[skipped : skipped + _BLOCK]
            if bounds.shape[1] == 1:
                _keep_drawn(some_base, some, weights[row], some_words, bounds[row, 0], deltas[row])
            else:
                _keep_drawn_by_class(some_base, some, weights[row], some_words, bounds[row], deltas[row])
        moved = total[: stop - start]
        _fuse(deltas, weights, elects, sums, moved)
        flags |= move_typed(base[start:stop], moved, alpha, out[start:stop])
    return flags
