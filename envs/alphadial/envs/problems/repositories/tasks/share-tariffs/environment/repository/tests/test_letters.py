import pytest
from parcelrate import CannotSend, Order, UnknownZone, letters


def test_letters():
    assert letters.price(Order("home", 40)) == 100
    assert letters.price(Order("world", 700)) == 1300


def test_express_letters():
    assert letters.price(Order("home", 40, express=True)) == 350


def test_letters_that_cannot_be_sent():
    with pytest.raises(UnknownZone, match="no letter goes to moon"):
        letters.price(Order("moon", 40))
    with pytest.raises(CannotSend, match="at most 1000 g"):
        letters.price(Order("home", 1200))
