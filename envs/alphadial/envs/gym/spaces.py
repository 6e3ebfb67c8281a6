"""A Gymnasium space of texts.

``gymnasium.spaces.Text`` needs its alphabet as a list: with all of Unicode it takes seconds to build. This one is any
text whose UTF-8 is at most so many bytes. Vector environments batch it as tuples; with ``shared_memory=False`` only.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces

_SAMPLE_CHARS = 200
_SURROGATES = (0xD800, 0xE000)
_LAST = 0x110000


class Utf8(spaces.Space[str]):
    """Every ``str`` that can be encoded in at most ``max_bytes`` bytes of UTF-8, the empty one included.

    Args:
        max_bytes: of one element.
        seed: of ``sample``.
    """

    def __init__(self, max_bytes: int, seed: int | np.random.Generator | None = None) -> None:
        if max_bytes < 0:
            raise ValueError(f"max_bytes must not be negative, but is {max_bytes}")
        self.max_bytes = max_bytes
        super().__init__(dtype=str, seed=seed)

    @property
    def is_np_flattenable(self) -> bool:
        """False: a text is no array."""
        return False

    def sample(self, mask: Any | None = None, probability: Any | None = None) -> str:
        """Up to 200 characters, of ASCII and of all of Unicode in equal shares.

        Raises:
            ValueError: a mask was given: there is nothing to choose between.
        """
        if mask is not None or probability is not None:
            raise ValueError("a space of texts takes no mask")
        rng = self.np_random
        length = int(rng.integers(min(_SAMPLE_CHARS, self.max_bytes) + 1))
        codes = np.where(rng.random(length) < 0.5, rng.integers(128, size=length), rng.integers(_LAST, size=length))
        codes = np.where((codes >= _SURROGATES[0]) & (codes < _SURROGATES[1]), ord("?"), codes)
        text = "".join(map(chr, codes.tolist()))
        return text.encode()[: self.max_bytes].decode(errors="ignore")

    def contains(self, x: Any) -> bool:
        """Whether it is such a text; ``numpy.str_`` is."""
        if not isinstance(x, str) or len(x) > self.max_bytes:
            return False
        try:
            return len(x.encode()) <= self.max_bytes
        except UnicodeEncodeError:
            return False

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Utf8) and other.max_bytes == self.max_bytes

    def __hash__(self) -> int:
        return hash((Utf8, self.max_bytes))

    def __repr__(self) -> str:
        return f"Utf8({self.max_bytes})"
