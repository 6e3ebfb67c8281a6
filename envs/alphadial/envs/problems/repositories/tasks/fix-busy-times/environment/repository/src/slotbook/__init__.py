"""Rooms, bookings and free times."""

from slotbook.booking import Booking
from slotbook.calendar import Calendar
from slotbook.report import busy_times, day_report, first_free, free_times

__all__ = ["Booking", "Calendar", "busy_times", "day_report", "first_free", "free_times"]
