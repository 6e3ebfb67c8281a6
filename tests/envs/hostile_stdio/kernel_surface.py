# Calls that have opened kernels before.
# expect: AC
# gvisor: WA io_uring_setup
# Of its own kernel, which knows little more of it than the name.
# needs: x86_64
import ctypes

libc = ctypes.CDLL(None, use_errno=True)
calls = {
    "bpf": (321, 0, 0, 0),
    "userfaultfd": (323, 0),
    "perf_event_open": (298, 0, 0, -1, -1, 0),
    "add_key": (248, b"user", b"x", b"y", 1, -2),
    "request_key": (249, b"user", b"x", 0, -2),
    "keyctl": (250, 0, -2, 1),
    "io_uring_setup": (425, 8, ctypes.create_string_buffer(256)),
    "init_module": (175, 0, 0, b""),
    "kexec_load": (246, 0, 0, 0, 0),
    "open_by_handle_at": (304, -100, ctypes.create_string_buffer(64), 0),
    "iopl": (172, 3),
    "swapon": (167, b"/dev/null", 0),
    "reboot": (169, 0, 0, 0, 0),
    "quotactl": (179, 0, 0, 0, 0),
    "lookup_dcookie": (212, 0, 0, 0),
    "settimeofday": (164, ctypes.create_string_buffer(16), 0),
}
found = [name for name, (number, *arguments) in calls.items() if libc.syscall(number, *arguments) >= 0]
print(*found or ["nothing"])
