# A daemon waits for the next program, reads its input, writes to its output, and leaves what it saw where it may.
# expect: AC
# twice: yes
import os
import time

found = [path for path in ("/tmp/seen", "/dev/shm/seen", "/w/seen", "seen") if os.path.exists(path)]
if os.fork() == 0:
    os.setsid()
    known = set(os.listdir("/proc"))
    if os.fork() == 0:
        until = time.monotonic() + 20
        while time.monotonic() < until:
            for process in set(filter(str.isdigit, os.listdir("/proc"))) - known:
                for name in ("0", "1"):
                    try:
                        descriptor = os.open(f"/proc/{process}/fd/{name}", os.O_RDWR if name == "1" else os.O_RDONLY)
                        os.write(descriptor, b"spy\n") if name == "1" else os.pread(descriptor, 100, 0)
                        for folder in ("/tmp", "/dev/shm", "/w", "."):
                            open(f"{folder}/seen", "w").close()
                    except OSError:
                        pass
            time.sleep(0.005)
    os._exit(0)
os.wait()
print(*found or ["nothing"])
