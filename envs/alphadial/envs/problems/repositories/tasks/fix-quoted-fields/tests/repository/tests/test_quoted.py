from tabread import Dialect, read, write


def test_two_quotes_stand_for_one():
    assert read('"Say ""hello""",1\n') == [['Say "hello"', "1"]]
    assert read('""""\n') == [['"']]


def test_lines_within_a_field():
    assert read('a,"two\nlines",b\nc\n') == [["a", "two\nlines", "b"], ["c"]]


def test_what_is_written_can_be_read():
    records = [["name", "note"], ["Tea", 'Say "hello"'], ["", "two\nlines, or\n\nmore"]]
    assert read(write(records)) == records
    assert read(write(records, Dialect.named("tab")), Dialect.named("tab")) == records
