"""Programs in answers and workspaces, and the words in which problems are posed."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from alphadial.envs import Limits, Problem, ProblemError, Setting, Test
from alphadial.envs.languages import all_languages, find_language
from alphadial.envs.sandbox import Workspace
from alphadial.envs.tools.answers import (
    allowed_languages,
    read_submission,
    solution_files,
    why_not_allowed,
    workspace_submission,
)
from alphadial.envs.tools.posing import describe, fenced, how_to_answer, pose, task_files
from alphadial.envs.tools.specs import BadCallError
from alphadial.envs.types import Interface

CALL = Problem(
    id="call",
    template="t",
    group="",
    statement="Is the list sorted?",
    prompt="",
    entry="ordered",
    tests=(Test(1, '[[1, 2], "up"]', "true", public=True), Test(2, "[[31337], null]", "false")),
    limits=Limits(),
)
STDIO = replace(
    CALL,
    id="stdio",
    statement="Double the number.",
    tests=(Test(1, "21\n", "42\n", public=True, name="1"), Test(2, "31337\n", "62674\n")),
    interface=Interface.STDIO,
)
BOTH = replace(STDIO, languages=("cpp", "pypy3"))
"""As packages have it whose Python programs are run by PyPy."""


def block(tag: str, text: str = "x = 1\n") -> str:
    return f"```{tag}\n{text}```\n"


@pytest.mark.parametrize(
    ("tag", "language"),
    [
        ("", "python3"), ("python", "python3"), ("py", "python3"), ("Python3.11", "python3"), ("pypy", "pypy3"),
        ("cpp", "cpp"), ("c++", "cpp"), ("C++17", "cpp"), ("cc", "cpp"), ("c", "c"), ("C11", "c"), ("java", "java"),
        ("{.cpp .numberLines}", "cpp"), ("cpp title=a.cpp", "cpp"), ("rust", "rust"), ("rs", "rust"), ("go", "go"),
        ("C#", "csharp"), ("javascript", "javascript"),
    ],
)  # fmt: skip
def test_the_tag_tells_the_language(tag: str, language: str) -> None:
    found = read_submission(f"So:\n{block(tag)}Done.", STDIO)
    assert found is not None
    assert (found.language, found.source) == (language, "x = 1\n")
    other = read_submission(f"So:\n{block(tag)}Done.", STDIO, "java")
    assert other is not None
    assert other.language == "java"


@pytest.mark.parametrize(
    ("answer", "program"),
    [
        ("no program here", None),
        ("", None),
        (block("python", "x = 1\n") + "better:\n" + block("", "x = '```'\n") + "done", "x = '```'\n"),
        (block("python") + "It prints:\n" + block("text", "42\n") + block("bash", "python3 a.py\n"), "x = 1\n"),
        (block("text", "a\n") + "between\n" + block("python"), "x = 1\n"),
        (block("python") + "cut short:\n```python\nx = ", "x = 1\n"),
        ("```python\nx = 1\n", None),
        (block("python", "") + block("python", " \n"), None),
        ("````python\nx = '''\n```\n'''\n````\n", "x = '''\n```\n'''\n"),
        ("~~~python\nx = 1\n~~~", "x = 1\n"),
        ("1. So:\n   ```python\n   x = 1\n   ```", "   x = 1\n"),
        ("```python\r\nx = 1\r\n```\r\n", "x = 1\r\n"),
        ("```x = 1```", None),
        ("```x = 1```\n" + block("py"), "x = 1\n"),
    ],
)
def test_the_last_code_block_counts(answer: str, program: str | None) -> None:
    found = read_submission(answer, CALL)
    assert (found and found.source) == program


def test_a_program_is_in_a_language_that_its_problem_allows() -> None:
    def named(tag: str, problem: Problem, language: str | None = None) -> str:
        found = read_submission(block(tag), problem, language)
        assert found is not None
        return found.language

    assert [named(tag, CALL) for tag in ("", "python", "pypy", "cpp")] == ["python3", "python3", "python3", "cpp"]
    assert [named(tag, BOTH) for tag in ("", "python", "pypy", "cpp", "java")] == [*["pypy3"] * 3, "cpp", "java"]
    assert named("", replace(STDIO, languages=("c", "java"))) == "c"
    assert named("text\n```\n```python", STDIO, "C++") == "cpp"
    java = read_submission(block("java"), BOTH)
    assert java is not None
    assert why_not_allowed(BOTH, java) == "the program is in Java, but must be in C++ or Python (PyPy)"
    assert why_not_allowed(STDIO, java) == ""
    assert why_not_allowed(STDIO, java, "cpp") == "the program is in Java, but must be in C++"
    rust = read_submission(block("rust"), CALL)
    assert rust is not None
    assert why_not_allowed(CALL, rust) == "the program is in rust, but must be in Python"
    assert allowed_languages(BOTH, "python3") == ("pypy3",)
    assert allowed_languages(STDIO, "python3") == ("python3",)
    with pytest.raises(ProblemError, match=r"problem call takes programs in Python, not in C\+\+"):
        allowed_languages(CALL, "cpp")
    with pytest.raises(ProblemError, match="unknown language 'klingon'; the judge knows: c, cpp"):
        allowed_languages(STDIO, "klingon")


@pytest.mark.thorough
@pytest.mark.parametrize(
    "text",
    [
        "`" * 10**7,
        " " * 10**7,
        "```text\nx\n```\n" * (10**7 // 14),
        "```\n" + "x" * 10**7 + "\n```",
        ("```" + " " * 1000 + "`\n") * 10**4,
    ],
)
def test_an_answer_of_ten_megabytes_is_read_quickly(text: str) -> None:
    began = time.process_time()
    read_submission(text, STDIO)
    assert time.process_time() - began < 3.0


def test_every_language_has_a_tag_a_title_and_a_file() -> None:
    for name, language in all_languages().items():
        assert find_language(language.tags[0]).name == name
        assert find_language(language.title.split(" (")[-1].rstrip(")")).name == name
    assert solution_files(STDIO) == {
        "solution.c": "c",
        "solution.cpp": "cpp",
        "Main.java": "java",
        "solution.py": "python3",
    }
    assert solution_files(BOTH) == {"solution.cpp": "cpp", "solution.py": "pypy3"}
    assert solution_files(STDIO, "pypy") == {"solution.py": "pypy3"}
    assert solution_files(CALL) == {"solution.py": "python3"}


def test_a_workspace_holds_one_program() -> None:
    found = workspace_submission(Workspace.of({"Main.java": "class Main {}", "brute.py": ""}), STDIO)
    assert (found.language, found.main, dict(found.files)) == ("java", "Main.java", {"Main.java": "class Main {}"})
    with pytest.raises(BadCallError, match=r"holds solution.c and solution.py: remove all but the one that counts"):
        workspace_submission(Workspace.of({"solution.c": "", "solution.py": ""}), STDIO)
    with pytest.raises(BadCallError, match=r"there is no solution.cpp in the workspace"):
        workspace_submission(Workspace.of({"solution.py": ""}), STDIO, "cpp")


def test_what_is_asked_for() -> None:
    assert pose(CALL, Setting.REASONING) == (
        "Is the list sorted?\n\nWrite a Python function named ordered. Examples:\n\n"
        "ordered([1, 2], 'up') == True\n\nAnswer with one Python code block that holds the whole program."
    )
    assert pose(STDIO, Setting.REASONING, "cpp") == (
        "Double the number.\n\nWrite a C++ program that reads standard input and writes standard output. Examples:\n\n"
        "Input 1:\n```\n21\n```\n\nOutput 1:\n```\n42\n```\n\n"
        "Answer with one C++ code block that holds the whole program."
    )
    assert how_to_answer(BOTH) == (
        "Answer with one code block that holds the whole program, tagged with its language: cpp or pypy."
    )
    assert "a program in C, C++, Java or Python that reads" in describe(STDIO)
    ruled = replace(STDIO, input_rules="One number.\n", output_rules="Its double.", starter={"cpp": "int main() {\n"})
    text = describe(ruled, "cpp")
    assert "Input:\n\nOne number.\n\nOutput:\n\nIts double.\n\nWrite a C++" in text
    assert text.endswith("Begin with this code:\n```cpp\nint main() {\n```")
    assert "Begin" not in describe(ruled, "java")
    assert describe(replace(BOTH, starter={"python3": "x = 1\n"})).endswith("code:\n```pypy\nx = 1\n```")
    method = replace(CALL, starter={"python3": "class Solution:\n    def ordered(self, a, b):\n"})
    assert "Write a Python class Solution with the method ordered." in describe(method)
    assert fenced("a ``` b\n", "c") == "````c\na ``` b\n````"


def test_hidden_tests_and_too_long_examples_are_not_posed() -> None:
    long = replace(STDIO, tests=(Test(1, "5 " * 10**6, "1", public=True), *STDIO.tests))
    for problem in (CALL, long):
        for setting in Setting:
            said = pose(problem, setting) + str(task_files(problem) if setting is Setting.AGENTIC else "")
            assert "31337" not in said
            assert len(said) < 20_000
    assert "characters left out" in pose(long, Setting.TOOLS)


def test_a_problem_without_statement_cannot_be_posed() -> None:
    with pytest.raises(ProblemError, match="problem call has no statement"):
        pose(replace(CALL, statement=" \n"), Setting.REASONING)


def test_what_a_workspace_holds_at_first() -> None:
    own = replace(BOTH, files={"README.md": "mine", "solution.py": "pass\n"}, starter={"cpp": "int x;", "java": "no"})
    assert "solution.cpp" not in task_files(own)
    files = task_files(own, "cpp")
    samples = ["samples/1.ans", "samples/1.in"]
    assert sorted(files) == ["README.md", *samples, "solution.cpp", "solution.py", "statement.md"]
    assert (files["README.md"], files["solution.cpp"], files["solution.py"]) == ("mine", "int x;", "pass\n")
    assert files["statement.md"].startswith("Double the number.")
    assert (files["samples/1.in"], files["samples/1.ans"]) == ("21\n", "42\n")
    assert sorted(task_files(CALL)) == ["README.md"]
