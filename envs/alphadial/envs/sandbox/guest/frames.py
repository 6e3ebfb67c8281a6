"""The wire between the judge and what runs inside the sandbox. Integers are in network byte order."""

from __future__ import annotations

import struct

HELLO = struct.Struct("!d")
"""Server to judge, once it is up: CPU seconds of the start that every program is spared."""

COMMAND = struct.Struct("!cI")
"""Judge to server: START (with the program's descriptors, its end of its socket first) or KILL, and its number."""
START, KILL = b"S", b"K"
MOST_DESCRIPTORS = 5

ENDED = struct.Struct("!Iidq")
"""Server to judge: the program's number, wait status, CPU seconds and peak resident bytes."""
REFUSED = -1
"""In place of the status: the program was ended, since it asked for what no program may in a warm server."""

REPORT = struct.Struct("!B")
"""First process of a namespace to server: the exit status of the program, as shells report it; all others are gone."""
LISTENER = b"L"
"""Program to server, of that length, with the descriptor of ``Isolation.confine`` before it has anything to run."""

INPUT = struct.Struct("!I")
"""Judge to program: the length of the JSON that follows."""

CPU = struct.Struct("!I")
"""Judge to program, where that is a command: whole CPU seconds for the kernel's own limit."""

OUTPUT = struct.Struct("!cQI")
"""Program to judge: one of the kinds below, steps used, and the length of the text that follows."""
READY = b"R"
ANSWER = b"A"
ERROR = b"E"
COMPILE_ERROR = b"C"
OUT_OF_MEMORY = b"M"
OUT_OF_STEPS = b"S"
