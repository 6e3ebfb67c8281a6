"""What a text is written like."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Dialect:
    """How fields are told apart."""

    delimiter: str = ","
    quote: str = '"'

    def __post_init__(self):
        if len(self.delimiter) != 1 or len(self.quote) != 1 or self.delimiter == self.quote:
            raise ValueError("delimiter and quote are two different characters")

    @classmethod
    def named(cls, name):
        """One of "comma", "semicolon" and "tab"."""
        return {"comma": cls(), "semicolon": cls(delimiter=";"), "tab": cls(delimiter="\t")}[name]
