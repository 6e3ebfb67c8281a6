"""File names and languages of sources. A name from a row becomes a file of the sandbox, so it is made safe."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePosixPath

from alphadial.envs.languages import PYTHON, all_languages, implementations
from alphadial.envs.languages import language_of as judged_language
from alphadial.envs.problems.formats.packages import FormatError, NoLanguageError

_OTHERS = {
    ".cs": "csharp",
    ".go": "go",
    ".hs": "haskell",
    ".js": "javascript",
    ".kt": "kotlin",
    ".pas": "pascal",
    ".php": "php",
    ".pl": "prolog",
    ".py2": "python2",
    ".rb": "ruby",
    ".rs": "rust",
    ".scala": "scala",
}
"""Extensions that the package format gives to languages which are not judged here yet."""
_RARE = {
    **dict.fromkeys((".adb", ".ads"), "ada"),
    ".a68": "algol68",
    ".apl": "apl",
    ".sh": "bash",
    ".cob": "cobol",
    ".cr": "crystal",
    ".d": "d",
    ".dart": "dart",
    ".ex": "elixir",
    ".erl": "erlang",
    **dict.fromkeys((".fth", ".4th", ".forth", ".frt"), "forth"),
    ".f90": "fortran",
    ".fs": "fsharp",
    ".ss": "gerbil",
    ".jl": "julia",
    **dict.fromkeys((".lisp", ".cl"), "lisp"),
    ".lua": "lua",
    **dict.fromkeys((".mod", ".def"), "modula2"),
    ".nim": "nim",
    ".m": "objectivec",
    ".ml": "ocaml",
    ".odin": "odin",
    ".pm": "perl",
    ".rkt": "racket",
    ".sim": "simula",
    ".st": "smalltalk",
    ".sno": "snobol",
    ".swift": "swift",
    ".ts": "typescript",
    ".vb": "visualbasic",
    ".zig": "zig",
}
"""Others of the package format's table, which tell a language only where no other file does: beside sources of another
language they are scripts and data."""
_PYTHON2 = re.compile(r"#!.*python2")
_UNSAFE = re.compile(r"[^A-Za-z0-9_.+-]")
_STARTS = {
    **dict.fromkeys(implementations(PYTHON), re.compile(r"__main__")),
    "cpp": re.compile(r"\bmain\s*\("),
    "c": re.compile(r"\bmain\s*\("),
    "java": re.compile(r"\bstatic\s+void\s+main\b"),
}


def source_file(name: str, source: str, language: str) -> str:
    """The file that a source goes into: the last part of its name, without what a shell or compiler reads otherwise,
    or as its language asks for.
    """
    base = _UNSAFE.sub("_", name.replace("\\", "/").rpartition("/")[2]).lstrip(".-")
    known = all_languages().get(language)
    if known is None:
        return base if "." in base else f"{base or 'main'}.txt"
    return known.file_of(source, base)


def known_language(name: str) -> str:
    """The name, where an extension can stand for a language of that name.

    Raises:
        FormatError: none does.
    """
    if name not in all_languages() and name not in {*_OTHERS.values(), *_RARE.values()}:
        raise FormatError(f"unknown language {name[:40]!r}; the judge knows: {', '.join(all_languages())}")
    return name


def is_source(name: str) -> bool:
    """Whether the extension of a file tells a language."""
    return _by_extension(name) is not None


def language_of(files: Mapping[str, str]) -> str:
    """The language that the extensions of the files name.

    Raises:
        NoLanguageError: they name none.
        FormatError: they name several.
    """
    found = {language for name in files if (language := _by_extension(name))}
    found = found or {_RARE[suffix] for name in files if (suffix := PurePosixPath(name).suffix) in _RARE}
    if found == {"c", "cpp"}:
        found = {"cpp"}
    if not found:
        shown = ", ".join(sorted({PurePosixPath(name).suffix or name for name in files}))
        raise NoLanguageError(f"{shown or 'no files'}: no known extension tells the language")
    if len(found) > 1:
        raise FormatError(f"sources of several languages: {', '.join(sorted(found))}")
    language = found.pop()
    if language == "python3" and any(_PYTHON2.match(text) for text in files.values()):
        return "python2"
    return language


def main_first(files: Mapping[str, str], language: str, entry: str = "") -> dict[str, str]:
    """The files with the one that starts the program first: the one called ``entry``, else main, else by its text."""
    starts = _STARTS.get(language)
    extensions = all_languages()[language].extensions if language in all_languages() else ()

    def order(name: str) -> tuple[bool, bool, bool, bool, str]:
        path = PurePosixPath(name)
        return (
            entry not in (name, path.stem),
            path.suffix not in extensions,
            path.stem not in ("main", "Main", "__main__"),
            starts is None or not starts.search(files[name]),
            name,
        )

    return {name: files[name] for name in sorted(files, key=order)}


def _by_extension(name: str) -> str | None:
    judged = judged_language(name)
    return judged.name if judged else _OTHERS.get(PurePosixPath(name).suffix)
