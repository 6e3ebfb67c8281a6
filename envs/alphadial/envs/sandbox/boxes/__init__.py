"""Boxes: machines for attempts on repositories, and for grading them."""
