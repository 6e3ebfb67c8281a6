"""Who is told of what."""


class Watchers:
    """Functions that are called after changes, in the order in which they came."""

    def __init__(self):
        self._all = []

    def add(self, prefix, tell):
        self._all.append((prefix, tell))

    def tell(self, name, before, after):
        for prefix, tell in self._all:
            if name.startswith(prefix):
                tell(name, before, after)
