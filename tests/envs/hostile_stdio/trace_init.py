# Reads and steers the first process of its sandbox.
# expect: AC
# needs: x86_64
import ctypes
import os

libc = ctypes.CDLL(None, use_errno=True)
found = []
if libc.ptrace(16, 1, 0, 0) == 0:
    found.append("ptrace")
pidfd = libc.syscall(434, 1, 0)
if pidfd >= 0 and libc.syscall(438, pidfd, 0, 0) >= 0:
    found.append("pidfd_getfd")
local = ctypes.create_string_buffer(16)


class Vector(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("size", ctypes.c_size_t))


ours, theirs = Vector(ctypes.addressof(local), 16), Vector(0x400000, 16)
if libc.process_vm_readv(1, ctypes.byref(ours), 1, ctypes.byref(theirs), 1, 0) > 0:
    found.append("process_vm_readv")
print(*found or ["nothing"])
