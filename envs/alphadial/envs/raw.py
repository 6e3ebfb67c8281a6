"""Bytes as text and back, exactly: what programs write, and tests, need not be UTF-8."""

from __future__ import annotations

BOM = "\ufeff"
"""The mark that some editors put before UTF-8; Python leaves it out of a file that begins with it."""


def as_text(data: bytes | bytearray) -> str:
    """Bytes as text; each that is not part of UTF-8 becomes a lone surrogate (PEP 383), so that none equals another."""
    return data.decode("utf-8", "surrogateescape")


def as_bytes(text: str) -> bytes:
    """The bytes that a text came from. It is the inverse of ``as_text``."""
    return text.encode("utf-8", "surrogateescape")


def readable(text: str) -> str:
    """Text for people and files: what ``as_text`` could not read is shown as U+FFFD."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
