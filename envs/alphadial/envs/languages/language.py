"""What the judge needs to know of a programming language."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from ..units import MIB


@dataclass(frozen=True, slots=True)
class Language:
    """Words of a command may hold ``{main}`` (the main source file), ``{stem}`` (its name without extension) and
    ``{memory_mib}`` (the memory limit); the word ``{sources}`` stands for every file with one of the extensions.
    """

    name: str
    title: str
    """Its name in a sentence, as "C++"."""
    tags: tuple[str, ...]
    """What it is called beside, on code blocks and command lines, in lower case and without a version; the first one is
    what code blocks are written with."""
    extensions: tuple[str, ...]
    """With the dot; the first one names sources that come without a name."""
    compile: tuple[str, ...]
    """Ends with status 0 if the sources are a program."""
    run: tuple[str, ...]
    self_test: str
    """A program that reads a whole number and prints its double."""
    package: str
    """What apt-get installs it from."""
    artefacts: str | None = None
    """Pattern of the file names that compiling makes and running needs; None: it needs the sources."""
    entry: Callable[[Mapping[str, bytes], str], str] | None = None
    """From the artefacts and the stem of the main file to what ``{stem}`` stands for in ``run``."""
    also: tuple[str, ...] = ()
    """Extensions of sources that its compiler takes beside its own ones."""
    main: str = "main"
    """Stem of the main file of a source that comes without a name."""
    own_memory_bytes: int = 0
    """Of the runtime itself, beside what the program may use."""
    own_processes: int = 0
    """Threads of the runtime itself."""
    implements: str = ""
    """The language whose programs it runs in another way; the extensions of file names mean that one."""
    memory_errors: str = ""
    """What the runtime says on stderr where it refuses memory beyond a limit of its own: of one large array nothing is
    held then, so that what was used cannot tell."""

    main_of: Callable[[str], str | None] | None = None
    """From the text of a source to the stem that its file must have; None, or where it gives None: any."""

    def file_of(self, source: str, name: str = "") -> str:
        """The name of the file that a source goes into.

        Args:
            source: its text.
            name: a file name that is safe to use; "" where the source came without one.
        """
        stem = self.main_of(source) if self.main_of else None
        if stem is None and PurePosixPath(name).suffix in self.extensions:
            return name
        return f"{stem or name or self.main}{self.extensions[0]}"

    def expand(self, words: Sequence[str], sources: Sequence[str], memory_bytes: int) -> list[str]:
        """A command line. The first of ``sources`` is the main one."""
        main = PurePosixPath(sources[0])
        matching = [f"./{name}" for name in sources if PurePosixPath(name).suffix in self.extensions + self.also]
        line: list[str] = []
        for word in words:
            if word == "{sources}":
                line += matching or [f"./{main}"]
            else:
                line.append(word.format(main=f"./{main}", stem=main.stem, memory_mib=memory_bytes // MIB))
        return line
