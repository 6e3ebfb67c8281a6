"""Statements as they are posed: text, Markdown and LaTeX as they are, HTML as text; pictures are named as missing."""

from __future__ import annotations

import ast
import re
from html.parser import HTMLParser

from alphadial.envs.problems.formats.assertion_checks import parsed
from alphadial.envs.problems.formats.packages import FormatError

_LONGEST_HTML = 50_000
"""Characters; longer HTML stays as it is, since reading it may take time that grows faster than it does."""
_MAX_PICTURES = 10
_BLOCKS = {
    *("address", "article", "blockquote", "body", "center", "details", "div", "dl", "figure", "form", "h1", "h2", "h3"),
    *("h4", "h5", "h6", "header", "hr", "html", "main", "ol", "p", "pre", "section", "summary", "table", "ul"),
}
_LINES = {"br", "dd", "dt", "figcaption", "li", "tr"}
_INLINE = {
    *("a", "abbr", "b", "big", "cite", "code", "em", "font", "i", "img", "kbd", "mark", "nobr", "q", "s", "samp"),
    *("small", "span", "strike", "strong", "sub", "sup", "tbody", "td", "tfoot", "th", "thead", "tt", "u", "var"),
}
_SILENT = {"head", "script", "style", "title"}
_TAGS = _BLOCKS | _LINES | _INLINE | _SILENT
_RAISED = {"sup": "^", "sub": "_"}
_BEGINS = re.compile(r"\s*<(?:!doctype\s|!--|([a-z][a-z0-9]{0,9})[\s/>])", re.IGNORECASE)
_PICTURES = re.compile(
    r"\\include(?:graphics|svg)\*?(?:\[[^\[\]]{0,300}\])?\{([^{}]{1,300})\}"
    r"|\\illustration\{[^{}]{0,100}\}\{([^{}]{1,300})\}"
    r"|!\[[^\[\]\n]{0,300}\]\(\s{0,9}<?([^()\s<>]{1,300})"
    r"|<img\b[^<>]{0,300}?\bsrc\s?=\s?[\"']?([^\"'\s<>]{1,300})"
    r"|\[(image)\]|<(image)>",
    re.IGNORECASE,
)


def posed(text: str, *, html: bool = False) -> str:
    """A statement as people and models read it.

    Args:
        text: in plain text, Markdown, LaTeX or HTML.
        html: it is HTML, whatever it looks like.
    """
    pictures = [next(filter(None, found)) for found in _PICTURES.findall(text)]
    shown = plain_text(text) if (html or is_html(text)) and len(text) <= _LONGEST_HTML else text
    if not pictures:
        return shown
    names = list(dict.fromkeys("a picture" if name[:5].lower() == "data:" else _file(name) for name in pictures))
    more = f", and {len(names) - _MAX_PICTURES} more" if len(names) > _MAX_PICTURES else ""
    return f"{shown.rstrip()}\n\n(Pictures that are not shown here: {', '.join(names[:_MAX_PICTURES])}{more}.)\n"


def is_html(text: str) -> bool:
    """Whether a text is HTML as a whole, and not another text with some tags in it: it begins and ends with a tag."""
    begins = _BEGINS.match(text)
    if begins is None or not text.rstrip().endswith(">"):
        return False
    return begins[1] is None or (begins[1].lower() in _TAGS and "</" in text)


def plain_text(html: str) -> str:
    """HTML as text: paragraphs, lists, tables and code; powers and indices as ``^`` and ``_``."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return reader.text


def docstring(prompt: str, entry: str) -> str:
    """What the prompt of a function says of it in words.

    Raises:
        FormatError: the prompt is not Python.
    """
    for node in prompted(prompt):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == entry:
            return ast.get_docstring(node) or f"Complete the function {entry}."
    return f"Complete the function {entry}."


def prompted(prompt: str) -> list[ast.stmt]:
    """The statements of a prompt, which may end with the head of a function.

    Raises:
        FormatError: it is not Python.
    """
    try:
        return parsed(prompt, "field 'prompt'")
    except FormatError:
        return parsed(f"{prompt.rstrip()} pass", "field 'prompt'")


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self._parts: list[str] = []
        self._preformatted = self._silent = 0
        self._raised: list[int] = []

    @property
    def text(self) -> str:
        lines = [line.rstrip() for line in "".join(self._parts).split("\n")]
        return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip() + "\n"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _TAGS or any(value is None for _, value in attrs):
            self._add(self.get_starttag_text() or "")  # "a<b and c>d" is no tag, nor is vector<int>
        elif tag in _SILENT:
            self._silent += 1
        elif tag == "li":
            self._break("\n- ")
        elif tag in _BLOCKS:
            self._break("\n\n")
            self._preformatted += tag == "pre"
        elif tag in _LINES:
            self._add("\n")
        elif tag in _RAISED:
            self._add(_RAISED[tag])
            self._raised.append(len(self._parts))
        elif tag == "img":
            self._add(f"[picture {_file(dict(attrs).get('src') or '')}]")
        elif tag in ("td", "th"):
            self._add("  ")
        elif tag == "code" and not self._preformatted:
            self._add("`")

    def handle_endtag(self, tag: str) -> None:
        if tag in _SILENT:
            self._silent = max(0, self._silent - 1)
        elif tag in _RAISED and self._raised:
            self._close_raised(self._raised.pop())
        elif tag == "pre":
            self._preformatted = max(0, self._preformatted - 1)
            self._add("\n\n")
        elif tag in _BLOCKS:
            self._break("\n\n")
        elif tag == "code" and not self._preformatted:
            self._add("`")

    def handle_data(self, data: str) -> None:
        if self._preformatted:
            self._add(data)
            return
        words = re.sub(r"[ \t\r\n\f]+", " ", data)
        at_start = not self._parts or self._parts[-1].endswith(("\n", " "))
        self._add(words.lstrip(" ") if at_start else words)

    def _break(self, lines: str) -> None:
        ended = next((part for part in reversed(self._parts) if part), "\n\n")
        self._add(lines if not ended.endswith(lines) and ended != "\n- " else "")

    def _close_raised(self, start: int) -> None:
        inner = "".join(self._parts[start:])
        if not re.fullmatch(r"\w*", inner):
            self._parts[start:] = [f"({inner.strip()})"]

    def _add(self, text: str) -> None:
        if text and not self._silent:
            self._parts.append(text)


def _file(name: str) -> str:
    return "" if name[:5].lower() == "data:" else name.rstrip("/").rpartition("/")[2][:80]
