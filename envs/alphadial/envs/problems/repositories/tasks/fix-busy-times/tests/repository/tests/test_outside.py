import pytest
from slotbook import Booking, Calendar
from slotbook.spans import gaps


def test_a_booking_that_ended_before():
    assert gaps([(0, 5)], 10, 20) == [(10, 20)]


def test_a_booking_that_begins_after():
    assert gaps([(30, 40)], 10, 20) == [(10, 20)]


def test_bookings_over_the_edges():
    assert gaps([(5, 12), (18, 25)], 10, 20) == [(12, 18)]


def test_a_booking_over_everything():
    assert gaps([(5, 25)], 10, 20) == []


@pytest.mark.parametrize("closing", [10, 5])
def test_no_time_at_all(closing):
    assert gaps([(0, 1)], 10, closing) == []
    assert gaps([], 10, closing) == []


def test_first_free_lies_between_the_moments():
    calendar = Calendar([Booking("Red", 0, 5), Booking("Red", 8, 15), Booking("Red", 40, 50)])
    assert calendar.first_free("Red", 5, 10, 20) == 15
    assert calendar.first_free("Red", 6, 10, 20) is None


def test_the_order_of_bookings_stays():
    late, early = Booking("Red", 30, 40, "late"), Booking("Red", 10, 35, "early")
    calendar = Calendar([late, early])
    assert calendar.busy("Red") == [(10, 40)]
    assert calendar.bookings("Red") == [late, early]


def test_spans_are_not_changed():
    spans = [(3, 5), (0, 10)]
    assert gaps(spans, 0, 20) == [(10, 20)]
    assert spans == [(3, 5), (0, 10)]
