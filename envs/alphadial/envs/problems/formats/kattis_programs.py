"""Programs of Kattis packages: output validators, and labelled solutions with the files they include."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from alphadial.envs.labelled import LabelledSubmission
from alphadial.envs.problems.formats.kattis_expectations import Submissions
from alphadial.envs.problems.formats.kattis_settings import Settings
from alphadial.envs.problems.formats.names import is_source, known_language, language_of, main_first
from alphadial.envs.problems.formats.packages import FormatError, LoadError, NoLanguageError
from alphadial.envs.problems.formats.tree import CACHE, Tree
from alphadial.envs.problems.formats.yaml_file import at
from alphadial.envs.types import Submission, Test, Validator

_LARGEST = 16 * 1024 * 1024
"""Bytes of one source file."""


def read_validator(tree: Tree, settings: Settings, arguments: tuple[str, ...]) -> Validator:
    """The output validator of a package that has one of its own.

    Raises:
        FormatError: there is none, or more than one, or it comes with a build or run script.
    """
    folder = tree.root / settings.rules.validators
    folders = [entry for entry in tree.children(folder) if tree.is_folder(entry)]
    if folder.name == "output_validators":  # which holds a program, where output_validator is one
        if len(folders) > 1:
            raise FormatError("several output validators are not supported", path=folder)
        folder = folders[0] if folders else folder
    files = {name: settings.filled(source) for name, source in tree.files(folder, _LARGEST).items()}
    if not files:
        raise FormatError("holds no output validator, but problem.yaml asks for one", path=folder)
    if script := next((name for name in ("build", "run") if name in files), None):
        raise FormatError("validators with build or run scripts are not supported", path=folder / script)
    try:
        language = language_of(files)
    except FormatError as error:
        raise FormatError(str(error), path=folder) from None
    return Validator(language, main_first(files, language), arguments)


def read_solutions(tree: Tree, settings: Settings, tests: Sequence[Test]) -> Iterator[LabelledSubmission | LoadError]:
    """The programs in the folders of submissions/, each named by its path there."""
    root = tree.root / "submissions"
    submissions = Submissions(tree, settings, tests)
    names: list[str] = []
    for folder in tree.children(root):
        if not tree.is_folder(folder):
            if is_source(folder.name):
                yield LoadError(folder, None, "is left out: solutions belong in a folder here, such as accepted")
            continue
        for path in tree.names(folder):
            if path.name == CACHE:
                tree.warn(LoadError(path, None, "is left out: a cache", harmless=True))
                continue
            names.append(path.relative_to(root).as_posix())
            try:
                yield _solution(tree, settings, path, names[-1], submissions)
            except NoLanguageError as error:
                yield LoadError(path, None, f"is left out: {error}", harmless=True)
            except FormatError as error:
                yield error.fault(path)
    yield from submissions.left_out(names)


def program_in(folder: Path) -> LabelledSubmission:
    """The program that a folder of sources is, as in a package: all its files belong to it.

    Raises:
        FormatError: a file cannot be read, or the files tell no language, or several.
    """
    files = Tree(folder).files(folder, _LARGEST)
    language = language_of(files)
    return LabelledSubmission(folder.resolve().name, program(main_first(files, language), language))


def program(files: Mapping[str, str], language: str) -> Submission:
    """The submission of these files, of which the first one is the main one."""
    return Submission(language, files, next(iter(files)))


def _solution(tree: Tree, settings: Settings, path: Path, name: str, submissions: Submissions) -> LabelledSubmission:
    files = tree.files(path, _LARGEST) if tree.is_folder(path) else {path.name: tree.raw(path, _LARGEST)}
    expected = submissions.of(name, files)
    language = _stated_language(name, submissions) or language_of(files)
    entry, _, _ = submissions.stated(name, "entrypoint")
    files.update(_included(tree, language))
    filled = {file: settings.filled(source) for file, source in main_first(files, language, entry).items()}
    return LabelledSubmission(
        name,
        program(filled, language),
        path.parent.name,
        expected.expectations,
        expected.not_counted,
    )


def _stated_language(name: str, submissions: Submissions) -> str:
    stated, yaml, place = submissions.stated(name, "language")
    if yaml is None:
        return ""
    with at(yaml, place):
        try:
            return known_language(stated) if stated else ""
        except FormatError as error:
            raise FormatError(f"{name}: {error}") from None


def _included(tree: Tree, language: str) -> dict[str, str]:
    for folder in (tree.root / "include" / language, tree.root / "include" / "default"):
        if tree.is_folder(folder):
            return tree.files(folder, _LARGEST)
    return {}
