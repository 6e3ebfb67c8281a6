# Becomes root of namespaces of its own.
# expect: AC
# gvisor: WA 0x10000000
# Its kernel makes them itself, so they are no way to the host's.
import ctypes

libc = ctypes.CDLL(None, use_errno=True)
found = [hex(flag) for flag in (0x10000000, 0x10020000, 0x10000000 | 0x40000000) if libc.unshare(flag) == 0]
print(*found or ["nothing"])
