import pytest
from tabread import Dialect, TableError, read


def test_plain_fields():
    assert read("a,b\n1,2\n") == [["a", "b"], ["1", "2"]]


def test_empty_fields():
    assert read(",a,\n") == [["", "a", ""]]


def test_quoted_fields_may_hold_delimiters():
    assert read('"Smith, John",42\n') == [["Smith, John", "42"]]
    assert read('"a;b";""\n', Dialect(delimiter=";")) == [["a;b", ""]]


def test_lines_may_end_either_way():
    assert read("a\r\nb\n\r\nc") == [["a"], ["b"], ["c"]]


def test_a_quote_within_a_field_is_a_character():
    assert read('5" disk,1\n') == [['5" disk', "1"]]


def test_a_quote_that_is_not_closed():
    with pytest.raises(TableError, match="line 2: a quote is not closed"):
        read('a,b\n"c,d')


def test_a_character_after_a_closed_quote():
    with pytest.raises(TableError, match="line 1: 'x' follows a closed quote"):
        read('"a"x,b\n')
