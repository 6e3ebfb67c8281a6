"""Text of programs and models is hostile: what a reader could not see, or a browser could obey, is made plain."""

from __future__ import annotations

import re
from html import escape

_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb]"
)


def visible(text: str) -> str:
    """With control characters, marks that turn the direction of writing and the like spelled out as ``⟨U+202E⟩``."""
    return _UNSEEN.sub(lambda found: f"⟨U+{ord(found[0]):04X}⟩", text.replace("\r\n", "\n"))


def cut(text: str, most: int) -> str:
    """At most so many characters, with a last line that says how many are left out."""
    return text if len(text) <= most else f"{text[:most]}\n⟨{len(text) - most:,} more characters⟩"


def html(value: object) -> str:
    """As the content of an element or an attribute."""
    return escape(visible(str(value)), quote=True)


def label(value: object, most: int = 60) -> str:
    """For a chart: plotly reads a little HTML in its texts."""
    text = visible(str(value))
    return escape(text if len(text) <= most else f"{text[: most - 1]}…", quote=False)


def number(value: float) -> str:
    """An alpha or another short number, with a true minus sign."""
    return f"{value:g}".replace("-", "\N{MINUS SIGN}")


def percent(value: float | None) -> str:
    """A fraction as per cent with one decimal; a dash where there is none."""
    return "–" if value is None else f"{_hundredth(value)} %"


def points(value: float | None) -> str:
    """A difference of fractions in percentage points."""
    return "–" if value is None else _hundredth(value)


def interval(bounds: tuple[float | None, float | None] | list[float | None]) -> str:
    """Two fractions as per cent in brackets; empty where there are none."""
    low, high = bounds
    if low is None or high is None:
        return ""
    return f"[{_hundredth(low)}, {_hundredth(high)}]"


def _hundredth(value: float) -> str:
    # Adding zero turns a negative zero into a positive one.
    return f"{round(100 * value, 1) + 0.0:.1f}".replace("-", "\N{MINUS SIGN}")
