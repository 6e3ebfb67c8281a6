"""What is asked of a text with bookings, in words."""

from slotbook.spans import total
from slotbook.textfile import read
from slotbook.times import minutes, moment


def busy_times(text, room):
    """When a room is busy, as lines "START - END"."""
    return [_line(span) for span in read(text).busy(room)]


def free_times(text, room, opening, closing):
    """When a room is free between two moments, as lines "START - END"."""
    return [_line(span) for span in read(text).free(room, minutes(opening), minutes(closing))]


def first_free(text, room, length, opening, closing):
    """The first moment from which a room is free for so many minutes; None if there is none."""
    found = read(text).first_free(room, length, minutes(opening), minutes(closing))
    return None if found is None else moment(found)


def day_report(text, opening, closing):
    """One line for each room: how many minutes of the time between two moments are free."""
    calendar = read(text)
    free = {room: total(calendar.free(room, minutes(opening), minutes(closing))) for room in calendar.rooms}
    return [f"{room}: {count} minutes free" for room, count in free.items()]


def _line(span):
    return f"{moment(span[0])} - {moment(span[1])}"
