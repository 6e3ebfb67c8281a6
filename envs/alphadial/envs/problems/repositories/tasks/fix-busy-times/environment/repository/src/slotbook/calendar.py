"""Rooms and their bookings."""

from slotbook.spans import gaps, merge


class Calendar:
    """The bookings of some rooms."""

    def __init__(self, bookings=()):
        self._bookings = {}
        for booking in bookings:
            self.add(booking)

    def add(self, booking):
        """Adds a booking. Rooms may be booked twice: people sort that out themselves."""
        self._bookings.setdefault(booking.room, []).append(booking)

    @property
    def rooms(self):
        return sorted(self._bookings)

    def bookings(self, room):
        """The bookings of a room in the order in which they came, without those that were cancelled."""
        return [each for each in self._bookings.get(room, []) if not each.cancelled]

    def busy(self, room):
        """When a room is busy: spans in order that neither overlap nor touch."""
        return merge(each.span for each in self.bookings(room))

    def free(self, room, opening, closing):
        """When a room is free between two moments. A room that nobody knows is free all the time."""
        return gaps([each.span for each in self.bookings(room)], opening, closing)

    def first_free(self, room, length, opening, closing):
        """The first moment from which a room is free for so many minutes; None if there is none."""
        for start, end in self.free(room, opening, closing):
            if end - start >= length:
                return start
        return None
