"""Pictures, for the extra ``report``. Without matplotlib a run ends in text and one line says what is missing."""

from __future__ import annotations

from importlib.util import find_spec

OKABE_ITO = {"green": "#009E73", "vermillion": "#D55E00", "blue": "#0072B2", "grey": "#6B6B6B", "purple": "#CC79A7"}
"""Told apart with every common form of colour blindness: Okabe and Ito (2008), https://jfly.uni-koeln.de/color/."""

MISSING = "no picture: matplotlib is not installed; pip install 'alphadial[report]' draws it"

__all__ = ["MISSING", "OKABE_ITO", "can_draw"]


def can_draw() -> bool:
    """True where matplotlib is installed."""
    return find_spec("matplotlib") is not None
