import pytest
from slotbook import Booking, Calendar


def test_cancelled_bookings_keep_no_room_busy():
    calendar = Calendar([Booking("Red", 10, 20, cancelled=True), Booking("Red", 30, 40)])
    assert calendar.busy("Red") == [(30, 40)]


def test_unknown_rooms_are_free():
    assert Calendar().free("Green", 0, 100) == [(0, 100)]


def test_first_free():
    calendar = Calendar([Booking("Red", 10, 20), Booking("Red", 25, 60)])
    assert calendar.first_free("Red", 5, 10, 100) == 20
    assert calendar.first_free("Red", 6, 10, 100) == 60
    assert calendar.first_free("Red", 60, 10, 100) is None


def test_a_booking_that_ends_before_it_begins():
    with pytest.raises(ValueError, match="ends before it begins"):
        Booking("Red", 20, 10)
