"""What may go wrong."""


class BrixError(Exception):
    """Base of all errors."""


class Cycle(BrixError):
    """Targets that need each other; ``path`` begins and ends with the same one."""

    def __init__(self, path):
        super().__init__("cycle: " + " -> ".join(path))
        self.path = path
