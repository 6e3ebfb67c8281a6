from parcelrate import Order, total
from parcelrate.rows import invoice, prices


def test_total():
    assert total([("letter", Order("home", 40)), ("parcel", Order("home", 500))]) == 649
    assert total([("freight", Order("home", 200_000))]) == 15423


def test_rows():
    rows = [{"kind": "letter", "zone": "home", "grams": 40}, {"kind": "freight", "zone": "moon", "grams": 1}]
    assert prices(rows) == [100, "no freight goes to moon"]
    assert invoice(rows) == "no freight goes to moon"
