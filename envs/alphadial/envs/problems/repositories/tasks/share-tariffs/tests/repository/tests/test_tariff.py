from parcelrate import Order, Tariff, freight, letters, parcels, quote, quote_many
from parcelrate.tariff import Tariff as same

BANDS = {"near": [(100, 1), (200, 2)], "far": [(150, 5)]}


def test_bands():
    tariff = Tariff("crate", BANDS)
    assert [tariff.base("near", grams) for grams in (1, 99, 101, 199)] == [1, 1, 2, 2]
    assert tariff.base("far", 120) == 5


def test_the_tariffs_of_the_modules():
    assert same is Tariff
    assert [type(module.TARIFF) for module in (letters, parcels, freight)] == [Tariff, Tariff, Tariff]
    assert letters.TARIFF.base("home", 40) == 100
    assert parcels.TARIFF.base("europe", 1500) == 1249
    assert freight.TARIFF.base("home", 100_000) == 8900


def test_quotes():
    assert quote("letter", Order("home", 40, express=True)) == 350
    assert quote("freight", Order("europe", 620_000)) == 44400
    assert quote_many([("parcel", Order("home", 500)), ("letter", Order("world", 700))]) == [549, 1300]
