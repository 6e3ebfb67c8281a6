import pytest
from slotbook import busy_times, day_report, free_times

DAY = """
# Monday
Red   2026-03-02T09:00 2026-03-02T10:30 Stand-up
Red   2026-03-02T13:00 2026-03-02T14:00 !Review
Blue  2026-03-02T11:00 2026-03-02T12:00
"""


def test_busy_times():
    assert busy_times(DAY, "Red") == ["2026-03-02T09:00 - 2026-03-02T10:30"]


def test_free_times():
    assert free_times(DAY, "Blue", "2026-03-02T08:00", "2026-03-02T18:00") == [
        "2026-03-02T08:00 - 2026-03-02T11:00",
        "2026-03-02T12:00 - 2026-03-02T18:00",
    ]


def test_day_report():
    assert day_report(DAY, "2026-03-02T08:00", "2026-03-02T18:00") == [
        "Blue: 540 minutes free",
        "Red: 510 minutes free",
    ]


def test_lines_that_are_no_bookings():
    with pytest.raises(ValueError, match="line 2: a booking has"):
        busy_times("# nothing\nRed 2026-03-02T09:00\n", "Red")
