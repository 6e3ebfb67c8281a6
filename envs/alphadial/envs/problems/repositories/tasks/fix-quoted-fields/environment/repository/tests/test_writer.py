from tabread import Dialect, write


def test_fields_are_quoted_where_they_must_be():
    assert write([["a", "b,c", 'd"e', ""]]) == 'a,"b,c","d""e",""\n'


def test_other_delimiters():
    assert write([["a,b", "c;d"]], Dialect.named("semicolon")) == 'a,b;"c;d"\n'


def test_nothing():
    assert write([]) == ""
