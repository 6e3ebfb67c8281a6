"""The words in which a problem is posed, for every environment and agent."""

from __future__ import annotations

from alphadial.envs.errors import ProblemError
from alphadial.envs.languages import PYTHON, find_language
from alphadial.envs.raw import readable
from alphadial.envs.tools.answers import allowed_languages, listed, offered_languages, solution_files
from alphadial.envs.tools.posing_repositories import (
    describe_repository,
    how_to_patch,
    how_to_submit_patch,
    how_to_work_in_repository,
)
from alphadial.envs.tools.posing_repositories import fenced as fenced
from alphadial.envs.tools.text import example_text, shorten
from alphadial.envs.types import Interface, Problem, Setting

_MAX_EXAMPLE = 4_000
"""Characters of one input or output of an example."""
_MAX_SAMPLES = 1_000_000
"""Characters of all samples in a workspace."""
_JUDGED = "Hidden tests then decide, with large inputs too."


def pose(problem: Problem, setting: Setting, language: str | None = None) -> str:
    """A problem as an attempt begins with it: what is to be solved, and how in this setting.

    Args:
        problem: needs a statement.
        setting: says whether an answer holds the program, or tools hand it in.
        language: of the program; None leaves the choice between those that the problem allows.

    Raises:
        ProblemError: the problem has no statement, or does not allow the language.
    """
    if problem.repository is not None and setting is Setting.AGENTIC:
        return f"{readable(_stated(problem).rstrip())}\n\n{how_to_work_in_repository(problem)}"
    how = how_to_answer(problem, language) if setting is Setting.REASONING else _how_to_work(problem, setting, language)
    return f"{describe(problem, language)}\n\n{how}"


def describe(problem: Problem, language: str | None = None) -> str:
    """What is to be solved: statement, rules, what kind of program is asked for, examples and starter code; of a code
    base its files.

    Raises:
        ProblemError: the problem has no statement, or does not allow the language.
    """
    statement = _stated(problem)
    if problem.repository is not None:
        return describe_repository(problem)
    rules = (("Input", problem.input_rules), ("Output", problem.output_rules))
    shown = examples(problem)
    parts = [statement.rstrip(), *(f"{title}:\n\n{rule.strip()}" for title, rule in rules if rule.strip())]
    parts += [_asked(problem, language) + (" Examples:" if shown else ""), shown, *_starters(problem, language)]
    return readable("\n\n".join(part for part in parts if part))


def examples(problem: Problem) -> str:
    """The public tests: calls with what they return, or inputs with their outputs."""
    shown = [test for test in problem.tests if test.public]
    if problem.interface is Interface.CALL:
        return "\n".join(readable(example_text(problem, test)) for test in shown)
    blocks = [
        f"{title} {number}:\n{fenced(shorten(readable(text), _MAX_EXAMPLE))}"
        for number, test in enumerate(shown, 1)
        for title, text in (("Input", test.input), ("Output", test.answer))
    ]
    return "\n\n".join(blocks)


def how_to_answer(problem: Problem, language: str | None = None) -> str:
    """What an answer in text must hold.

    Raises:
        ProblemError: the problem does not allow the language.
    """
    if problem.repository is not None:
        return how_to_patch(problem)
    allowed = offered_languages(problem, language)
    if len(allowed) == 1:
        return f"Answer with one {allowed[0].title} code block that holds the whole program."
    tags = listed([each.tags[0] for each in allowed])
    return f"Answer with one code block that holds the whole program, tagged with its language: {tags}."


def task_files(problem: Problem, language: str | None = None) -> dict[str, str]:
    """What an agentic workspace holds at first: the problem's own files, and beside them the task in words, samples and
    starter code.

    Raises:
        ProblemError: the problem has no statement, or does not allow the language.
    """
    made = {"README.md" if "README.md" not in problem.files else "statement.md": f"{describe(problem, language)}\n"}
    room = _MAX_SAMPLES
    for number, test in enumerate((test for test in problem.tests if test.public), 1):
        room -= len(test.input) + len(test.answer)
        if problem.interface is Interface.STDIO and room >= 0:
            made |= {f"samples/{number}.in": test.input, f"samples/{number}.ans": test.answer}
    files = solution_files(problem, language)
    if len(files) == 1:  # of several, one alone may be there in the end: the policy chooses which to begin
        made |= {file: code for file, name in files.items() if (code := _starter(problem, name))}
    return {**made, **problem.files}


def _stated(problem: Problem) -> str:
    if not problem.statement.strip():
        raise ProblemError(f"problem {problem.id} has no statement: it cannot be posed in words")
    return problem.statement


def _asked(problem: Problem, language: str | None) -> str:
    titles = [known.title for known in offered_languages(problem, language)]
    if problem.interface is Interface.CALL:
        if "class Solution" in problem.starter.get(PYTHON, ""):
            return f"Write a Python class Solution with the method {problem.entry}."
        return f"Write a Python function named {problem.entry}."
    program = f"a {titles[0]} program" if len(titles) == 1 else f"a program in {listed(titles)}"
    return f"Write {program} that reads standard input and writes standard output."


def _starters(problem: Problem, language: str | None) -> list[str]:
    begun = {name: _starter(problem, name) for name in allowed_languages(problem, language)}
    return [
        f"Begin with this code:\n{fenced(code, find_language(name).tags[0])}" for name, code in begun.items() if code
    ]


def _starter(problem: Problem, language: str) -> str:
    """What a program in the language begins with, whichever interpreter is to run it; "" for nothing."""
    return problem.starter.get(language) or problem.starter.get(find_language(language).implements, "")


def _how_to_work(problem: Problem, setting: Setting, language: str | None) -> str:
    if problem.repository is not None:
        return how_to_submit_patch(problem)
    if setting is Setting.TOOLS:
        return (
            "Work with the tools: run_tests runs a program on the examples; submit hands in your final program, once. "
            + _JUDGED
        )
    files = solution_files(problem, language)
    holds = f"define {problem.entry}" if problem.interface is Interface.CALL else "hold the program, alone"
    which = listed(list(files))
    one = which if len(files) == 1 else "it"
    return (
        f"The workspace of your tools holds the files of this task; {which} in it must {holds}. Look around, edit and "
        f"run. run_tests runs {one} on the examples; submit hands it in, once. {_JUDGED}"
    )
