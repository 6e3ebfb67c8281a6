"""Units of size."""

from __future__ import annotations

MIB = 1024 * 1024
"""Bytes in a mebibyte."""
