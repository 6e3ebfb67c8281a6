from slotbook import Booking, Calendar
from slotbook.spans import merge, total


def test_a_span_within_another():
    assert merge([(0, 10), (2, 3)]) == [(0, 10)]


def test_spans_within_another_one_after_the_other():
    assert merge([(2, 3), (0, 10), (4, 5), (9, 12)]) == [(0, 12)]


def test_total_counts_each_minute_once():
    assert total([(0, 10), (2, 3), (20, 21)]) == 11


def test_busy_all_the_time():
    calendar = Calendar([Booking("Red", 540, 1020), Booking("Red", 600, 630)])
    assert calendar.busy("Red") == [(540, 1020)]
    assert calendar.free("Red", 480, 1080) == [(480, 540), (1020, 1080)]
