# Mounts the host, or moves the root away.
# expect: AC
import ctypes
import os

libc = ctypes.CDLL(None, use_errno=True)
folder, secret, port, abstract, pid = input().split()
found = []
os.makedirs("m", exist_ok=True)
for kind, source, flags in (("tmpfs", "none", 0), ("proc", "proc", 0), ("sysfs", "none", 0), ("devtmpfs", "none", 0),
                            ("none", "/", 4096), ("none", "/usr", 32 | 4096), ("ext4", "/dev/vda", 0), ("overlay", "o", 0)):
    if libc.mount(source.encode(), b"m", kind.encode(), flags, None) == 0:
        found.append(f"mount {kind}")
for call in ("/usr", "/opt", "/proc"):
    if libc.mount(b"none", call.encode(), b"none", 32, None) == 0:
        found.append(f"remount {call}")
    if libc.umount2(call.encode(), 2) == 0:
        found.append(f"umount {call}")
if libc.chroot(b".") == 0:
    found.append("chroot")
if libc.pivot_root(b".", b".") == 0 if hasattr(libc, "pivot_root") else False:
    found.append("pivot_root")
print(*found or ["nothing"])
