from parcelrate import Order, freight


def test_freight():
    assert freight.price(Order("home", 100_000)) == 8900
    assert freight.price(Order("europe", 620_000)) == 44400


def test_heavy_freight():
    assert freight.price(Order("home", 1_200_000)) == 30060
