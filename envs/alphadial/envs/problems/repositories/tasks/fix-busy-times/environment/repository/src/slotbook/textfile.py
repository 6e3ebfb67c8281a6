"""Bookings as lines of text."""

from slotbook.booking import Booking
from slotbook.calendar import Calendar
from slotbook.times import minutes


def read(text):
    """The calendar that a text describes; empty lines and lines that begin with # say nothing.

    Raises:
        ValueError: a line is no booking; the message begins with its number.
    """
    calendar = Calendar()
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip() and not line.lstrip().startswith("#"):
            calendar.add(_booking(number, line))
    return calendar


def _booking(number, line):
    words = line.split(maxsplit=3)
    if len(words) < 3:
        raise ValueError(f"line {number}: a booking has a room, a start and an end")
    title = words[3].strip() if len(words) == 4 else ""
    try:
        start, end = minutes(words[1]), minutes(words[2])
        return Booking(words[0], start, end, title.lstrip("!"), title.startswith("!"))
    except ValueError as error:
        raise ValueError(f"line {number}: {error}") from error
