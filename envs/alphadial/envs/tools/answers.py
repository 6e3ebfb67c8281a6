"""What a policy answers becomes a submission: a text with a code block, or a workspace."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Sequence
from functools import lru_cache

from alphadial.envs.errors import PatchError, ProblemError
from alphadial.envs.forking import starting
from alphadial.envs.languages import PYTHON, Language, all_languages, by_tag, find_language, implementations
from alphadial.envs.patches import diff
from alphadial.envs.sandbox.workspace import Workspace
from alphadial.envs.tools.specs import BadCallError
from alphadial.envs.types import PATCH, Interface, Problem, Submission

_FENCE = re.compile(r"^[ \t]*(`{3,}|~{3,})([^\n]*)$", re.MULTILINE)
_TAG = re.compile(r"[ \t{.]*([A-Za-z0-9+#.-]{1,30})")
_PATCHES = ("diff", "patch", "udiff")
_COMMANDS = ("bash", "sh", "shell", "console")
"""Answers tell by such blocks how their program is compiled or run."""
_OTHERS = {"c#": "csharp", "golang": "go"}
"""Tags of languages that the judge does not know, where neither name nor extension tells them."""
_MAX_BLOCKS = 1_000
"""Code blocks that are looked at, from the last one on."""


def read_submission(text: str, problem: Problem, language: str | None = None) -> Submission | None:
    """The program in the last code block of an answer; None where it has no such block.

    Code blocks are those of CommonMark between two fences. One that is not closed was cut short and does not count, nor
    does an empty one, or one whose tag names no programming language, such as "text". The time that this takes is
    linear in the text.

    Args:
        text: the answer.
        problem: what it answers.
        language: what the program is in, whatever its block's tag says; None: what the tag says, or without one Python,
            where the problem allows it.

    Returns:
        A submission, which may be in a language that the problem does not allow: ``ToolSession`` fails it then.

    Raises:
        ProblemError: the problem does not allow the language that is asked for.
    """
    allowed = allowed_languages(problem, language)
    if problem.interface is Interface.REPOSITORY:
        return _patch_in(text)
    for tag, start, end in reversed(_blocks(text)):
        named = _language(tag) if tag else PYTHON
        if named is not None and text[start:end].strip():
            return one_file(text[start:end], _read_as(named, allowed, sure=bool(tag) and language is None))
    return None


def _patch_in(text: str) -> Submission | None:
    """The patch in the last code block that is tagged as one."""
    found = next(
        (text[start:end] for tag, start, end in reversed(_blocks(text)) if tag in _PATCHES and text[start:end].strip()),
        None,
    )
    return None if found is None else Submission.patch(found)


def workspace_submission(workspace: Workspace, problem: Problem, language: str | None = None) -> Submission:
    """The program in an agentic workspace.

    Raises:
        BadCallError: there is none, or there are several.
    """
    files = solution_files(problem, language)
    found = [file for file in files if file in workspace.files]
    if not found:
        raise BadCallError(f"there is no {' or '.join(files)} in the workspace")
    if len(found) > 1:
        raise BadCallError(f"the workspace holds {' and '.join(found)}: remove all but the one that counts")
    (file,) = found
    return Submission(files[file], {file: workspace.files[file].data.decode(errors="replace")}, file)


def changes_submission(before: Workspace, after: Workspace) -> Submission:
    """The patch that a repository's workspace has become.

    Raises:
        BadCallError: it is too long to be handed in.
    """
    try:
        return Submission.patch(diff(before.files, after.files))
    except PatchError as error:
        raise BadCallError(f"{error}: remove what does not belong to the solution") from None


def solution_files(problem: Problem, language: str | None = None) -> dict[str, str]:
    """The files of an agentic workspace of which one holds the program, each with its language.

    Raises:
        ProblemError: the problem does not allow the language, or the judge does not know it.
    """
    files: dict[str, str] = {}
    for name in allowed_languages(problem, language):
        known = find_language(name)
        stem = "solution" if known.main == "main" else known.main
        if not known.implements or f"{stem}{known.extensions[0]}" not in files:
            files[f"{stem}{known.extensions[0]}"] = name
    return files


def allowed_languages(problem: Problem, language: str | None = None) -> tuple[str, ...]:
    """Names of the languages in which the problem may be solved; where one is asked for, that one alone, by the
    interpreter that the problem names.

    Raises:
        ProblemError: the problem does not allow the language, or the judge does not know it.
    """
    if problem.interface is Interface.REPOSITORY:
        if language is not None:
            raise ProblemError(f"problem {problem.id} is a repository and takes a patch, not programs in {language}")
        return (PATCH,)
    known = (PYTHON,) if problem.interface is Interface.CALL else problem.languages or tuple(all_languages())
    if language is None:
        return known
    wanted = find_language(language)
    found = _of_family(wanted.name, known)
    if found is None:
        titles = listed([find_language(name).title for name in known])
        raise ProblemError(f"problem {problem.id} takes programs in {titles}, not in {wanted.title}")
    return (found,)


def offered_languages(problem: Problem, language: str | None = None) -> list[Language]:
    """The languages that a policy is told of: those allowed, each by one name however many interpreters it has.

    Raises:
        ProblemError: as ``allowed_languages``.
    """
    allowed = allowed_languages(problem, language)
    if allowed == (PATCH,):
        return []
    return [known for known in map(find_language, allowed) if known.implements not in allowed]


def why_not_allowed(problem: Problem, submission: Submission, language: str | None = None) -> str:
    """What is wrong with the language of a submission; "" where it is allowed."""
    allowed = allowed_languages(problem, language)
    if submission.language in allowed:
        return ""
    if allowed == (PATCH,):
        return "what is handed in to a repository is a patch"
    known = all_languages().get(submission.language)
    titles = listed([find_language(name).title for name in allowed])
    return f"the program is in {known.title if known else submission.language}, but must be in {titles}"


def one_file(source: str, language: str) -> Submission:
    """A submission of one file, in a language that the judge need not know."""
    if language in all_languages():
        return Submission.of(source, language)
    return Submission(language, {"main": source}, "main")


def listed(names: Sequence[str]) -> str:
    """Names as alternatives in a sentence."""
    return " or ".join(part for part in (", ".join(names[:-1]), *names[-1:]) if part)


def _read_as(named: str, allowed: Sequence[str], *, sure: bool) -> str:
    """The allowed language that a program is in; what it is named, where that is sure and not allowed."""
    found = _of_family(named, allowed)
    return found or (named if sure else allowed[0])


def _of_family(name: str, allowed: Sequence[str]) -> str | None:
    """The language of this name, or what runs its programs in another way, whichever is allowed."""
    if name in allowed:
        return name
    known = all_languages().get(name)
    family = implementations(known.implements or name) if known is not None else []
    return next((each for each in allowed if each in family), None)


def _blocks(text: str) -> Sequence[tuple[str, int, int]]:
    """Tag, start and end of the contents of the last code blocks."""
    found: deque[tuple[str, int, int]] = deque(maxlen=_MAX_BLOCKS)
    opened = None
    for fence in _FENCE.finditer(text):
        marks, info = fence[1], fence[2].strip()
        if opened is None:
            if "`" not in info or marks[0] == "~":
                opened = fence
        elif marks.startswith(opened[1]) and not info:
            tag = _TAG.match(opened[2])
            found.append((tag[1].lower() if tag else "", opened.end() + 1, fence.start()))
            opened = None
    return found


@lru_cache(maxsize=1_000)
def _language(tag: str) -> str | None:
    """The name of a programming language; None where the tag names none."""
    # Imported here: reading packages takes much that most answers do not need.
    with starting:  # see ``forking.imported``
        from alphadial.envs.problems.formats.names import known_language, language_of
        from alphadial.envs.problems.formats.packages import FormatError

    known = by_tag(tag)
    if known is not None:
        return known.name
    if tag in _COMMANDS:
        return None
    try:
        return known_language(_OTHERS.get(tag, tag))
    except FormatError:
        pass
    try:
        return language_of({f"x.{tag}": ""})
    except FormatError:
        return None
