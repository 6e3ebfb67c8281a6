# Lowers every limit of itself and of its parent, and looks whether the last program did.
# expect: AC
# gvisor: RTE
# Its kernel ends at once what may use no CPU time.
# twice: yes
import os
import resource

least = {"NOFILE": 32, "FSIZE": 1 << 20, "STACK": 1 << 20, "AS": 1 << 26, "DATA": 1 << 26, "CPU": 1, "NPROC": 3}
found = []
for name, value in least.items():
    soft, hard = resource.getrlimit(getattr(resource, f"RLIMIT_{name}"))
    if -1 < soft < value or -1 < hard < value:
        found.append(name)
print(*found or ["nothing"], flush=True)
for process in (os.getppid(), 1, 0):
    for name in (*least, "MEMLOCK", "SIGPENDING", "MSGQUEUE"):
        try:
            resource.prlimit(process, getattr(resource, f"RLIMIT_{name}"), (0, 0))
        except (OSError, ValueError):
            pass
os._exit(0)
