"""Text and numbers as the report's HTML and charts show them."""

from __future__ import annotations

import math
import re
from html import escape

from alphadial.cli.visible import visible

_NEGATIVE = re.compile(r"(?<![^@])-(?=[0-9])")


def cut(text: str, most: int) -> str:
    """The beginning of a text, with a last line that says how many characters are left out."""
    return text if len(text) <= most else f"{text[:most]}\n⟨{len(text) - most:,} more characters⟩"


def html(value: object) -> str:
    """As the content of an element or an attribute."""
    return escape(visible(str(value), lines=True), quote=True)


def label(value: object, most: int = 60) -> str:
    """A text in a chart, where plotly would read a little HTML."""
    text = visible(str(value))
    return escape(text if len(text) <= most else f"{text[: most - 1]}…", quote=False)


def number(value: float) -> str:
    """An alpha or another short number, with a true minus sign."""
    return f"{value:g}".replace("-", "\N{MINUS SIGN}")


def arm(name: str) -> str:
    """The label of an arm, with a true minus sign before an alpha."""
    return _NEGATIVE.sub("\N{MINUS SIGN}", visible(name))


def duration(seconds: float) -> str:
    """A time as people say it, in its two largest units."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, hours = divmod(round(seconds), 60), divmod(round(seconds / 60), 60)
    return f"{minutes[0]} min {minutes[1]} s" if seconds < 3600 else f"{hours[0]:,} h {hours[1]} min"


def percent(value: float | None) -> str:
    """A fraction as per cent with one decimal; a dash where there is none."""
    return "–" if value is None or math.isnan(value) else f"{_hundredth(value)} %"


def points(value: float | None, *, signed: bool = False) -> str:
    """A difference of fractions in percentage points; a dash where there is none."""
    if value is None or math.isnan(value):
        return "–"
    return ("+" if signed and value > 0 else "") + _hundredth(value)


def interval(bounds: tuple[float | None, float | None] | list[float | None]) -> str:
    """Two fractions as per cent in brackets; empty where there are none."""
    low, high = bounds
    if low is None or high is None:
        return ""
    return f"[{_hundredth(low)}, {_hundredth(high)}]"


def _hundredth(value: float) -> str:
    # Adding zero turns a negative zero into a positive one.
    return f"{round(100 * value, 1) + 0.0:.1f}".replace("-", "\N{MINUS SIGN}")
