"""Files of a package: sorted, regular, and never outside the package, whatever links say."""

from __future__ import annotations

import re
import stat
from pathlib import Path

from alphadial.envs.problems.formats.lines import LONGEST_LINE, describe, read_data, read_text
from alphadial.envs.problems.formats.names import is_source
from alphadial.envs.problems.formats.packages import FormatError, LoadError
from alphadial.envs.raw import as_text

DEEPEST = 16
"""Folders within folders."""
CACHE = "__pycache__"
_NAME = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9_.+-]{0,254}")
"""Files with other names, such as .git or a~, are left out, as the package format asks; "+" is for .c++ files."""


def kind_of(path: Path) -> int | None:
    """``stat.S_IFREG``, ``stat.S_IFDIR`` or another kind of what a path leads to; None where nothing is to be seen.

    Unlike the questions of ``Path`` it never raises: of names too long and of folders that cannot be entered neither.
    """
    try:
        return stat.S_IFMT(path.stat().st_mode)
    except (OSError, ValueError):
        return None


class Tree:
    """A package folder, read and never written."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.left_out: set[Path] = set()
        """What was met under a name that the package format does not allow, but for hidden files."""
        self._warnings: dict[LoadError, None] = {}
        self._real = root.resolve()

    def children(self, folder: Path) -> list[Path]:
        """What is in a folder, by name; empty where there is no such folder.

        Raises:
            FormatError: something leads out of the package or nowhere, or is neither a file nor a folder.
        """
        found = self.names(folder)
        for entry in found:
            self._mode(entry)
        return found

    def names(self, folder: Path) -> list[Path]:
        """As ``children``, whatever each of them is: reading one that leads out of the package is refused."""
        if not self.is_folder(folder):
            return []
        if len(folder.relative_to(self.root).parts) > DEEPEST:
            raise FormatError(f"more than {DEEPEST} folders within folders", path=folder)
        try:
            entries = sorted(folder.iterdir())
        except OSError as error:
            raise FormatError(f"cannot be listed: {describe(error)}", path=folder) from None
        found = [entry for entry in entries if _NAME.fullmatch(entry.name)]
        self.left_out.update(entry for entry in set(entries) - set(found) if not entry.name.startswith("."))
        return found

    def is_folder(self, path: Path) -> bool:
        """Whether it is a folder of the package."""
        return kind_of(path) is not None and stat.S_ISDIR(self._mode(path))

    def is_file(self, path: Path) -> bool:
        """Whether it is a regular file of the package."""
        return kind_of(path) is not None and stat.S_ISREG(self._mode(path))

    def text(self, path: Path, largest: int = LONGEST_LINE) -> str:
        """What a file says.

        Raises:
            FormatError: it is missing, not a file of the package, too large or not UTF-8.
        """
        if not self.is_file(path):
            raise FormatError("missing", path=path)
        return read_text(path, largest)

    def raw(self, path: Path, largest: int = LONGEST_LINE) -> str:
        """What a file holds, as ``raw.as_text`` gives it: programs and their tests need not be UTF-8.

        Raises:
            FormatError: it is missing, not a file of the package, or too large.
        """
        if not self.is_file(path):
            raise FormatError("a link that leads nowhere" if path.is_symlink() else "missing", path=path)
        return as_text(read_data(path, largest))

    @property
    def warnings(self) -> tuple[LoadError, ...]:
        """What was met that is not used, in order."""
        return tuple(self._warnings)

    def warn(self, *warnings: LoadError) -> None:
        """Notes them, each once, however often a file is read."""
        self._warnings.update(dict.fromkeys(warnings))

    def files(self, folder: Path, largest: int) -> dict[str, str]:
        """The files of a folder and of those in it, by path relative to it; caches and binaries are left out."""
        texts: dict[str, str] = {}
        for entry in self.children(folder):
            if entry.name == CACHE:
                self.warn(LoadError(entry, None, "is left out: a cache", harmless=True))
            elif self.is_folder(entry):
                inner = self.files(entry, largest)
                texts.update({f"{entry.name}/{name}": text for name, text in inner.items()})
            elif not is_source(entry.name) and self._is_binary(entry, largest):
                self.warn(LoadError(entry, None, "is left out: a binary, which is no source", harmless=True))
            else:
                texts[entry.name] = self.raw(entry, largest)
        return texts

    def _is_binary(self, path: Path, largest: int) -> bool:
        data = read_data(path, largest)
        try:
            return "\0" in data.decode()
        except UnicodeDecodeError:
            return True

    def _mode(self, path: Path) -> int:
        try:
            real = path.resolve(strict=True)
            mode = real.stat().st_mode
        except (OSError, RuntimeError) as error:
            raise FormatError(f"cannot be read: {describe(error)}", path=path) from None
        if not real.is_relative_to(self._real):
            raise FormatError("a link that leads out of the package: replace it by the file", path=path)
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            raise FormatError("neither a file nor a folder", path=path)
        return mode
