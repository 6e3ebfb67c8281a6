# expect: AC
# gvisor: TLE
# There is no limit on names, so that memory or time ends it.
# limited: files
# Writes until nothing more fits, in many files, then in many empty ones.
import os


def f(host):
    written = 0
    for folder in (".", "/tmp", "/dev/shm"):
        for number in range(10_000):
            try:
                with open(f"{folder}/{number}", "wb") as file:
                    written += file.write(bytes(1 << 16))
            except OSError:
                break
    for number in range(100_000):
        try:
            os.mkdir(f"/tmp/d{number}")
        except OSError:
            break
    else:
        return ["inodes"]
    return [] if written <= host["files_bytes"] else [written]
