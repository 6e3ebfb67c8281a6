import pytest
from tabread import Table, TableError

TEXT = "name,price\nTea,2.50\nCake,3\nTea,2.70\n"


def test_columns():
    assert Table.from_text(TEXT).column("price") == ["2.50", "3", "2.70"]


def test_where():
    assert Table.from_text(TEXT).where("name", "Cake") == [{"name": "Cake", "price": "3"}]


def test_records_of_another_length():
    with pytest.raises(TableError, match="record 3 has 1 fields in place of 2"):
        Table.from_text("a,b\n1,2\n3\n")


def test_no_header():
    with pytest.raises(TableError, match="no header"):
        Table.from_text("\n")
