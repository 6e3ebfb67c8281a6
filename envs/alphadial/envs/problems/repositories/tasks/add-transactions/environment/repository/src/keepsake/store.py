"""The store."""

from keepsake.errors import NotANumber
from keepsake.watching import Watchers


class Store:
    """Names and values. A value is never None: that stands for a name that is not there."""

    def __init__(self):
        self._values = {}
        self._ends = {}
        self._watchers = Watchers()
        self.now = 0

    def get(self, name):
        """The value of a name; None if it is not there, or not any more."""
        self._forget(name)
        return self._values.get(name)

    def set(self, name, value, lasts=None):
        """Gives a name a value, for so many ticks or for ever."""
        before = self.get(name)
        self._values[name] = value
        if lasts is None:
            self._ends.pop(name, None)
        else:
            self._ends[name] = self.now + lasts
        self._changed(name, before, value)

    def delete(self, name):
        """Removes a name; whether it was there."""
        before = self.get(name)
        if before is None:
            return False
        del self._values[name]
        self._ends.pop(name, None)
        self._changed(name, before, None)
        return True

    def add(self, name, number):
        """Adds to a value, 0 where there is none; how long it lasts stays as it is. Returns the sum.

        Raises:
            NotANumber: the value is no whole number.
        """
        before = self.get(name)
        if before is not None and type(before) is not int:
            raise NotANumber(f"the value of {name} is no whole number")
        self._values[name] = after = (before or 0) + number
        self._changed(name, before, after)
        return after

    def lasts(self, name):
        """The ticks that a name has left; None for one that lasts for ever or is not there."""
        self._forget(name)
        return self._ends[name] - self.now if name in self._ends else None

    def names(self, prefix=""):
        """The names that begin so, in order."""
        for name in [each for each, end in self._ends.items() if end <= self.now]:
            self._forget(name)
        return sorted(name for name in self._values if name.startswith(prefix))

    def tick(self, count=1):
        """Lets time pass. Names that it ends are forgotten without a word to those who watch."""
        self.now += count

    def watch(self, prefix, tell):
        """Has ``tell(name, before, after)`` called after every change of a name that begins so."""
        self._watchers.add(prefix, tell)

    def _changed(self, name, before, after):
        if before != after:
            self._watchers.tell(name, before, after)

    def _forget(self, name):
        if name in self._ends and self._ends[name] <= self.now:
            del self._ends[name]
            del self._values[name]
