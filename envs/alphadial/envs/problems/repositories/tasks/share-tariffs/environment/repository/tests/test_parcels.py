import pytest
from parcelrate import Order, TooHeavy, parcels


def test_parcels():
    assert parcels.price(Order("europe", 1500, size_mm=(300, 200, 100))) == 1249
    assert parcels.price(Order("home", 7000)) == 1049


def test_light_and_large():
    assert parcels.price(Order("home", 100, size_mm=(500, 400, 200))) == 1049


def test_insured():
    assert parcels.price(Order("home", 500, insured=50_000)) == 1049


def test_too_heavy():
    with pytest.raises(TooHeavy, match="a parcel weighs at most 31500 g"):
        parcels.price(Order("home", 40_000))
