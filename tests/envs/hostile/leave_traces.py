# expect: AC
# twice: yes
# Leaves files, shared memory, a semaphore, a listening daemon; reports what it finds of them.
import ctypes
import os
import socket
import time

FOLDERS = (".", "/tmp", "/dev/shm", "/w", "/var/tmp", "/usr/tmp", "/opt")


def f(host):
    found = [
        name
        for folder in FOLDERS
        if os.path.isdir(folder)
        for name in os.listdir(folder)
        if name.startswith("trace")
    ]
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.shmget(4711, 4096, 0o600) >= 0:
        found.append("shared memory")
    if libc.semget(4711, 1, 0o600) >= 0:
        found.append("semaphore")
    for address in ("\0trace", "/tmp/trace-socket"):
        try:
            socket.socket(socket.AF_UNIX).connect(address)
            found.append("daemon")
        except OSError:
            pass
    for folder in FOLDERS:
        try:
            open(folder + "/trace", "w").close()
        except OSError:
            pass
    libc.shmget(4711, 4096, 0o1600)
    libc.semget(4711, 1, 0o1600)
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            try:
                listening = socket.socket(socket.AF_UNIX)
                listening.bind("\0trace")
                listening.listen()
            except OSError:  # it must not go on to answer in place of the first process
                pass
            time.sleep(1000)
        os._exit(0)
    return found
