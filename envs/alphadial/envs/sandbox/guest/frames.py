"""The wire between the judge and what runs inside the sandbox. Integers are in network byte order."""

from __future__ import annotations

import struct

COMMAND = struct.Struct("!cI")
"""Judge to server: START (with the program's end of its socket) or KILL, and the program's number."""
START, KILL = b"S", b"K"

ENDED = struct.Struct("!Iidq")
"""Server to judge: the program's number, wait status, CPU seconds and peak resident bytes."""

INPUT = struct.Struct("!I")
"""Judge to program: the length of the JSON that follows."""

OUTPUT = struct.Struct("!cQI")
"""Program to judge: one of the kinds below, steps used, and the length of the text that follows."""
READY = b"R"
ANSWER = b"A"
ERROR = b"E"
COMPILE_ERROR = b"C"
OUT_OF_MEMORY = b"M"
OUT_OF_STEPS = b"S"
