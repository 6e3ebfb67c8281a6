"""What a report says becomes one HTML file. Every value passes through ``text.html`` or through JSON on its way."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from importlib.resources import files
from string import Template
from typing import Any

from alphadial.cli.report.text import html, number
from alphadial.cli.report.traces import Figure, cividis

_NAMED_DOTS = 12
_SCRIPTS = ("charts.js", "buttons.js", "attempts.js")


@dataclass(frozen=True, slots=True)
class Tile:
    """A figure worth seeing first."""

    name: str
    value: str
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page with a heading of its own."""

    id: str
    title: str
    link: str
    """The heading in a word, for the menu."""
    body: str
    """HTML."""


Part = tuple[Section, dict[str, Figure]]
"""A section, and the figures that it has places for, by name."""


@dataclass(frozen=True, slots=True)
class Page:
    """All that the file holds."""

    title: str
    lead: str
    tiles: Sequence[Tile]
    sections: Sequence[Section]
    figures: dict[str, Figure]
    banner: str = ""
    dial: str = ""
    """HTML of the picture in the header."""
    problems: Sequence[str] = ()
    """The problems of the heat map, in its order."""
    arms: Sequence[str] = ()
    """Every arm of the run, in order."""
    choices: Sequence[Any] = ()
    """Per problem its name and its attempts, as ``attempts.js`` shows them."""
    command: str = ""
    """Shows an attempt; "ID" stands for its id."""
    payload: str = ""
    """See ``transcripts.Packed``."""
    facts: dict[str, str] = field(default_factory=dict)
    keys: str = ""
    """Which keys do what, for the foot of the page."""


def render(page: Page) -> str:
    """The file. It fetches nothing, and its policy forbids it to."""
    from plotly.offline import get_plotlyjs  # type: ignore[import-untyped]

    plotly, script = get_plotlyjs(), "".join(map(_asset, _SCRIPTS))
    data = {name: getattr(page, name) for name in ("figures", "problems", "arms", "choices", "command")}
    return Template(_asset("template.html")).substitute(
        policy=_policy(plotly, script),
        title=html(f"{page.title} · alphadial"),
        style=_asset("style.css"),
        header=_header(page),
        links="".join(f'<a href="#{section.id}">{html(section.link)}</a>' for section in page.sections),
        sections="\n".join(map(_section, page.sections)),
        data=json_for_html(data),
        payload=page.payload,
        keys=html(page.keys),
        plotly=plotly,
        script=script,
    )


def json_for_html(value: Any) -> str:
    """JSON that cannot end the element it stands in."""
    return json.dumps(value, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")


def chart(name: str, caption: str, told: str) -> str:
    """The place of a figure; ``told`` says what it shows to who cannot see it."""
    place = f'<div class="chart" data-figure="{name}" role="img" aria-label="{html(told)}"></div>'
    return f"<figure><figcaption>{html(caption)}</figcaption>{place}</figure>"


def paragraph(text: str) -> str:
    """One paragraph of plain text."""
    return f"<p>{html(text)}</p>"


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], title: str, *, folded: bool = True) -> str:
    """A table that scrolls within itself, folded away unless it is the point. A cell may hold a second line of text."""
    head = "".join(f'<th scope="col">{html(name)}</th>' for name in heads)
    body = "".join(f"<tr>{''.join(f'<td>{_cell(cell)}</td>' for cell in row)}</tr>" for row in rows)
    whole = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    filled = f'<div class="scroll" tabindex="0" role="region" aria-label="{html(title)}">{whole}</div>'
    return f"<details><summary>{html(title)}</summary>{filled}</details>" if folded else filled


def dial(alphas: Sequence[float], best: float | None) -> str:
    """A picture of the alphas of a run on the dial, with low and high marked."""
    width, left = 640, 30
    first, last = min(0.0, alphas[0]), max(1.0, alphas[-1])

    def x(alpha: float) -> float:
        return round(left + (alpha - first) / (last - first) * (width - 2 * left), 1)

    # More names than these would run into each other on a phone.
    named = range(len(alphas)) if len(alphas) <= _NAMED_DOTS else {0, len(alphas) - 1}
    names = [number(alpha) if at in named or alpha == best else "" for at, alpha in enumerate(alphas)]
    classes = [' class="best"' if alpha == best else "" for alpha in alphas]
    dots = "".join(
        f'<circle cx="{x(alpha)}" cy="34" r="9" fill="{cividis(at, len(alphas))}"/>'
        f'<text x="{x(alpha)}" y="62"{classes[at]}>{html(names[at])}</text>'
        for at, alpha in enumerate(alphas)
    )
    ring = f'<circle class="ring" cx="{x(best)}" cy="34" r="13"/>' if best is not None else ""
    ends = "".join(f'<text x="{x(at)}" y="14">{name}</text>' for at, name in ((0, "low"), (1, "high")))
    track = f'<line class="track" x1="{left}" x2="{width - left}" y1="34" y2="34"/>'
    return f'<svg class="dial" viewBox="0 0 {width} 70" aria-hidden="true">{track}{dots}{ring}{ends}</svg>'


def _cell(text: str) -> str:
    value, _, remark = text.partition("\n")
    return f"{html(value)} <small>{html(remark)}</small>" if remark else html(value)


def _section(section: Section) -> str:
    head = f'<h2 id="{section.id}-title">{html(section.title)}</h2>'
    return f'<section id="{section.id}" aria-labelledby="{section.id}-title">{head}{section.body}</section>'


def _header(page: Page) -> str:
    tiles = "".join(
        f"<div><dt>{html(tile.name)}</dt><dd>{html(tile.value)}<small>{html(tile.remark)}</small></dd></div>"
        for tile in page.tiles
    )
    facts = "".join(f"<dt>{html(name)}</dt><dd>{html(value)}</dd>" for name, value in page.facts.items() if value)
    return "\n".join(
        [
            '<p class="brand"><b>alphadial</b> report</p>',
            f"<h1>{html(page.title)}</h1>",
            f'<p class="lead">{html(page.lead)}</p>',
            f'<p class="banner" role="status">{html(page.banner)}</p>' if page.banner else "",
            page.dial,
            f'<dl class="tiles">{tiles}</dl>',
            f'<details><summary>What was run</summary><dl class="facts">{facts}</dl></details>',
        ]
    )


def _policy(*scripts: str) -> str:
    hashes = " ".join(f"'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'" for script in scripts)
    # Plotly makes its styles and, for pictures of charts, blob images; nothing else is ever needed.
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )


@cache
def _asset(name: str) -> str:
    return files("alphadial.cli.report").joinpath(name).read_text("utf-8")
