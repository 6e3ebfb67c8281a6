"""The tools of each setting, for a problem and the language of its programs."""

from __future__ import annotations

from alphadial.envs.tools.answers import listed, offered_languages, solution_files
from alphadial.envs.tools.specs import Argument, ToolSpec
from alphadial.envs.types import Interface, Problem, Setting

_SUBMIT = "Hands in {what} as the final answer and ends the attempt. It can be called once; nothing can follow it."
_RUN_TESTS = (
    "Runs {what} on the public tests of the problem and says, test by test, whether it passed, and for one that failed "
    "its input, what was expected and what came out. Hidden tests, larger ones among them, are not run."
)
_BOTH = (("run_tests", _RUN_TESTS), ("submit", _SUBMIT))
_WORKSPACE_TOOLS = (
    ToolSpec(
        "shell",
        "Runs a bash command in the workspace and returns its output, stdout and stderr together, and its exit "
        "status. Every command is a new shell: directory and variables are not kept, files in the workspace are; "
        "files elsewhere and background processes are not. No network. A command that takes too long is stopped "
        "and its changes are undone.",
        (Argument("command", "The command, as for bash -c."),),
    ),
    ToolSpec(
        "view",
        "Shows a text file of the workspace with line numbers, or lists a folder.",
        (
            Argument("path", 'Relative to the workspace, as "src/main.py"; "." lists all files.'),
            Argument("start", "First line to show, from 1; the first by default.", "integer", required=False),
            Argument("end", "Last line to show; the last by default.", "integer", required=False),
        ),
    ),
    ToolSpec(
        "edit",
        "Replaces one piece of text in a file of the workspace, or creates a file.",
        (
            Argument("path", "Relative to the workspace."),
            Argument(
                "old", "The text to replace: it must occur exactly once. Empty: create the file with the new text."
            ),
            Argument("new", "The text to put there."),
        ),
    ),
)


def tool_specs(setting: Setting, problem: Problem, language: str | None = None) -> tuple[ToolSpec, ...]:
    """The tools of an attempt.

    Args:
        setting: of the attempt.
        problem: says what a program must be.
        language: of the program; None leaves the choice between those that the problem allows.

    Raises:
        ProblemError: the problem does not allow the language, or the judge does not know it.
    """
    if problem.interface is Interface.REPOSITORY:
        return _repository_specs(setting, problem)
    if setting is Setting.AGENTIC:
        files = listed(list(solution_files(problem, language)))
        run, submit = (ToolSpec(n, text.format(what=f"{files} of the workspace")) for n, text in _BOTH)
        return (*_WORKSPACE_TOOLS, run, submit)
    arguments = _program_arguments(problem, language)
    run, submit = (ToolSpec(name, text.format(what="the program"), arguments) for name, text in _BOTH)
    return (submit,) if setting is Setting.REASONING else (run, submit)


def _repository_specs(setting: Setting, problem: Problem) -> tuple[ToolSpec, ...]:
    """The tools for a repository: a patch is handed in, and ``run_tests`` is there only with public tests."""
    agentic = setting is Setting.AGENTIC
    what = "what you have made of the repository" if agentic else "the patch"
    arguments = () if agentic else (Argument("program", "The patch, as git diff writes it."),)
    run, submit = (ToolSpec(name, text.format(what=what), arguments) for name, text in _BOTH)
    runs = (run,) if any(test.public for test in problem.tests) and setting is not Setting.REASONING else ()
    return (*(_WORKSPACE_TOOLS if agentic else ()), *runs, submit)


def _program_arguments(problem: Problem, language: str | None) -> tuple[Argument, ...]:
    allowed = offered_languages(problem, language)
    does = "defines what the problem asks for" if problem.interface is Interface.CALL else "reads stdin, writes stdout"
    title = f"{allowed[0].title} " if len(allowed) == 1 else ""
    tags = listed([known.tags[0] for known in allowed])
    return (
        Argument("program", f"The whole {title}program: it {does}."),
        Argument("language", f"The language of the program: {tags}.", required=len(allowed) > 1, told=len(allowed) > 1),
    )
