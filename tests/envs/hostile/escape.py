# expect: AC
# gvisor: WA
# Its own kernel answers many of them; none leads to the host's.
# The system calls that have opened sandboxes before, by number where the C library has no name for them.
import ctypes
import os
import platform

CALLS = {
    # name: (x86_64, aarch64, arguments)
    "unshare user": (272, 97, (0x10000000,)),
    "unshare mount": (272, 97, (0x00020000,)),
    "setns": (308, 268, (0, 0)),
    "clone user": (56, 220, (0x10000000 | 17, 0, 0, 0, 0)),
    "ptrace": (101, 117, (0, 0, 0, 0)),
    "process_vm_readv": (310, 270, (1, 0, 0, 0, 0, 0)),
    "mount": (165, 40, (b"none", b"/w", b"tmpfs", 0, 0)),
    "umount": (166, 39, (b"/w", 2)),
    "pivot_root": (155, 41, (b"/w", b"/w")),
    "keyctl": (250, 219, (0, -3, 0)),
    "add_key": (248, 217, (b"user", b"k", b"v", 1, -3)),
    "bpf": (321, 280, (0, 0, 0)),
    "io_uring_setup": (425, 425, (8, ctypes.create_string_buffer(200))),
    "userfaultfd": (323, 282, (1,)),
    "perf_event_open": (298, 241, (ctypes.create_string_buffer(200), 0, -1, -1, 0)),
    "open_by_handle_at": (304, 265, (-100, ctypes.create_string_buffer(200), 0)),
    "personality": (135, 92, (0x0040000,)),
    "fsopen": (430, 430, (b"tmpfs", 0)),
    "kexec_load": (246, 104, (0, 0, 0, 0)),
    "sethostname": (170, 161, (b"x", 1)),
}


def f(host):
    libc = ctypes.CDLL(None, use_errno=True)
    column = 0 if platform.machine() == "x86_64" else 1
    found = []
    for name, row in CALLS.items():
        ctypes.set_errno(0)
        result = libc.syscall(row[column], *row[2])
        if result == 0 and name == "clone user":
            os._exit(0)
        if ctypes.get_errno() != 1:  # EPERM, from the filter, whatever the arguments
            found.append(f"{name}: {result} {os.strerror(ctypes.get_errno())}")
    ctypes.set_errno(0)
    if libc.syscall(435, 0, 0) != -1 or ctypes.get_errno() != 38:  # clone3: ENOSYS
        found.append("clone3")
    capabilities = (ctypes.c_uint32 * 6)()
    libc.capget((ctypes.c_uint32 * 2)(0x20080522, 0), capabilities)
    return found + [f"capabilities {value:x}" for value in capabilities if value]
