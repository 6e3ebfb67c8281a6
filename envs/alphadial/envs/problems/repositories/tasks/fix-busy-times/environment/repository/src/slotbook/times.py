"""Moments as text and as minutes."""

from datetime import datetime, timedelta

_ZERO = datetime(2000, 1, 1)
_FORMAT = "%Y-%m-%dT%H:%M"


def minutes(text):
    """The minutes from 2000-01-01 to a moment such as "2026-03-02T09:00"."""
    return int((datetime.strptime(text, _FORMAT) - _ZERO).total_seconds() // 60)


def moment(minute):
    """The text of a moment."""
    return (_ZERO + timedelta(minutes=minute)).strftime(_FORMAT)
