from slotbook.spans import gaps, merge, total


def test_spans_that_touch_are_put_together():
    assert merge([(5, 7), (1, 3), (3, 4)]) == [(1, 4), (5, 7)]


def test_spans_without_length_are_left_out():
    assert merge([(4, 4), (1, 2)]) == [(1, 2)]


def test_gaps_between_two_moments():
    assert gaps([(3, 5), (7, 8)], 0, 10) == [(0, 3), (5, 7), (8, 10)]


def test_nothing_is_left_free():
    assert gaps([(0, 10)], 0, 10) == []


def test_total():
    assert total([(0, 10), (20, 25)]) == 15
