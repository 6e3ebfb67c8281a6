"""What is sent, and where."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Order:
    """One thing that is sent."""

    zone: str
    grams: int
    size_mm: tuple = (0, 0, 0)
    insured: int = 0
    """Its value in cents; 0: it is not insured."""
    express: bool = False
