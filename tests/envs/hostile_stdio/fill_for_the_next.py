# Fills files, names, memory and processes, holds on to them, and looks whether the next program has room.
# expect: AC
# twice: yes
import os
import time

found = []
for folder in (".", "/tmp", "/dev/shm"):
    try:
        with open(f"{folder}/room", "wb") as file:
            file.write(bytes(3 << 20))
        os.unlink(f"{folder}/room")
    except OSError as error:
        found.append(f"{folder}: {error}")
children = []
try:
    for _ in range(4):
        pid = os.fork()
        if pid == 0:
            os.setsid()
            held = bytearray(b"x") * (2 << 20)
            time.sleep(1000)
        children.append(pid)
except OSError:
    found.append(f"{len(children)} processes")
print(*found or ["nothing"], flush=True)
if os.fork() == 0:
    os.setsid()
    try:
        for number in range(100_000):
            os.open(f"/tmp/{number}" if number % 50 == 0 else f"/dev/shm/{number}", os.O_CREAT | os.O_WRONLY)
    except OSError:
        pass
    try:
        with open("full", "wb") as file:
            while True:
                file.write(bytes(1 << 16))
    except OSError:
        pass
    time.sleep(1000)
time.sleep(0.02)
os._exit(0)
