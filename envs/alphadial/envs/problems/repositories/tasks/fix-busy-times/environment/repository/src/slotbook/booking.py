"""What somebody booked."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Booking:
    """A room, from a minute to another one.

    Raises:
        ValueError: it ends before it begins.
    """

    room: str
    start: int
    end: int
    title: str = ""
    cancelled: bool = False

    def __post_init__(self):
        if self.end < self.start:
            raise ValueError(f"the booking {self.title!r} of {self.room} ends before it begins")

    @property
    def span(self):
        return (self.start, self.end)
