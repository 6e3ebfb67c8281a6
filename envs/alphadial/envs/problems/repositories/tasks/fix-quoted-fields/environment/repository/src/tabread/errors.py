"""What may be wrong with a text."""


class TableError(ValueError):
    """A text is no table; ``line`` is the number of the line with the fault, from 1 on."""

    def __init__(self, line, message):
        super().__init__(f"line {line}: {message}")
        self.line = line
