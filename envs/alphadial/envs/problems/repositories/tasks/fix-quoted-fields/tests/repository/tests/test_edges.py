import pytest
from tabread import Dialect, Table, TableError, read, write


def test_line_ends_within_a_field_stay():
    assert read('"a\r\nb"\r\nc\r\n') == [["a\r\nb"], ["c"]]
    assert read('"a\rb","c\r"') == [["a\rb", "c\r"]]


def test_a_lone_carriage_return_ends_no_line():
    assert read("a\rb,c\n") == [["a\rb", "c"]]


def test_empty_lines_and_empty_fields():
    assert read('\n\r\n""\n\n"",""\r\n') == [[""], ["", ""]]
    assert read("") == []


def test_the_end_of_the_text_ends_a_field():
    assert read('a,"b"') == [["a", "b"]]
    assert read("a,") == [["a", ""]]
    assert read('a,""') == [["a", ""]]


def test_quotes_in_the_middle_of_a_field():
    assert read('5" disk,a""b\n') == [['5" disk', 'a""b']]


def test_an_open_quote_is_told_where_it_was_opened():
    with pytest.raises(TableError, match="line 3: a quote is not closed"):
        read('"a\nb"\n"c\nd\ne\n')


def test_the_line_of_a_character_after_a_closed_quote():
    with pytest.raises(TableError, match="line 4: 'x' follows a closed quote"):
        read('a\n"b\n\nc"x\n')


def test_a_carriage_return_alone_does_not_follow_a_closed_quote():
    with pytest.raises(TableError, match="line 1: "):
        read('"a"\rb\n')


def test_the_line_of_a_record_of_another_length():
    with pytest.raises(TableError, match="line 5: record 3 has 1 fields in place of 2") as caught:
        Table.from_text('a,b\n\n1,"2\n3"\n4\n')
    assert caught.value.line == 5


@pytest.mark.parametrize("name", ["comma", "semicolon", "tab"])
def test_every_field_comes_back(name):
    fields = ["", " ", '"', '""', ",", ";", "\t", "\n", "\r\n", "\r", 'a"b', "a\nb", "\n\n", ' "x" ', "é"]
    records = [fields, fields[::-1], *([field] for field in fields)]
    dialect = Dialect.named(name)
    assert read(write(records, dialect), dialect) == records


def test_another_quote():
    dialect = Dialect(quote="'")
    assert read("'it''s',\"\n", dialect) == [["it's", '"']]
