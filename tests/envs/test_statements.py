"""Statements of every format, as they are posed."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from alphadial.envs.problems import load_split
from alphadial.envs.problems.formats.statements import posed
from alphadial.envs.types import Interface, Problem

ROWS = Path(__file__).parent / "formats"
SHARED = Path(__file__).parents[3] / "shared" / "data"
FIXTURES = [
    *(pytest.param(path, id=path.stem) for path in sorted(ROWS.iterdir())),
    *(
        pytest.param(
            SHARED / name,
            id=name,
            marks=pytest.mark.skipif(not (SHARED / name).exists(), reason=f"shared/data/{name} is not at hand"),
        )
        for name in (
            "judging/kth_challenge.jsonl.xz", "judging/gcpc.jsonl.xz", "efficiency/enamel.csv",
            "functions/HumanEval.jsonl.gz",
        )
    ),
]  # fmt: skip
PROMPT = 'def double(n: int) -> int:\n    """Doubles n.\n\n    >>> double(2)\n    4\n    """\n'


def one(path: Path, row: dict[str, Any]) -> Problem:
    path = path / "rows.jsonl"
    path.write_text(json.dumps(row))
    (problem,) = load_split(path).problems
    return problem


@pytest.mark.parametrize("path", FIXTURES)
def test_every_fixture_has_statements(path: Path) -> None:
    split = load_split(path)
    assert [problem.id for problem in split.problems if not problem.statement.strip()] == []
    assert [fault for fault in split.faults if "statement" in fault.message] == []
    for problem in split.problems:
        assert bool(problem.entry) is (problem.interface is Interface.CALL)
        assert not any(code.strip() and code.strip() in problem.statement for code in problem.starter.values())


@pytest.mark.parametrize(
    ("name", "starts"),
    [
        ("livecodebench", ["", "class Solution:\n    def add("]),
        ("apps", ["", "class Solution:\n    def order("]),
        ("taco", ["", "def double(n):"]),
        ("humaneval", ["def shift(numbers, by):", "def third(number):", "def half(number):"]),
        ("mbpp", ["", ""]),
        ("codecontests", ["", ""]),
    ],
)
def test_starter_code(name: str, starts: list[str]) -> None:
    problems = load_split(ROWS / f"{name}.jsonl").problems
    for problem, start in zip(problems, starts, strict=True):
        assert problem.starter.get("python3", "").startswith(start)
        assert bool(problem.starter) is bool(start)


def test_the_prompt_of_a_function_is_its_starter_and_its_words_the_statement(tmp_path: Path) -> None:
    row = {"task_id": "Own/0", "prompt": PROMPT, "entry_point": "double"}
    check = "def check(candidate):\n    assert candidate(2) == 4\n"
    human = one(tmp_path, row | {"test": check})
    plus = one(tmp_path, row | {"canonical_solution": "    return 2 * n\n", "base_input": [[2]], "plus_input": [[3]]})
    for problem in (human, plus):
        assert problem.statement == "Doubles n.\n\n>>> double(2)\n4"
        assert problem.starter == {"python3": PROMPT}
    bare = one(tmp_path, row | {"prompt": "def double(n):\n", "test": check})
    assert bare.statement == "Complete the function double."


def test_rows_of_ones_own_say_all_that_posing_needs(tmp_path: Path) -> None:
    tests = [{"name": "1", "group": "sample", "input": "2\n", "answer": "4\n"}]
    row = {"id": "a", "statement": "<p>Double a <b>number</b>.</p>", "tests": tests, "submissions": []}
    more = {"input_rules": "n", "output_rules": "2n", "starter": {"cpp": "int main()"}, "languages": ["cpp", "rust"]}
    problem = one(tmp_path, row | more)
    assert problem.statement == "Double a number.\n"
    assert (problem.input_rules, problem.output_rules) == ("n", "2n")
    assert (problem.starter, problem.languages) == ({"cpp": "int main()"}, ("cpp",))
    assert one(tmp_path, row | {"statement": "", "statement_tex": "Double."}).statement == "Double."


@pytest.mark.parametrize(
    ("files", "statement"),
    [
        ({"problem_statement/problem.tex": "bare", "problem_statement/problem.sv.tex": "sv"}, "bare"),
        ({"problem_statement/problem.sv.tex": "sv", "problem_statement/problem.en.tex": "en"}, "en"),
        ({"problem_statement/problem.sv.md": "sv", "problem_statement/problem.da.md": "da"}, "da"),
        ({"problem_statement/problem.da.tex": "da", "problem_statement/macros.tex": "macros"}, "da"),
        ({"problem_statement/double.tex": "double"}, "double"),
        ({"problem_statement/problem.en.html": "Less <i>than</i> 5"}, "Less than 5\n"),
        ({"problem_statement/problem.en.pdf": "%PDF"}, ""),
    ],
)
def test_statements_of_packages(files: dict[str, str], statement: str, tmp_path: Path) -> None:
    common = {
        "problem.yaml": "name: Double\nlimits: {time_limit: 1}\n",
        "data/secret/1.in": "1",
        "data/secret/1.ans": "2",
    }
    for name, text in {**common, **files}.items():
        (tmp_path / "double" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "double" / name).write_text(text)
    split = load_split(tmp_path / "double")
    assert split.problems[0].statement == statement
    assert any("has no statement" in fault.message for fault in split.faults) is (statement == "")


def test_html_becomes_text() -> None:
    html = (
        "<!-- from a judge --><p>Given <code>a</code> of 1 &le; n &lt; 10<sup>5</sup> numbers\n"
        "a<sub>i+1</sub>,<br>return it.</p><ul>\n<li>x<y and vector<int> z>q</li><li>two</li></ul>"
        "<pre>\n1  2\n 3\n</pre><table><tr><th>a</th><td>b</td></tr></table><script>run()</script><p>End</p>"
    )
    assert posed(html) == (
        "Given `a` of 1 ≤ n < 10^5 numbers a_(i+1),\nreturn it.\n\n- x<y and vector<int> z>q\n- two\n\n"
        "1  2\n 3\n\n  a  b\n\nEnd\n"
    )


@pytest.mark.parametrize(
    "text",
    [
        "if a < b and c > d:\n    print()\n",
        "# Title\n\nSome <b>Markdown</b> with `vector<int>`.\n\n* one\n",
        "<int> a </int>",
        "<p>Begins so, but goes on",
        r"\problemname{A} $a < b$ \section*{Input}",
        "",
    ],
)
def test_all_else_stays_as_it_is(text: str) -> None:
    assert posed(text) == text


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (r"\includegraphics[width=0.4\textwidth]{img/map.pdf} and \includegraphics{b}", "map.pdf, b"),
        (r"\illustration{0.3}{car.jpg}{A car}", "car.jpg"),
        ('![A map](https://x.org/map.png "title") ![](data:image/png;base64,AAAA)', "map.png, a picture"),
        ('Markdown with <img width=3 src="a/b.png">', "b.png"),
        ("As in <image> and [Image].", "image, Image"),
        (" ".join(f"![]({number}.png)" for number in range(12)), "0.png, 1.png, 2.png, 3.png, 4.png, 5.png, 6.png, "
         "7.png, 8.png, 9.png, and 2 more"),
    ],
)  # fmt: skip
def test_pictures_are_named_as_missing(text: str, named: str) -> None:
    assert posed(text) == f"{text}\n\n(Pictures that are not shown here: {named}.)\n"


@pytest.mark.parametrize(
    "part", ["![", "\\includegraphics[", "<img ", "<p><!--", "<sup>", "</", "<a b='", "\\illustration{"]
)
def test_hostile_statements_take_no_long_time(part: str) -> None:
    began = time.process_time()
    posed(f"<p>{part * (1_000_000 // len(part))}</p>")
    posed(f"<p>{part * (45_000 // len(part))}</p>")
    assert time.process_time() - began < 3
