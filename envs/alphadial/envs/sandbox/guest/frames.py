"""The wire between the judge and what runs inside the sandbox. Integers are in network byte order."""

from __future__ import annotations

import struct

HELLO = struct.Struct("!d")
"""Server to judge, once it is up: CPU seconds of the start that every program is spared."""

COMMAND = struct.Struct("!cI")
"""Judge to server: NEXT, to have a process ready for the program of a number, all programs but the one before it being
over; or KILL that program."""
NEXT, KILL = b"N", b"K"

TOLD = struct.Struct("!cIidq")
"""Server to judge: READY, with our end of the socket pair that the process has, or without where it cannot be forked;
or ENDED. Then the program's number and, of what has ended, wait status, CPU seconds and peak resident bytes."""
ENDED = b"E"

MOST_DESCRIPTORS = 4

INPUT = struct.Struct("!I")
"""Judge to program: the length of the JSON that follows."""

CPU = struct.Struct("!I")
"""Judge to program, where that is a command: whole CPU seconds for the kernel's own limit."""

OUTPUT = struct.Struct("!cQI")
"""Program to judge: one of the kinds below, steps used, and the length of the text that follows."""
READY = b"R"
EXIT = b"X"
"""From the first process of a namespace, all others being gone: in place of steps, the exit status of the program as
shells report it."""
ANSWER = b"A"
ERROR = b"E"
COMPILE_ERROR = b"C"
OUT_OF_MEMORY = b"M"
OUT_OF_STEPS = b"S"
