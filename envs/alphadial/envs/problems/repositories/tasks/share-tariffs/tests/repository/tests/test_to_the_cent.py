import pytest
from parcelrate import CannotSend, Order, Tariff, TooHeavy, UnknownZone, freight, letters, parcels, quote, quote_many, total

BANDS = {"near": [(100, 1), (200, 2)], "far": [(150, 5)]}


@pytest.mark.parametrize(("includes", "prices"), [(True, [1, 1, 1, 2, 2]), (False, [1, 1, 2, 2, None])])
def test_limits(includes, prices):
    tariff = Tariff("crate", BANDS, includes_limit=includes)
    for grams, cents in zip((0, 99, 100, 101, 200), prices):
        if cents is None:
            with pytest.raises(TooHeavy, match="a crate weighs at most 200 g"):
                tariff.base("near", grams)
        else:
            assert tariff.base("near", grams) == cents


def test_zones():
    tariff = Tariff("crate", BANDS, fallback="far")
    assert tariff.base("moon", 100) == 5
    with pytest.raises(UnknownZone, match="no crate goes to moon"):
        Tariff("crate", BANDS).base("moon", 100)


def test_beyond_the_last_band():
    tariff = Tariff("crate", BANDS, beyond={"near": (10, 3)})
    assert [tariff.base("near", grams) for grams in (200, 201, 210, 211)] == [2, 5, 5, 8]
    with pytest.raises(TooHeavy):
        tariff.base("far", 151)


def test_bands_that_change_later_change_nothing():
    bands = {"near": [(100, 1)]}
    tariff = Tariff("crate", bands)
    bands["near"].append((200, 2))
    with pytest.raises(TooHeavy, match="at most 100 g"):
        tariff.base("near", 150)


def test_a_letter_at_its_limit():
    assert [letters.price(Order("home", grams)) for grams in (20, 21, 1000)] == [85, 100, 275]


def test_a_parcel_at_its_limit():
    assert [parcels.price(Order("home", grams)) for grams in (1999, 2000, 31_499)] == [549, 699, 1949]
    with pytest.raises(TooHeavy, match="a parcel weighs at most 31500 g"):
        parcels.price(Order("moon", 31_500))


def test_the_volume_of_a_parcel_is_rounded_down():
    assert parcels.price(Order("home", 1, size_mm=(100, 100, 999))) == 549
    assert parcels.price(Order("home", 1, size_mm=(100, 100, 1000))) == 699


def test_a_parcel_may_weigh_nothing_and_go_anywhere():
    assert parcels.price(Order("moon", 0)) == 1649


def test_extras_of_parcels():
    assert parcels.price(Order("home", 1, express=True)) == 823
    assert [parcels.price(Order("home", 1, insured=value)) for value in (1, 10_000, 10_001)] == [649, 649, 650]
    assert parcels.price(Order("home", 1, insured=10_001, express=True)) == 924


def test_extras_of_letters():
    with pytest.raises(CannotSend, match="a letter weighs something"):
        letters.price(Order("moon", 0))
    with pytest.raises(CannotSend, match="a letter is not insured"):
        letters.price(Order("moon", 20, insured=1))


def test_freight_at_its_limits():
    assert [freight.price(Order("home", kilos * 1000)) for kilos in (50, 500, 501, 600)] == [4900, 15900, 18400, 18400]
    assert freight.price(Order("europe", 0)) == 9900


def test_the_discount_of_freight_comes_before_its_insurance():
    assert freight.price(Order("europe", 1_000_000)) == 54135
    assert freight.price(Order("europe", 1_000_000, insured=10_000)) == 54335
    assert freight.price(Order("europe", 999_999)) == 60150


def test_insurance_of_freight_is_rounded_to_even():
    assert [freight.price(Order("home", 1, insured=value)) for value in (24, 25, 75, 76)] == [4900, 4900, 4902, 4902]


def test_errors_of_freight_in_their_order():
    with pytest.raises(UnknownZone, match="no freight goes to world"):
        freight.price(Order("world", 1, express=True))
    with pytest.raises(CannotSend, match="freight is never express"):
        freight.price(Order("home", 1, express=True))


def test_other_kinds():
    with pytest.raises(CannotSend, match="no kind balloon"):
        quote("balloon", Order("home", 1))
    with pytest.raises(KeyError):
        total([("balloon", Order("home", 1))])


def test_quotes_of_nothing():
    assert quote_many([]) == []
    assert quote_many(("parcel", Order("home", grams)) for grams in (1, 2000)) == [549, 699]


def test_totals():
    assert total([("freight", Order("home", 1)), ("freight", Order("home", 1)), ("letter", Order("home", 600))]) == 9772
    assert total([("freight", Order("europe", 1)), ("letter", Order("home", 21))]) == 9700
    assert total([("freight", Order("europe", 1)), ("letter", Order("home", 20))]) == 9985
