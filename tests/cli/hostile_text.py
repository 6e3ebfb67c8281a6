"""Text that would drive a terminal, and what must be true of every output that was given such text."""

from __future__ import annotations

import unicodedata

HOSTILE = (
    "\x1b]0;owned\x07\x1b[2J\x1b[8m\x9b31m\x08\r\x7f"
    "\u202e\u2066\u200f\u061c\u2028\u2029\u0085\u200b\ufeff\U000e0041\u115f[red]y[/red][/]:smile:"
)
_DRIVING = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def forbidden(text: str) -> set[str]:
    """The characters of an output that was not made for a terminal which nobody may write."""
    return {one for one in set(text) - set("\n\t") if unicodedata.category(one) in _DRIVING or one == "\u115f"}
