"""The wire between a box's owner and its keeper, the same in both directions: a head, JSON, and bytes beside it."""

from __future__ import annotations

import struct

HEAD = struct.Struct("!IQ")
"""Length of the JSON, and of the bytes that follow it."""
CHUNK = 1 << 18

FILE, EXECUTABLE, LINK = "F", "X", "L"
"""Kinds of files."""
BY_TIMES = "by times"
"""How the keeper finds changed files, where an access is always told by a file's status."""
CPU, WALL, MEMORY, OUTPUT = "cpu", "wall", "memory", "output"
"""Limits that end a command."""
