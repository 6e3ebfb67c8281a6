from __future__ import annotations

import pytest

from alphadial.envs.languages.java import main_class
from alphadial.envs.problems.formats.names import language_of, source_file

MAIN = b"main ([Ljava/lang/String;)V"


@pytest.mark.parametrize(
    ("name", "language", "file"),
    [
        ("a.cpp", "cpp", "a.cpp"),
        ("folder/a.cc", "cpp", "a.cc"),
        ("v1.2", "cpp", "v1.2.cpp"),
        ("try.final", "python3", "try.final.py"),
        ("", "python3", "main.py"),
        ("../../-rf $HOME.py", "python3", "rf__HOME.py"),
        ("a.rb", "ruby", "a.rb"),
        ("a", "ruby", "a.txt"),
    ],
)
def test_a_source_has_an_extension_that_its_compiler_takes(name: str, language: str, file: str) -> None:
    assert source_file(name, "", language) == file


@pytest.mark.parametrize(
    ("source", "file"),
    [
        ("public class Solver { public static class Reader {} }", "Solver.java"),
        ("class Reader { public static class Inner {} } public final class Solver {}", "Solver.java"),
        ("// public class Old\n/* public class Older */ class Solver {}", "a.java"),
        ('class Solver { String s = "} public class Text {"; }', "a.java"),
        ("package codeforces;\npublic class Solver {}", "Solver.java"),
        ("public enum Kind { A }", "Kind.java"),
    ],
)
def test_a_java_file_is_called_after_its_public_type(source: str, file: str) -> None:
    assert source_file("a.java", source, "java") == file


@pytest.mark.parametrize(
    ("classes", "stem", "main"),
    [
        ({"Main.class": MAIN, "FastReader.class": b""}, "a", "Main"),
        ({"Solver.class": MAIN, "Main.class": MAIN}, "Solver", "Solver"),
        ({"Solver.class": MAIN, "Reader.class": b"main ()V"}, "a", "Solver"),
        ({"codeforces/Main.class": MAIN}, "Main", "codeforces.Main"),
        ({"Nothing.class": b""}, "a", "a"),
    ],
)
def test_the_class_that_starts_a_java_program(classes: dict[str, bytes], stem: str, main: str) -> None:
    assert main_class(classes, stem) == main


def test_c_beside_cpp_is_cpp() -> None:
    assert language_of({"main.cpp": "", "help.c": ""}) == "cpp"


def test_rare_languages_count_where_nothing_else_tells_one() -> None:
    assert language_of({"a.lua": "", "notes.txt": ""}) == "lua"
    assert language_of({"main.cpp": "", "run.sh": "", "main.d": ""}) == "cpp"
